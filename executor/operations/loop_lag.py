"""How late the event loop is: everything that protects a position waits behind it."""

from __future__ import annotations

import asyncio
import time
from collections import deque

LOOK_S = 0.5
LOOKS = 120
"""One minute of looks."""


class LoopLag:
    """Measures how much later than asked the loop wakes up."""

    def __init__(self) -> None:
        self._late: deque[float] = deque(maxlen=LOOKS)

    @property
    def last_s(self) -> float:
        """At the last look."""
        return self._late[-1] if self._late else 0.0

    @property
    def most_s(self) -> float:
        """The most within the last minute."""
        return max(self._late, default=0.0)

    async def run(self) -> None:
        """Look twice a second until cancelled."""
        while True:
            asked = time.monotonic() + LOOK_S
            await asyncio.sleep(LOOK_S)
            self._late.append(max(0.0, time.monotonic() - asked))
