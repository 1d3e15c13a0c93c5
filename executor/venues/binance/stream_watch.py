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
    asked: float
    tries: int = 0
    hung_up: bool = False


class StreamWatch:
    """Finds mute streams; in a quiet market it asks less and less often.

    ``stale_s`` is how long a stream may be silent; None where silence is normal.
    """

    def __init__(self, stale_s: float | None, now_s: Callable[[], float] = time.monotonic) -> None:
        self.stale_s = stale_s
        self._now_s = now_s
        self._streams: dict[str, _Stream] = {}

    def heard(self, name: str) -> None:
        """Take note of a message."""
        now = self._now_s()
        self._streams[name] = _Stream(now, now)

    def restart(self) -> None:
        """Give every stream its time again: the connection is new."""
        for stream in self._streams.values():
            stream.heard = stream.asked = self._now_s()

    def mute(self, subscribed: Iterable[str]) -> set[str]:
        """Return streams that are out of time while another flows.

        When all are silent none is at fault: that is for the time-out of the socket.
        """
        if self.stale_s is None:
            return set()
        now = self._now_s()
        known = {name: self._streams.setdefault(name, _Stream(now, now)) for name in subscribed}
        if all(now - stream.heard > self.stale_s for stream in known.values()):
            return set()
        return {
            name
            for name, stream in known.items()
            if now - stream.asked > min(self.stale_s * 2**stream.tries, LONGEST_S)
        }

    def ask(self, names: Iterable[str]) -> None:
        """Take note that these are subscribed again: a try."""
        for name in names:
            stream = self._streams[name]
            stream.asked, stream.tries = self._now_s(), stream.tries + 1

    def hang_up(self, names: Iterable[str]) -> bool:
        """Whether subscribing these again did not help, and a new socket may.

        True once for a stream until it is heard again: a symbol may be without a market.
        """
        hopeless = [self._streams[name] for name in names]
        hopeless = [one for one in hopeless if one.tries >= HANG_UP_AT - 1 and not one.hung_up]
        for stream in hopeless:
            stream.hung_up = True
        return bool(hopeless)
