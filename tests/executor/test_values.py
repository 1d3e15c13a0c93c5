"""Values that are no prices are refused and counted; an odd price is looked at again."""

from __future__ import annotations

import asyncio
import math
import random
from dataclasses import replace
from pathlib import Path

import pytest

from executor.bus.events import EventType
from executor.market_data import feed as feed_module
from executor.model import CandleUpdate, Tick
from executor.operations.health import health
from executor.operations.metrics import render
from executor.operations.status import Status
from executor.venues.binance.values import candle_of_row
from executor.venues.faults import OutcomeUnknown, UnreadableAnswer
from tests.executor.fakes import BTCUSDT, MINUTE, FakeVenue, executor_on, settled, signal
from tests.executor.venues.binance_usdm.test_client import adapter
from trading.candles import Candle

BASE = 2 * MINUTE
BAD = (math.nan, math.inf, -math.inf, 0.0, -1.0, -50_000.0)
GOOD = Candle(BASE, 50_000.0, 50_010.0, 49_990.0, 50_000.0, 1.0)


def closed(candle: Candle) -> CandleUpdate:
    return CandleUpdate(BTCUSDT, candle, True, candle.open_time + MINUTE - 1)


class Serving(FakeVenue):
    """Serves flat candles."""

    async def klines(self, symbol: str, interval: str, start_ms: int, end_ms: int) -> list[Candle]:
        del symbol, interval
        return [replace(GOOD, open_time=t) for t in range(start_ms, end_ms, MINUTE)]


@pytest.mark.parametrize("seed", range(20))
async def test_a_bad_value_is_refused_counted_and_never_handed_on(
    tmp_path: Path, seed: int
) -> None:
    rng = random.Random(seed)
    venue = Serving()
    async with executor_on(tmp_path, venue) as executor:
        signal(executor)
        await settled(executor)
        candles: list[Candle] = []
        prices: list[float] = []
        bus = executor.services.bus
        bus.subscribe(EventType.CANDLE_CLOSED, "test", lambda e: candles.append(e.payload.candle))
        bus.subscribe(EventType.PRICE_UPDATED, "test", lambda e: prices.append(e.payload.price))
        executor.subscribe_market()
        executor.feed.start_at([BTCUSDT], BASE)
        field = rng.choice(["open", "high", "low", "close", "volume"])
        value = rng.choice([v for v in BAD if v != 0 or field != "volume"])
        bad = replace(GOOD, **{field: value})
        executor.feed.push(Tick(BTCUSDT, rng.choice(BAD), BASE + 1))
        executor.feed.push(CandleUpdate(BTCUSDT, bad, False, BASE + 2))
        executor.feed.push(closed(bad))
        await settled(executor)
        assert candles == [GOOD]
        assert prices == []
        assert executor.feed.guard.refused == {"prices": 1, "candles": 2}
        assert "nocturne_refused_candles_total 2" in render(executor, Status(executor))
        values = health(executor, Status(executor))["checks"]["values"]
        assert values == {"ok": False, "value": {"prices": 1, "candles": 2}}
        assert venue.held[BTCUSDT] > 0


@pytest.mark.parametrize("value", ["NaN", "inf", "0", "-1"])
async def test_a_bad_value_by_rest_is_an_unreadable_answer(value: str) -> None:
    async with adapter(price=(200, {"price": value})) as venue:
        with pytest.raises(UnreadableAnswer):
            await venue.last_price(BTCUSDT)
    for place in range(1, 5):
        row = [0, "1", "1", "1", "1", "1"]
        row[place] = value
        with pytest.raises(ValueError, match="is no price"):
            candle_of_row(row)
    assert candle_of_row([0, "1", "1", "1", "1", "0"]).volume == 0


@pytest.mark.parametrize("seed", range(20))
async def test_one_odd_price_closes_nothing(tmp_path: Path, seed: int) -> None:
    rng = random.Random(seed)
    venue = Serving()
    async with executor_on(tmp_path, venue) as executor:
        signal(executor)
        await settled(executor)
        executor.subscribe_market()
        executor.feed.start_at([BTCUSDT], BASE)
        odd = 50_000.0 * rng.choice([0.5, 0.1, 0.6, 1.5, 10.0])
        executor.feed.push(Tick(BTCUSDT, odd, BASE + 1_000))
        if rng.random() < 0.5:
            executor.feed.push(Tick(BTCUSDT, odd * 1.001, BASE + 1_001))
        if rng.random() < 0.5:
            low, high = min(odd, 50_000.0), max(odd, 50_000.0)
            executor.feed.push(closed(replace(GOOD, low=low, high=high)))
        await settled(executor)
        assert len(venue.fills) == 1
        assert executor.portfolio.slot(BTCUSDT).last_price == 50_000.0


@pytest.mark.parametrize("answered", [True, False])
async def test_a_real_crash_is_acted_on(
    tmp_path: Path, answered: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(feed_module, "LOOK_AGAIN_S", 0.01)
    venue = Serving()
    async with executor_on(tmp_path, venue) as executor:
        signal(executor)
        await settled(executor)
        executor.subscribe_market()
        venue.price /= 2

        async def fails(symbol: str) -> float:
            raise OutcomeUnknown(symbol)

        if not answered:
            venue.last_price = fails  # type: ignore[method-assign]
        executor.feed.push(Tick(BTCUSDT, 25_000.0, BASE + 1_000))
        await asyncio.sleep(0.05)
        await settled(executor)
        assert venue.held[BTCUSDT] == 0
