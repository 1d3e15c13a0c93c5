"""Two clocks: market time drives candles, days and releases; the wall clock drives time-outs."""

from __future__ import annotations

import time
from typing import Protocol


class Clock(Protocol):
    """Market time, milliseconds since the epoch in UTC."""

    def now_ms(self) -> int:
        """Market time now."""
        ...

    def observe(self, event_time_ms: int) -> None:
        """Take the time of an event of the market stream."""
        ...

    def adjust(self, offset_ms: int) -> None:
        """Take how far the exchange's clock is ahead of the local one."""
        ...


class WallClock:
    """Market time is wall time, corrected by the offset measured against the exchange."""

    def __init__(self) -> None:
        self.offset_ms = 0

    def now_ms(self) -> int:
        """Exchange time now."""
        return int(time.time() * 1000) + self.offset_ms

    def observe(self, event_time_ms: int) -> None:
        """Ignore the stream: it does not move a wall clock."""
        del event_time_ms

    def adjust(self, offset_ms: int) -> None:
        """Take over the measured offset."""
        self.offset_ms = offset_ms


class ReplayClock:
    """Market time is the newest event time of the replay."""

    def __init__(self, start_ms: int) -> None:
        self._now = start_ms

    def now_ms(self) -> int:
        """Newest event time."""
        return self._now

    def observe(self, event_time_ms: int) -> None:
        """Move forward; a late event does not move time back."""
        self._now = max(self._now, event_time_ms)

    def adjust(self, offset_ms: int) -> None:
        """Ignore the offset: wall clocks say nothing about a replay."""
        del offset_ms
