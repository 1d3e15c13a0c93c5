"""Live data: one reading of the executor for all viewers, and to each of them what changed.

The executor pushes; after each push the ledger is read. A viewer gets the whole state first, then
numbered changes. One that is slow gets the newest state instead of every step, and one that takes
nothing is cut off; the executor waits for nobody.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncGenerator, Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from typing import Any, TypeVar

from dashboard.changes import changed_parts
from dashboard.executor_feed import ExecutorFeed, HealthWatch, StatusReading
from dashboard.ledger_reader import NO_ROWS, LedgerReader, OtherLedgers
from dashboard.parts.controllable import open_positions, strategies
from dashboard.research.release_watch import ReleaseWatch
from dashboard.settings import DashboardSettings, ExecutorAccess
from dashboard.snapshot import PartsOfTrades, Surroundings, snapshot

T = TypeVar("T")

log = logging.getLogger(__name__)

LOOK_EVERY_S = 0.5
"""How often the ledger is looked at when nothing is pushed; what has not changed costs nothing."""
PAUSE_S = 0.1
"""Between two readings: at most ten a second, however much is pushed."""
ALIVE_EVERY_S = 1.0
"""How often a viewer hears something: it knows then that it is not stale."""


class LiveState:
    """Reads ledger and status while somebody looks, and tells each viewer what changed."""

    def __init__(self, settings: DashboardSettings, executor: ExecutorAccess | None = None) -> None:
        executor = executor or ExecutorAccess()
        self._settings = settings
        self._woken = asyncio.Event()
        self._feed = ExecutorFeed(settings.state / "status.json", executor.follow, self._woken.set)
        self._ledger = LedgerReader(settings.source, settings.day_begins)
        self._others = OtherLedgers(settings.source)
        self._health = HealthWatch(executor.control, self._woken.set)
        self.releases = ReleaseWatch(settings.published)
        self._of_trades = PartsOfTrades()
        self._parts = self._nothing()
        self._reading = asyncio.Lock()
        # One thread reads, and keeps its memory to itself.
        self._thread = ThreadPoolExecutor(1, "reading")
        self._viewers: set[asyncio.Event] = set()
        self._tasks: list[asyncio.Task[None]] = []

    async def follow(self, names: Sequence[str]) -> AsyncGenerator[dict[str, Any], None]:
        """Yield these parts whole, then what changed since the last message, for ever."""
        changed = asyncio.Event()
        self._viewers.add(changed)
        if not self._tasks:
            self._tasks = [
                asyncio.create_task(work)
                for work in (self._feed.run(), self._health.run(), self._turn())
            ]
        try:
            await self._refresh()
            seen, number = self._chosen(names), 0
            yield {"number": number, "parts": seen}
            while True:
                with suppress(TimeoutError):
                    async with asyncio.timeout(ALIVE_EVERY_S):
                        await changed.wait()
                changed.clear()
                chosen = self._chosen(names)
                changes = changed_parts(seen, chosen)
                seen, number = chosen, number + 1
                yield {"number": number, "changes": changes}
        finally:
            self._viewers.discard(changed)
            if not self._viewers:
                await self._rest()

    def _chosen(self, names: Sequence[str]) -> dict[str, Any]:
        return {name: self._parts[name] for name in names}

    async def _turn(self) -> None:
        """Read after each push, and now and then."""
        while True:
            with suppress(TimeoutError):
                async with asyncio.timeout(LOOK_EVERY_S):
                    await self._woken.wait()
            self._woken.clear()
            await self._refresh()
            await asyncio.sleep(PAUSE_S)

    async def _refresh(self) -> None:
        async with self._reading:
            try:
                parts = await self._in_thread(self._read)
            except Exception as error:
                # The page must not look right while it stands still.
                log.exception("the state is not read")
                parts = self._parts | {"executor": _unreadable(error)}
            if parts != self._parts:
                self._parts = parts
                for viewer in self._viewers:
                    viewer.set()

    async def _in_thread(self, work: Callable[[], T]) -> T:
        return await asyncio.get_running_loop().run_in_executor(self._thread, work)

    def _read(self) -> dict[str, Any]:
        rows, reading = self._ledger.read(), self._feed.read()
        beside = Surroundings(
            entries=self.releases.entries((reading.values or {}).get("release")),
            health=self._health.answer,
            executors=self._others.read(),
            problem=self._ledger.problem,
            daily_loss_limit=self._settings.daily_loss_limit,
            day_begins=self._settings.day_begins,
        )
        return snapshot(rows, reading, beside, self._of_trades.of)

    @staticmethod
    def _nothing() -> dict[str, Any]:
        return snapshot(NO_ROWS, StatusReading(None, 0.0, None), Surroundings())

    async def controllable(self) -> dict[str, Any]:
        """Return the open positions and the strategies that a command can name."""
        async with self._reading:
            rows: Mapping[str, Any] = await self._in_thread(self._ledger.read)
        status = self._feed.read().values
        entries = await asyncio.to_thread(
            self.releases.entries, (status or {}).get("release"), wait=True
        )
        found = strategies(rows, status, [one["strategy"] for one in entries])
        return {"positions": open_positions(rows), "strategies": found}

    async def _rest(self) -> None:
        """Stop reading until somebody looks again."""
        tasks, self._tasks = self._tasks, []
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def close(self) -> None:
        """End the tasks and close the ledger."""
        await self._rest()
        self._health.close()
        self.releases.close()
        await self._in_thread(self._ledger.close)
        self._thread.shutdown()


def _unreadable(error: Exception) -> dict[str, str]:
    more = f"The dashboard cannot read the state ({type(error).__name__}: {error})."
    return {"tone": "bad", "text": "This page stands still", "more": more}
