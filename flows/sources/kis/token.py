"""The access token: kept in a file that only its owner reads, issued at most once a minute."""

from __future__ import annotations

import asyncio
import hashlib
import json
import os
import stat
import time
from collections.abc import Awaitable, Callable
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

from flows.sources.http import SourceError
from lake.files import exclusive, write_atomically
from trading.errors import SettingsError

KEY_VARIABLE = "NOCTURNE_KIS_KEY"
SECRET_VARIABLE = "NOCTURNE_KIS_SECRET"
ISSUE_EVERY_S = 60.0
"""The service issues one token a minute (EGW00133 otherwise)."""
SPARE_S = 600.0
"""A token that ends sooner than this is renewed."""


@dataclass(frozen=True, slots=True, repr=False)
class KisCredentials:
    """Key and secret of an account; never printed."""

    key: str
    secret: str

    def __repr__(self) -> str:
        return "KisCredentials(***)"

    @classmethod
    def from_environment(cls) -> KisCredentials:
        """Read both variables; `SettingsError` names those that are missing."""
        names = (KEY_VARIABLE, SECRET_VARIABLE)
        missing = [name for name in names if not os.environ.get(name)]
        if missing:
            raise SettingsError(
                f"{' and '.join(missing)} not set; export the key and secret of your account at "
                "Korea Investment & Securities"
            )
        return cls(os.environ[KEY_VARIABLE], os.environ[SECRET_VARIABLE])


@dataclass(frozen=True, slots=True, repr=False)
class Token:
    """A token with the seconds since 1970 at which it was requested and at which it ends.

    An empty text marks a request that failed: the next one waits for its minute.
    """

    text: str
    issued_at: float
    ends_at: float

    def __repr__(self) -> str:
        return f"Token(***, ends_at={self.ends_at:.0f})"


class TokenFile:
    """The token of one key at one host, shared by the processes of this machine."""

    def __init__(
        self,
        folder: Path,
        base_url: str,
        credentials: KisCredentials,
        *,
        clock: Callable[[], float] = time.time,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        owner = hashlib.sha256(f"{base_url} {credentials.key}".encode()).hexdigest()[:16]
        self.path = folder / f"kis-token-{owner}.json"
        self._clock = clock
        self._sleep = sleep

    async def token(self, issue: Callable[[], Awaitable[tuple[str, float]]]) -> str:
        """Return the stored token, or a new one of ``issue``: its text and its seconds to live.

        Raises `SettingsError` when others may read the file, and what ``issue`` raises.
        """
        lock = self.path.with_suffix(".lock")
        with ExitStack() as stack:
            waiting = exclusive(lock, "asking for a token", timeout_s=2 * ISSUE_EVERY_S)
            await asyncio.to_thread(stack.enter_context, waiting)
            held = self._read()
            if held is not None and held.text and held.ends_at - self._clock() > SPARE_S:
                return held.text
            if held is not None:
                wait = held.issued_at + ISSUE_EVERY_S - self._clock()
                if wait > 0:
                    await self._sleep(min(wait, ISSUE_EVERY_S))
            asked_at = self._clock()
            self._write(Token("", asked_at, 0.0))
            text, lives_s = await issue()
            self._write(Token(text, asked_at, asked_at + lives_s))
            return text

    def forget(self) -> None:
        """Drop a token that the service refused; the minute between two issues still counts."""
        held = self._read()
        if held is not None:
            self._write(Token("", held.issued_at, 0.0))

    def _read(self) -> Token | None:
        try:
            mode = self.path.stat().st_mode
            if mode & (stat.S_IRWXG | stat.S_IRWXO):
                raise SettingsError(
                    f"others may read {self.path} (mode {stat.S_IMODE(mode):o}); "
                    f"run: chmod 600 {self.path}"
                )
            content = json.loads(self.path.read_text(encoding="utf-8"))
            return Token(
                str(content["token"]), float(content["issued_at"]), float(content["ends_at"])
            )
        except FileNotFoundError:
            return None
        except (ValueError, KeyError, TypeError):
            return None  # damaged: a new token replaces it

    def _write(self, token: Token) -> None:
        text = json.dumps(
            {"token": token.text, "issued_at": token.issued_at, "ends_at": token.ends_at}
        )

        def write(path: Path) -> None:
            descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
            with os.fdopen(descriptor, "w", encoding="utf-8") as file:
                file.write(text)

        write_atomically(self.path, write)


def lifetime(answer: object) -> tuple[str, float]:
    """Return the token of the service's answer and its seconds to live."""
    if not isinstance(answer, dict) or not answer.get("access_token"):
        raise SourceError("the answer to the request of a token holds none")
    return str(answer["access_token"]), float(answer.get("expires_in") or 86_400)
