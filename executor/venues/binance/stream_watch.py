"""A watchdog for each stream of a socket: one may be mute while the others flow."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass

LONGEST_S = 300.0
HANG_UP_AT = 3
"""The time in a row at which subscribing again did not help, and the socket itself is at fault."""


@dataclass
class _Stream:
    heard: float
    tries: int = 0


class StreamWatch:
    """Says which streams are mute; a quiet market makes it ask ever more seldom.

    ``stale_s`` is how long a stream may be silent; None where silence is normal.
    """

    def __init__(self, stale_s: float | None, now_s: Callable[[], float] = time.monotonic) -> None:
        self.stale_s = stale_s
        self._now_s = now_s
        self._streams: dict[str, _Stream] = {}

    def heard(self, name: str) -> None:
        """Take note of a message."""
        self._streams[name] = _Stream(self._now_s())

    def restart(self) -> None:
        """Give every stream its time again: the connection is new."""
        for stream in self._streams.values():
            stream.heard = self._now_s()

    def mute(self, subscribed: Iterable[str]) -> dict[str, int]:
        """Return streams that are out of time, and for how many times in a row."""
        if self.stale_s is None:
            return {}
        now, found = self._now_s(), {}
        for name in subscribed:
            stream = self._streams.setdefault(name, _Stream(now))
            if now - stream.heard > min(self.stale_s * 2**stream.tries, LONGEST_S):
                stream.heard, stream.tries = now, stream.tries + 1
                found[name] = stream.tries
        return found
