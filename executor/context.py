"""What every part of the executor shares."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from executor.activity import Activity
from executor.alerts import Alerts
from executor.book import Book
from executor.bus import Bus
from executor.clock import Clock
from executor.events import Event, EventMaker, EventType
from executor.journal import Journal
from executor.ledger.store import Ledger
from executor.ports import Venue
from executor.settings import Settings


@dataclass
class Switches:
    """What the operator or a limit has switched off; exits are never off."""

    entries: bool = True
    why: str = ""


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
    book: Book
    alerts: Alerts
    switches: Switches = field(default_factory=Switches)

    def emit(
        self, kind: EventType, *, symbol: str = "", cause: str | None = None, **data: Any
    ) -> Event:
        """Make an event, write it to the ledger and publish it."""
        event = self.journal.record(self.make(kind, symbol=symbol, cause=cause, **data))
        self.bus.publish(event)
        return event
