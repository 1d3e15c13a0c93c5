"""The journal: events into the ledger with their causes, without ticks that led to nothing.

A closed candle is written only with something that it caused. So every chain in the ledger is
complete, and a quiet day costs next to nothing.
"""

from __future__ import annotations

from collections import OrderedDict

from executor.bus.events import AnyEvent, EventType
from executor.ledger.store import Ledger

_LAZY = {EventType.CANDLE_CLOSED, EventType.PRICE_UPDATED}
_REMEMBERED = 5_000


class Journal:
    """Writes events, after the unwritten events that caused them."""

    def __init__(self, ledger: Ledger) -> None:
        self._ledger = ledger
        self._waiting: OrderedDict[str, AnyEvent] = OrderedDict()

    def record(self, event: AnyEvent) -> AnyEvent:
        """Write the event, or keep it until something follows from it; returns the event."""
        if event.type in _LAZY:
            self._waiting[event.id] = event
            while len(self._waiting) > _REMEMBERED:
                self._waiting.popitem(last=False)
            return event
        self._write_causes(event)
        self._ledger.add_event(event)
        return event

    def _write_causes(self, event: AnyEvent) -> None:
        chain = []
        cause = event.cause
        while cause is not None and (waiting := self._waiting.pop(cause, None)) is not None:
            chain.append(waiting)
            cause = waiting.cause
        for waiting in reversed(chain):
            self._ledger.add_event(waiting)
