"""The services that nearly every part of the executor uses."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Coroutine
from dataclasses import dataclass, field
from typing import Any

from executor.bus.bus import Bus
from executor.bus.events import NOTHING, AnyEvent, EventMaker, EventType, Payload
from executor.ledger.journal import Journal
from executor.ledger.store import Ledger
from executor.model import InstrumentId
from executor.notifications.alerts import Alerts
from executor.runtime.activity import Activity
from executor.runtime.clock import Clock
from executor.settings import FirstWeek, RiskSettings, Settings
from executor.venues.directory import VenueDirectory
from executor.venues.interface import Venue

log = logging.getLogger(__name__)


@dataclass
class Services:
    """Settings, time, storage, events and the venues of one running executor."""

    settings: Settings
    clock: Clock
    ledger: Ledger
    journal: Journal
    bus: Bus
    activity: Activity
    make_event: EventMaker
    venues: VenueDirectory
    alerts: Alerts
    first_week: FirstWeek = field(default_factory=FirstWeek)
    """The capped days after `nocturne golive`."""
    _at_once: dict[EventType, list[Callable[[AnyEvent], None]]] = field(default_factory=dict)
    _tasks: set[asyncio.Task[None]] = field(default_factory=set)

    @property
    def risk(self) -> RiskSettings:
        """The limits that hold now; the first week's cap is in them."""
        return self.first_week.capped(self.settings.risk, self.clock.now_ms())

    def venue_of(self, symbol: InstrumentId) -> Venue:
        """The venue of an instrument."""
        return self.venues.of(symbol)

    def leverage(self, symbol: InstrumentId) -> int:
        """Leverage of an instrument; 1 where everything is paid for in full."""
        margin = self.venues.of(symbol).capabilities.margin
        return self.settings.venue_of(symbol).leverage if margin else 1

    def emit(
        self,
        kind: EventType,
        *,
        symbol: InstrumentId = NOTHING,
        cause: str | None = None,
        payload: Payload | None = None,
        **facts: Any,
    ) -> AnyEvent:
        """Make an event, write it to the ledger and publish it."""
        event = self.make_event(kind, symbol=symbol, cause=cause, payload=payload, **facts)
        self.journal.record(event)
        for listener in self._at_once.get(kind, ()):
            listener(event)
        self.bus.publish(event)
        return event

    def at_once(self, kind: EventType, listener: Callable[[AnyEvent], None]) -> None:
        """Call ``listener`` with each event as it is written: in the same transaction."""
        self._at_once.setdefault(kind, []).append(listener)

    def spawn(self, name: str, work: Coroutine[Any, Any, None]) -> None:
        """Run work beside the caller; it counts as activity, and a failure is reported."""
        self.activity.begin(name)
        task = asyncio.create_task(self._isolated(name, work))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _isolated(self, name: str, work: Coroutine[Any, Any, None]) -> None:
        try:
            await work
        except Exception as error:
            # One failed background task must not take the process with it.
            log.exception("%s failed", name)
            self.emit(EventType.SYSTEM_ERROR, task=name, error=f"{type(error).__name__}: {error}")
        finally:
            self.activity.end(name)

    async def stop_tasks(self) -> None:
        """Cancel background work; the next start finds and finishes what it began."""
        for task in list(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
