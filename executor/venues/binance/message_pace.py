"""The pace of the messages that a connection sends."""

from __future__ import annotations

import asyncio
import time
from collections import deque

WINDOW_S = 1.1
"""A second, and what the network may press two messages together."""


class MessagePace:
    """Lets at most ``most`` messages through in any second; None lets all through."""

    def __init__(self, most: int | None) -> None:
        self._most = most
        self._sent: deque[float] = deque(maxlen=most)

    async def turn(self) -> None:
        """Wait until one more message may be sent."""
        while self._most is not None and len(self._sent) == self._most:
            left = self._sent[0] + WINDOW_S - time.monotonic()
            if left <= 0:
                return
            await asyncio.sleep(left)

    def sent(self) -> None:
        """Count a message that was sent now."""
        if self._most is not None:
            self._sent.append(time.monotonic())
