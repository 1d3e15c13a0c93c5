"""Missing candles are requested until they are there; late ones give exits only."""

from __future__ import annotations

import asyncio
import itertools
import random
from pathlib import Path
from typing import Any

import pytest

from executor.bus.events import ClosedCandle, Event, EventType
from executor.market_data import feed as feed_module
from executor.model import CandleUpdate, Tick
from executor.strategy.runner import RunnerPlan, StrategyRunner
from executor.venues.faults import OutcomeUnknown
from tests.executor.fakes import (
    BTCUSDT,
    MINUTE,
    FakeVenue,
    closed_positions,
    executor_on,
    settled,
    signal,
)
from trading.candles import DAY_MS, Candle
from trading.strategies.decider import Decision
from trading.strategies.registry import get_strategy
from trading.strategies.setup import Setup

BASE = 2 * MINUTE


def candle(minute: int, close: float = 50_000.0) -> Candle:
    return Candle(BASE + minute * MINUTE, close, close, close, close, 1.0)


def closed(minute: int) -> CandleUpdate:
    return CandleUpdate(BTCUSDT, candle(minute), True, BASE + (minute + 1) * MINUTE - 1)


class Recording(FakeVenue):
    """Serves the candles of a span; the first requests fail or end too early."""

    def __init__(self, faults: int, short: int, holes: frozenset[int] = frozenset()) -> None:
        super().__init__()
        self.first_ones, self.short, self.holes = faults, short, holes
        self.asked = 0

    async def klines(self, symbol: str, interval: str, start_ms: int, end_ms: int) -> list[Candle]:
        del symbol, interval
        self.asked += 1
        if self.first_ones:
            self.first_ones -= 1
            raise OutcomeUnknown("time-out")
        minutes = range((start_ms - BASE) // MINUTE, (end_ms - BASE) // MINUTE)
        found = [candle(minute) for minute in minutes if minute not in self.holes]
        if self.short:
            self.short -= 1
            return found[:1]
        return found


@pytest.fixture(autouse=True)
def no_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(feed_module, "ASK_AGAIN_S", (0.001,))


@pytest.mark.parametrize("seed", range(20))
async def test_a_gap_is_requested_until_every_candle_is_there(tmp_path: Path, seed: int) -> None:
    rng = random.Random(seed)
    lost = set(rng.sample(range(1, 12), rng.randint(2, 6)))
    venue = Recording(faults=rng.randint(1, 4), short=rng.randint(0, 3))
    async with executor_on(tmp_path, venue) as executor:
        seen: list[ClosedCandle] = []

        def note(event: Event[ClosedCandle]) -> None:
            seen.append(event.payload)

        executor.services.bus.subscribe(EventType.CANDLE_CLOSED, "test", note)
        executor.feed.start_at([BTCUSDT], BASE)
        for minute in range(13):
            if minute not in lost:
                executor.feed.push(closed(minute))
                if rng.random() < 0.5:
                    await asyncio.sleep(0.002)
        await settled(executor)
        assert [c.candle.open_time for c in seen] == [BASE + m * MINUTE for m in range(13)]


async def test_younger_candles_wait_while_the_exchange_does_not_answer(tmp_path: Path) -> None:
    venue = Recording(faults=10_000, short=0)
    async with executor_on(tmp_path, venue) as executor:
        seen: list[int] = []
        executor.services.bus.subscribe(
            EventType.CANDLE_CLOSED,
            "test",
            lambda event: seen.append(event.payload.candle.open_time),
        )
        executor.feed.start_at([BTCUSDT], BASE)
        executor.feed.push(closed(0))
        executor.feed.push(closed(4))
        executor.feed.push(closed(5))
        await asyncio.sleep(0.05)
        assert venue.asked > 1
        assert seen == [BASE]
        assert not executor.feed.fresh(BTCUSDT)
        venue.first_ones = 0
        await settled(executor)
        assert seen == [BASE + m * MINUTE for m in range(6)]


async def test_a_hole_at_the_exchange_itself_is_passed_over(tmp_path: Path) -> None:
    venue = Recording(faults=1, short=0, holes=frozenset({2, 3}))
    async with executor_on(tmp_path, venue) as executor:
        executor.feed.start_at([BTCUSDT], BASE)
        for minute in (0, 1, 4):
            executor.feed.push(closed(minute))
        await settled(executor)
        assert executor.feed._last_open[BTCUSDT] == BASE + 4 * MINUTE


class Scripted:
    """Decides as the script says, by minute."""

    def __init__(self, actions: dict[int, str]) -> None:
        self._actions = actions
        self.params: dict[str, Any] = {}
        self.setup = Setup.of(get_strategy("breakout"), {}, MINUTE)

    def on_candle(self, made: Candle) -> Decision:
        action = self._actions.get((made.open_time - BASE) // MINUTE, "hold")
        return Decision(action, 1, "test", {}, 1.0)


@pytest.mark.parametrize("seed", range(20))
async def test_an_exit_in_a_gap_is_made_and_an_entry_is_not(tmp_path: Path, seed: int) -> None:
    rng = random.Random(seed)
    exit_at, enter_at = rng.sample(range(2, 9), 2)
    venue = Recording(faults=rng.randint(0, 2), short=0)
    async with executor_on(tmp_path, venue) as executor:
        signal(executor, bar_time=BASE + MINUTE)
        await settled(executor)
        plan = RunnerPlan("breakout", BTCUSDT, {}, "20250620T000000Z-abcdefgh", "abcdefgh")
        decider: Any = Scripted({0: "exit", exit_at: "exit", enter_at: "enter"})
        executor.subscribe_market()
        executor.signal_engine.swap([StrategyRunner(plan, decider, BASE - MINUTE)])
        executor.feed.start_at([BTCUSDT], BASE)
        executor.feed.push(closed(10))
        await settled(executor)
        assert venue.held[BTCUSDT] == 0
        assert len([name for name in venue.orders if "-en-" in name]) == 1


@pytest.mark.parametrize("action", ["exit", "enter"])
async def test_a_late_candle_from_before_the_entry_changes_nothing(
    tmp_path: Path, action: str
) -> None:
    venue = Recording(faults=0, short=0)
    async with executor_on(tmp_path, venue) as executor:
        signal(executor, bar_time=BASE + 5 * MINUTE)
        await settled(executor)
        plan = RunnerPlan("breakout", BTCUSDT, {}, "20250620T000000Z-abcdefgh", "abcdefgh")
        decider: Any = Scripted(dict(zip(range(5), itertools.repeat(action), strict=False)))
        executor.subscribe_market()
        executor.signal_engine.swap([StrategyRunner(plan, decider, BASE - MINUTE)])
        executor.feed.start_at([BTCUSDT], BASE)
        executor.feed.push(closed(10))
        await settled(executor)
        assert len(venue.fills) == 1


@pytest.mark.parametrize("first", ["price", "candle"])
async def test_a_day_that_ends_in_missing_minutes_is_left_at_the_first_news_after_them(
    tmp_path: Path, first: str
) -> None:
    after = (DAY_MS - BASE) // MINUTE + 5
    venue = Recording(faults=0, short=0, holes=frozenset(range(3, after)))
    async with executor_on(tmp_path, venue) as executor:
        signal(executor, bar_time=BASE + MINUTE)
        await settled(executor)
        executor.subscribe_market()
        executor.feed.start_at([BTCUSDT], BASE)
        executor.feed.push(closed(2))
        await settled(executor)
        assert venue.held[BTCUSDT] > 0
        price = Tick(BTCUSDT, 50_010.0, BASE + after * MINUTE)
        executor.feed.push(price if first == "price" else closed(after))
        await settled(executor)
        assert venue.held[BTCUSDT] == 0
        assert [row.exit_reason for row in closed_positions(executor)] == ["day_end"]
