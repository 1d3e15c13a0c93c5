"""What every part of the executor shares."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Coroutine
from dataclasses import dataclass, field
from typing import Any

from executor.bus.bus import Bus
from executor.bus.events import Event, EventMaker, EventType
from executor.ledger.journal import Journal
from executor.ledger.store import Ledger
from executor.model import Venue
from executor.notifications.alerts import Alerts
from executor.portfolio.portfolio import Portfolio
from executor.risk.trading_state import MODE_META, TradingMode, TradingState
from executor.runtime.activity import Activity
from executor.runtime.clock import Clock
from executor.settings import Settings

log = logging.getLogger(__name__)


def _not_wired(why: str) -> None:
    log.warning("the user stream is mute: %s", why)


@dataclass
class Context:
    """One running executor."""

    settings: Settings
    clock: Clock
    ledger: Ledger
    journal: Journal
    bus: Bus
    activity: Activity
    make: EventMaker
    venue: Venue
    portfolio: Portfolio
    alerts: Alerts
    trading_state: TradingState = field(default_factory=TradingState)
    user_stream_failed: Callable[[str], None] = _not_wired
    """To be told when something became known that the user stream should have said."""
    _tasks: set[asyncio.Task[None]] = field(default_factory=set)

    def emit(
        self, kind: EventType, *, symbol: str = "", cause: str | None = None, **data: Any
    ) -> Event:
        """Make an event, write it to the ledger and publish it."""
        event = self.journal.record(self.make(kind, symbol=symbol, cause=cause, **data))
        self.bus.publish(event)
        return event

    def halt(self, mode: TradingMode, by: str) -> None:
        """Change the halt mode, durably: a restart must not lift it."""
        if mode is TradingMode.RUNNING:
            self.trading_state.resume()
        self.trading_state.mode = mode
        self.ledger.set_meta(MODE_META, mode.value)
        self.emit(
            EventType.ENTRIES_CHANGED, entries=self.trading_state.entries, halt=mode.value, by=by
        )

    def spawn(self, name: str, work: Coroutine[Any, Any, None]) -> None:
        """Run work beside the caller; it counts as activity, and its failure is told, not lost."""
        self.activity.begin(name)
        task = asyncio.create_task(self._guarded(name, work))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _guarded(self, name: str, work: Coroutine[Any, Any, None]) -> None:
        try:
            await work
        except Exception as error:
            # The wall around background work: one failed task must not take the process with it.
            log.exception("%s failed", name)
            self.emit(EventType.SYSTEM_ERROR, task=name, error=f"{type(error).__name__}: {error}")
        finally:
            self.activity.end(name)

    async def stop_tasks(self) -> None:
        """Cancel background work; what it had begun is found again by the next start."""
        for task in list(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
