"""Work in progress: the replay's clock may move on only when there is none."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager


class Activity:
    """Counts work in progress by name and lets others wait for quiet."""

    def __init__(self) -> None:
        self._counts: Counter[str] = Counter()
        self._idle = asyncio.Event()
        self._idle.set()

    def begin(self, what: str) -> None:
        """Count work of this name; every `begin` needs its `end`."""
        self._counts[what] += 1
        self._idle.clear()

    def end(self, what: str) -> None:
        """End one piece of work of this name."""
        self._counts[what] -= 1
        if self._counts[what] <= 0:
            del self._counts[what]
        if not self._counts:
            self._idle.set()

    @contextmanager
    def busy(self, what: str) -> Iterator[None]:
        """Count the body as work in progress."""
        self.begin(what)
        try:
            yield
        finally:
            self.end(what)

    @property
    def idle(self) -> bool:
        """Whether there is no work in progress."""
        return not self._counts

    @property
    def names(self) -> list[str]:
        """Names of the work in progress, for the status and for a stuck replay's log line."""
        return sorted(self._counts)

    async def wait_idle(self) -> None:
        """Return when no work is in progress."""
        await self._idle.wait()
