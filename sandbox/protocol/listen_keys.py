"""Listen keys: one per account, valid for an hour of wall time unless kept alive."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field

from trading.candles import HOUR_MS

VALID_MS = HOUR_MS


@dataclass(slots=True)
class ListenKeys:
    """The active key of each account and the wall time (ms) when it expires."""

    _seed: int
    _made: int = 0
    _keys: dict[str, tuple[str, int]] = field(default_factory=dict)

    def start(self, account: str, now_ms: int) -> str:
        """Return the account's active key, made if there is none; valid for an hour from now."""
        key, _ = self._keys.get(account, ("", 0))
        if not key:
            self._made += 1
            text = f"{self._seed}:{account}:{self._made}"
            key = hashlib.sha256(text.encode()).hexdigest()
        self._keys[account] = (key, now_ms + VALID_MS)
        return key

    def keep(self, account: str, now_ms: int) -> bool:
        """Extend the account's key; False when it has none."""
        if account not in self._keys:
            return False
        self.start(account, now_ms)
        return True

    def stop(self, account: str) -> str:
        """Forget the account's key and return it, empty when there was none."""
        return self._keys.pop(account, ("", 0))[0]

    def key_of(self, account: str) -> str:
        """Return the account's key, empty when there is none."""
        return self._keys.get(account, ("", 0))[0]

    def owner(self, key: str) -> str | None:
        """Return the account that holds ``key``."""
        return next((name for name, (held, _) in self._keys.items() if held == key), None)

    def expired(self, now_ms: int) -> list[str]:
        """Accounts whose key has expired; they keep it until it is stopped."""
        return [name for name, (_, until) in self._keys.items() if until <= now_ms]
