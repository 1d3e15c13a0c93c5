"""What a strategy decides while it warms up: an exit that is due is made, an entry is not."""

from __future__ import annotations

from pathlib import Path

import pytest

from executor.bus.events import ClosedCandle, EventType
from executor.strategy.runner import RunnerPlan, WarmUp
from executor.venues.directory import VenueDirectory
from tests.executor.fakes import BTCUSDT, MINUTE, FakeVenue, executor_on, settled, signal
from trading.candles import Candle
from trading.errors import ParameterError

pytestmark = pytest.mark.usefixtures("toys")

NOW = 10 * MINUTE
PLAN = RunnerPlan("toy_levels", BTCUSDT, {"at": 3, "exit_at": 5}, "r", "s")


class History(FakeVenue):
    """Has a candle of every minute."""

    async def klines(  # type: ignore[override]
        self, symbol: str, interval: str, start_ms: int, end_ms: int
    ) -> list[Candle]:
        del symbol, interval
        times = range(max(0, start_ms), end_ms, MINUTE)
        return [Candle(time, 50_000.0, 50_000.0, 50_000.0, 50_000.0, 1.0) for time in times]


async def test_exits_since_the_entry_are_remembered_and_earlier_ones_are_not() -> None:
    warm_up = WarmUp(VenueDirectory([History()]), NOW)
    for since, due in ((2 * MINUTE, [5 * MINUTE]), (7 * MINUTE, []), (None, [])):
        runner = await warm_up.runner(PLAN, since)
        assert [candle.open_time for _, candle in runner.late_exits] == due


async def test_an_exit_that_fell_into_a_stop_of_the_executor_is_made_at_the_start(
    tmp_path: Path,
) -> None:
    venue = History()
    async with executor_on(tmp_path, venue) as executor:
        signal(executor, strategy="toy_levels", bar_time=2 * MINUTE)
        await settled(executor)
        holding = executor.portfolio.holding(BTCUSDT)
        assert holding is not None
        warm_up = WarmUp(VenueDirectory([venue]), NOW)
        executor.signal_engine.swap([await warm_up.runner(PLAN, holding.row.bar_time)])
        await settled(executor)
        assert holding.closed.is_set()
        assert holding.row.exit_reason == "strategy_exit"


async def test_an_exit_does_not_need_the_file_of_its_strategy(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    venue = History()
    async with executor_on(tmp_path, venue) as executor:
        signal(executor, strategy="toy_levels", bar_time=2 * MINUTE)
        await settled(executor)
        holding = executor.portfolio.holding(BTCUSDT)
        assert holding is not None
        warm_up = WarmUp(VenueDirectory([venue]), 5 * MINUTE)
        executor.signal_engine.swap([await warm_up.runner(PLAN)])

        def gone(name: str) -> None:
            raise ParameterError(f"strategy '{name}' is not known")

        for module in ("forecasts", "signal_engine"):
            monkeypatch.setattr(f"executor.strategy.{module}.get_strategy", gone)
        executor.services.bus.subscribe(
            EventType.CANDLE_CLOSED, "strategies", executor.signal_engine.on_candle_closed
        )
        candle = Candle(5 * MINUTE, 50_000.0, 50_000.0, 50_000.0, 50_000.0, 1.0)
        executor.services.emit(
            EventType.CANDLE_CLOSED, symbol=BTCUSDT, payload=ClosedCandle(candle, fresh=True)
        )
        await settled(executor)
        assert holding.closed.is_set()
