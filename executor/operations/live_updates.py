"""Live updates: the status to everyone who watches, first whole, then what changes."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncGenerator
from typing import Any

from executor.builder import Executor
from executor.bus.events import AnyEvent, EventType, Priority, priority_of
from executor.operations.status import Status

EVERY_S = 1.0
"""How often the status is compared when nothing happens."""
GATHER_S = 0.05
"""An order makes some ten events: they are one update, and it is made once the order is sent."""
MOST_WAITING = 1_000
"""A watcher that reads no faster than this is cut off: it begins again with the whole."""


class LiveUpdates:
    """Follows the events of the bus for the watchers that are connected."""

    def __init__(self, executor: Executor, status: Status) -> None:
        self._status = status
        self._watchers: set[_Watcher] = set()
        for kind in EventType:
            if priority_of(kind) is not Priority.MEDIUM or kind is EventType.POSITION_UPDATED:
                executor.services.bus.subscribe(kind, "live updates", self._on_event)

    def _on_event(self, event: AnyEvent) -> None:
        if not self._watchers:
            return
        row = {
            "id": event.id,
            "time": event.time,
            "type": event.type.value,
            "symbol": event.symbol,
            "cause": event.cause,
            "data": dict(event.data),
        }
        for watcher in self._watchers:
            watcher.add(row)

    async def follow(self) -> AsyncGenerator[dict[str, Any], None]:
        """One ``snapshot``, then ``events`` and the ``changes`` of the status, as they come."""
        watcher = _Watcher()
        self._watchers.add(watcher)
        try:
            last = self._status.collect()
            yield {"snapshot": last}
            while not watcher.behind:
                events = await watcher.take()
                now = self._status.collect()
                changes = {name: value for name, value in now.items() if last[name] != value}
                last = now
                yield {"events": events, "changes": changes}
        finally:
            self._watchers.discard(watcher)


class _Watcher:
    """The events that one watcher has not been sent yet."""

    def __init__(self) -> None:
        self._events: deque[dict[str, Any]] = deque()
        self._arrived = asyncio.Event()
        self.behind = False

    def add(self, event: dict[str, Any]) -> None:
        if self.behind:
            return
        self._events.append(event)
        if len(self._events) > MOST_WAITING:
            # It is cut off: a suspended viewer must not keep the executor waiting.
            self.behind = True
            self._events.clear()
        self._arrived.set()

    async def take(self) -> list[dict[str, Any]]:
        """All events of a moment; after a second, none is an answer too."""
        try:
            async with asyncio.timeout(EVERY_S):
                await self._arrived.wait()
            await asyncio.sleep(GATHER_S)
        except TimeoutError:
            pass
        self._arrived.clear()
        taken = list(self._events)
        self._events.clear()
        return taken
