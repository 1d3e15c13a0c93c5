"""The event bus: four priorities, order kept within (priority, symbol), handlers isolated.

There is one queue for each (priority, symbol). A queue handles its events one after the other;
queues do not wait for each other, and the most urgent free queue goes first. A handler that raises
or times out is tried once more; then its event goes to the dead letters and the others go on.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from executor.bus.events import AnyEvent, EventType, Priority
from executor.model import InstrumentId
from executor.runtime.activity import Activity

Handler = Callable[[AnyEvent], Awaitable[None] | None]
DeadLetter = Callable[[AnyEvent, str, BaseException], None]
QueueKey = tuple[Priority, InstrumentId]

CAPACITY = 1_000
HANDLER_TIMEOUT_S = 30.0


@dataclass(frozen=True, slots=True)
class Subscription:
    """One handler of one event type."""

    name: str
    handler: Handler
    awaited: bool
    """Whether it is a coroutine function."""


class Bus:
    """In-process publish and subscribe; `publish` never blocks and loses nothing but old ticks."""

    def __init__(
        self,
        activity: Activity,
        *,
        dead_letter: DeadLetter,
        on_overflow: Callable[[int], None],
        capacity: int = CAPACITY,
        handler_timeout_s: float = HANDLER_TIMEOUT_S,
    ) -> None:
        self._activity = activity
        self._dead_letter = dead_letter
        self._on_overflow = on_overflow
        self._capacity = capacity
        self._timeout = handler_timeout_s
        self._subscriptions: dict[EventType, list[Subscription]] = {}
        self._queues: dict[QueueKey, deque[AnyEvent]] = {}
        self._ready: list[deque[QueueKey]] = [deque() for _ in Priority]
        self._busy: set[QueueKey] = set()
        self._overflow: deque[AnyEvent] = deque()
        self._queued = 0
        self._wake = asyncio.Event()
        self._tasks: set[asyncio.Task[None]] = set()

    def subscribe(self, kind: EventType, name: str, handler: Handler) -> None:
        """Call ``handler`` with every event of this type; it may be a coroutine function."""
        self._subscriptions.setdefault(kind, []).append(
            Subscription(name, handler, asyncio.iscoroutinefunction(handler))
        )

    @property
    def queued(self) -> int:
        """Events waiting, those beyond the capacity included."""
        return self._queued + len(self._overflow)

    def publish(self, event: AnyEvent) -> None:
        """Queue an event; over capacity a tick replaces the last one, others go to the overflow."""
        if not self._subscriptions.get(event.type):
            return
        if self._queued < self._capacity and not self._overflow:
            self._enqueue(event)
        elif event.type is EventType.PRICE_UPDATED:
            self._coalesce(event)
        else:
            if not self._overflow:
                self._on_overflow(self._queued)
            self._activity.begin("bus")
            self._overflow.append(event)

    def _enqueue(self, event: AnyEvent) -> None:
        key = (event.priority, event.symbol)
        queue = self._queues.setdefault(key, deque())
        if not queue and key not in self._busy:
            self._ready[event.priority].append(key)
        queue.append(event)
        self._queued += 1
        self._activity.begin("bus")
        self._wake.set()

    def _coalesce(self, event: AnyEvent) -> None:
        queue = self._queues.get((event.priority, event.symbol), deque())
        for index in range(len(queue) - 1, -1, -1):
            if queue[index].type is EventType.PRICE_UPDATED:
                queue[index] = event
                return
        # No tick of the symbol waits: one entry a symbol keeps the newest price, and is bounded.
        self._enqueue(event)

    async def run(self) -> None:
        """Handle events until cancelled."""
        try:
            while True:
                key = self._next_key()
                if key is None:
                    self._wake.clear()
                    await self._wake.wait()
                    continue
                # Busy before anything is moved up from the overflow: it may be of this very queue.
                self._busy.add(key)
                event = self._take(key)
                await self._dispatch(key, event)
                if event.priority <= Priority.HIGH:
                    # What it began (the request of an order) goes before the events that wait.
                    await asyncio.sleep(0)
        finally:
            for task in self._tasks:
                task.cancel()
            await asyncio.gather(*self._tasks, return_exceptions=True)

    def _next_key(self) -> QueueKey | None:
        for keys in self._ready:
            if keys:
                return keys.popleft()
        return None

    def _take(self, key: QueueKey) -> AnyEvent:
        event = self._queues[key].popleft()
        self._queued -= 1
        if self._overflow and self._queued < self._capacity:
            waiting = self._overflow.popleft()
            self._enqueue(waiting)
            self._activity.end("bus")
        return event

    async def _dispatch(self, key: QueueKey, event: AnyEvent) -> None:
        """Run plain handlers here; from the first one that must be awaited on, in a task."""
        subscriptions = self._subscriptions[event.type]
        for index, subscription in enumerate(subscriptions):
            if subscription.awaited:
                task = asyncio.create_task(self._finish(key, event, subscriptions[index:]))
                self._tasks.add(task)
                task.add_done_callback(self._tasks.discard)
                return
            await self._call(subscription, event)
        self._release(key)

    async def _finish(self, key: QueueKey, event: AnyEvent, rest: list[Subscription]) -> None:
        try:
            for subscription in rest:
                await self._call(subscription, event)
        finally:
            self._release(key)

    def _release(self, key: QueueKey) -> None:
        self._busy.discard(key)
        if self._queues[key]:
            self._ready[key[0]].append(key)
            self._wake.set()
        self._activity.end("bus")

    async def _call(self, subscription: Subscription, event: AnyEvent) -> None:
        failure: BaseException | None = None
        for _attempt in range(2):
            try:
                result = subscription.handler(event)
                if result is not None:
                    async with asyncio.timeout(self._timeout):
                        await result
                return
            except Exception as error:
                # The wall between handlers: whatever one raises must not stop the others.
                failure = error
        assert failure is not None
        self._dead_letter(event, subscription.name, failure)
