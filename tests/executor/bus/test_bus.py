"""The event bus: order, priorities, isolation, coalescing, overflow."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

from executor.bus.bus import Bus
from executor.bus.events import Event, EventMaker, EventType, Priority
from executor.runtime.activity import Activity

make = EventMaker(1, lambda: 0)


class Witness:
    """Remembers what the bus reports."""

    def __init__(self) -> None:
        self.dead: list[tuple[str, str]] = []
        self.overflows: list[int] = []

    def dead_letter(self, event: Event, handler: str, failure: BaseException) -> None:
        assert event.type in EventType
        self.dead.append((handler, type(failure).__name__))

    def overflow(self, queued: int) -> None:
        self.overflows.append(queued)


def new_bus(
    witness: Witness, capacity: int = 1_000, timeout_s: float = 30.0
) -> tuple[Bus, Activity]:
    activity = Activity()
    bus = Bus(
        activity,
        dead_letter=witness.dead_letter,
        on_overflow=witness.overflow,
        capacity=capacity,
        handler_timeout_s=timeout_s,
    )
    return bus, activity


@asynccontextmanager
async def running(bus: Bus) -> AsyncIterator[None]:
    task = asyncio.create_task(bus.run())
    try:
        yield
    finally:
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await task


def collector(seen: list[tuple[str, object]]) -> Callable[[Event], None]:
    def handle(event: Event) -> None:
        seen.append((event.symbol, event.data.get("n")))

    return handle


async def test_urgent_events_go_first_and_order_is_kept_within_a_symbol() -> None:
    bus, activity = new_bus(Witness())
    seen: list[tuple[str, object]] = []
    for kind in (EventType.SYSTEM_ERROR, EventType.SIGNAL_GENERATED, EventType.CANDLE_CLOSED):
        bus.subscribe(kind, "collect", collector(seen))
    bus.publish(make(EventType.CANDLE_CLOSED, symbol="A", n=1))
    bus.publish(make(EventType.CANDLE_CLOSED, symbol="A", n=2))
    bus.publish(make(EventType.SIGNAL_GENERATED, symbol="A", n=3))
    bus.publish(make(EventType.SYSTEM_ERROR, n=4))
    async with running(bus):
        await activity.wait_idle()
    assert seen == [("", 4), ("A", 3), ("A", 1), ("A", 2)]


async def test_a_slow_handler_holds_up_its_own_symbol_only() -> None:
    bus, activity = new_bus(Witness())
    gate = asyncio.Event()
    done: list[str] = []

    async def handle(event: Event) -> None:
        if event.symbol == "SLOW":
            await gate.wait()
        done.append(f"{event.symbol}{event.data['n']}")
        if event.symbol == "FAST":
            gate.set()

    bus.subscribe(EventType.CANDLE_CLOSED, "handle", handle)
    for symbol, n in (("SLOW", 1), ("SLOW", 2), ("FAST", 1)):
        bus.publish(make(EventType.CANDLE_CLOSED, symbol=symbol, n=n))
    async with running(bus):
        await activity.wait_idle()
    assert done == ["FAST1", "SLOW1", "SLOW2"]


async def test_a_failing_handler_is_retried_once_and_the_others_still_run() -> None:
    witness = Witness()
    bus, activity = new_bus(witness)
    seen: list[tuple[str, object]] = []
    calls = []

    def fail(event: Event) -> None:
        calls.append(event)
        raise ValueError("no")

    bus.subscribe(EventType.CANDLE_CLOSED, "fails", fail)
    bus.subscribe(EventType.CANDLE_CLOSED, "collect", collector(seen))
    bus.publish(make(EventType.CANDLE_CLOSED, symbol="A", n=1))
    async with running(bus):
        await activity.wait_idle()
    assert len(calls) == 2
    assert witness.dead == [("fails", "ValueError")]
    assert seen == [("A", 1)]


async def test_a_handler_that_takes_too_long_goes_to_the_dead_letters() -> None:
    witness = Witness()
    bus, activity = new_bus(witness, timeout_s=0.01)

    async def hang(event: Event) -> None:
        del event
        await asyncio.Event().wait()

    bus.subscribe(EventType.CANDLE_CLOSED, "hangs", hang)
    bus.publish(make(EventType.CANDLE_CLOSED, symbol="A"))
    async with running(bus):
        await activity.wait_idle()
    assert witness.dead == [("hangs", "TimeoutError")]


async def test_a_full_queue_keeps_only_the_newest_tick_and_loses_nothing_else() -> None:
    witness = Witness()
    bus, activity = new_bus(witness, capacity=2)
    ticks: list[tuple[str, object]] = []
    signals: list[tuple[str, object]] = []
    bus.subscribe(EventType.PRICE_UPDATED, "ticks", collector(ticks))
    bus.subscribe(EventType.SIGNAL_GENERATED, "signals", collector(signals))
    bus.publish(make(EventType.PRICE_UPDATED, symbol="A", n=1))
    bus.publish(make(EventType.SIGNAL_GENERATED, symbol="A", n=2))
    for n in (3, 4, 5):
        bus.publish(make(EventType.PRICE_UPDATED, symbol="A", n=n))
    for n in (6, 7):
        bus.publish(make(EventType.SIGNAL_GENERATED, symbol="B", n=n))
    assert bus.queued == 4
    async with running(bus):
        await activity.wait_idle()
    assert ticks == [("A", 5)]
    assert signals == [("A", 2), ("B", 6), ("B", 7)]
    assert witness.overflows == [2]


async def test_events_that_nobody_wants_are_not_queued() -> None:
    bus, _ = new_bus(Witness())
    bus.publish(make(EventType.SYSTEM_STARTED))
    assert bus.queued == 0


def test_priorities_follow_the_type() -> None:
    assert make(EventType.WS_DISCONNECTED).priority is Priority.CRITICAL
    assert make(EventType.ORDER_FILLED).priority is Priority.HIGH
    assert make(EventType.PRICE_UPDATED).priority is Priority.MEDIUM
    assert make(EventType.RELEASE_CHANGED).priority is Priority.LOW


def test_event_ids_tell_runs_apart_and_sort_by_creation() -> None:
    first, second = EventMaker(7, lambda: 5), EventMaker(8, lambda: 5)
    ids = [first(EventType.SYSTEM_STARTED).id, first(EventType.SYSTEM_STARTED).id]
    ids.append(second(EventType.SYSTEM_STARTED).id)
    assert ids == sorted(set(ids))


async def test_what_an_urgent_event_begins_goes_before_the_events_that_wait() -> None:
    bus, _ = new_bus(Witness())
    seen: list[str] = []
    tasks = []

    async def request() -> None:
        seen.append("request")

    def on_signal(_event: Event) -> None:
        tasks.append(asyncio.create_task(request()))

    def on_candle(event: Event) -> None:
        seen.append(event.symbol)
        if event.symbol == "first":
            bus.publish(make(EventType.SIGNAL_GENERATED, symbol=event.symbol))

    bus.subscribe(EventType.SIGNAL_GENERATED, "entries", on_signal)
    bus.subscribe(EventType.CANDLE_CLOSED, "strategies", on_candle)
    for symbol in ("first", "second", "third"):
        bus.publish(make(EventType.CANDLE_CLOSED, symbol=symbol))
    async with running(bus):
        while len(seen) < 4:
            await asyncio.sleep(0)
    assert seen == ["first", "request", "second", "third"]
