"""Sessions, in memory: a restart asks everybody to log in again."""

from __future__ import annotations

import hashlib
import hmac
import secrets
from collections.abc import Callable
from dataclasses import dataclass

from dashboard.controls import CommandResult

IDLE_S = 30 * 60.0
LONGEST_S = 12 * 3600.0


@dataclass(slots=True)
class LoginSession:
    """One login; times in seconds of a monotonic clock."""

    csrf: str
    began: float
    seen: float
    notice: CommandResult | None = None
    """What the last command led to, until a page has shown it."""


class Sessions:
    """Sessions by the hash of their id; ids are of 256 bits and new at each login."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._open: dict[str, LoginSession] = {}

    def begin(self) -> str:
        """Open a session and return its id."""
        now = self._clock()
        for key in [key for key, one in self._open.items() if self._is_over(one, now)]:
            del self._open[key]
        identifier = secrets.token_urlsafe(32)
        self._open[_key(identifier)] = LoginSession(secrets.token_urlsafe(32), now, now)
        return identifier

    def find(self, identifier: str | None) -> LoginSession | None:
        """Return the session and note that it was used; None if it is unknown or over."""
        session = self._open.get(_key(identifier)) if identifier else None
        now = self._clock()
        if session is None or self._is_over(session, now):
            return None
        session.seen = now
        return session

    def end(self, identifier: str | None) -> None:
        """Close a session."""
        if identifier:
            self._open.pop(_key(identifier), None)

    @staticmethod
    def _is_over(session: LoginSession, now: float) -> bool:
        return now - session.seen > IDLE_S or now - session.began > LONGEST_S


def _key(identifier: str) -> str:
    return hashlib.sha256(identifier.encode()).hexdigest()


def same(expected: str, given: str) -> bool:
    """Compare two tokens in constant time."""
    return hmac.compare_digest(expected.encode(), given.encode())
