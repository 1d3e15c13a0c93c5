"""Entries under forecasts: the executor makes the trades of the simulation, fill by fill."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import pytest

from lake.releases import (
    Forecasts,
    ForecastSeries,
    write_forecasts,
)
from tests.parity.event_replay import Case, beats, replayed_here, simulated
from tests.parity.replay_cases import BEGIN, MADE_FROM, made_candles
from tests.parity.test_event_replay import assert_same
from trading.candles import HOUR_MS, MINUTE_MS
from trading.model_targets import DIRECTION, VOLATILITY, entry_target
from trading.positions.forecasts import RETURN, ForecastUse


@pytest.fixture(autouse=True)
def _strategies_of_the_tests() -> Iterator[None]:
    with beats():
        yield


PARAMS = {
    "every": 7,
    "stop_loss": 0.006,
    "take_profit": 0.004,
    "time_exit": 0.1,
    "max_position_size": 0.2,
}


def drawn_forecasts(case: Case, seed: int) -> Forecasts:
    """Draw a forecast for most quarters of an hour: calm, wild or missing."""
    generator = np.random.default_rng(seed)
    quarter = 15 * MINUTE_MS
    made = np.arange(case.begin_ms - HOUR_MS, case.end_ms, quarter)
    made = made[generator.random(len(made)) > 0.35]
    values = 0.001 * np.exp(generator.normal(0.0, 0.8, len(made)))
    series = ForecastSeries(
        symbol="BTCUSDT",
        target=VOLATILITY,
        model="volatility_1h-BTCUSDT",
        model_sha256="a" * 64,
        proven=False,
        usual=0.001,
        made_at=tuple(int(ms) for ms in made),
        values=tuple(float(value) for value in values),
    )
    as_of = datetime.fromtimestamp(case.end_ms / 1000, UTC)
    return Forecasts(as_of=as_of, release_id="r", git_commit="x", series=(series,))


def case_of(use: ForecastUse, seed: int, hours: float = 3.5) -> tuple[Case, Forecasts]:
    candles = {"BTCUSDT": made_candles(seed, round(hours * 60) + 165, MADE_FROM)}
    case = Case("beat", PARAMS, candles, BEGIN, hours)
    forecasts = drawn_forecasts(case, seed)
    series = forecasts.volatility_of("binance_usdm", "BTCUSDT")
    assert series is not None
    return replace(case, forecasts={"BTCUSDT": series}, forecast_use=use), forecasts


def test_the_executor_sizes_and_skips_entries_as_the_simulation_does(tmp_path: Path) -> None:
    use = ForecastUse(size=True, least_size=0.3, cost_filter=3.5)
    case, forecasts = case_of(use, 3, hours=4.5)
    (tmp_path / "published").mkdir()
    write_forecasts(tmp_path / "published", forecasts)
    simulation = simulated(case, compiled=False)
    assert_same(replayed_here(case, tmp_path), simulation, case)
    plain = simulated(replace(case, forecast_use=ForecastUse()), compiled=False)
    assert len(plain.trades) > len(simulation.trades)  # some were skipped
    at = {trade.fills[0].time: trade.fills[0].quantity for trade in plain.trades}
    shares = {
        round(float(t.fills[0].quantity / at[t.fills[0].time]), 1)
        for t in simulation.trades
        if t.fills[0].time in at
    }
    assert len(shares) > 2  # others were made smaller, by different forecasts


@pytest.mark.parametrize(
    "use",
    [
        ForecastUse(size=True, least_size=0.5),
        ForecastUse(stop=True, leverage=True, cost_filter=3.5, when_missing="skip"),
    ],
)
def test_both_backends_trade_forecasts_alike(use: ForecastUse) -> None:
    case, _ = case_of(use, 5)
    plain, compiled = simulated(case, compiled=False), simulated(case)
    assert plain == compiled
    assert [t.profit for t in plain.trades] == [t.profit for t in compiled.trades]
    assert plain != simulated(replace(case, forecast_use=ForecastUse()))


def test_the_executor_skips_entries_as_the_simulation_does(tmp_path: Path) -> None:
    case, forecasts = case_of(ForecastUse(entries=True), 4, hours=6.0)
    (series,) = forecasts.series
    drawn = np.random.default_rng(4).uniform(0.3, 0.7, len(series.values))
    target = entry_target("beat")
    model = {
        "target": target,
        "model": f"{target}-POOL",
        "usual": 0.5,
        "values": tuple(float(value) for value in drawn),
    }
    rated = forecasts.model_copy(update={"series": (series.model_copy(update=model),)})
    chances = rated.chances_of("binance_usdm", "BTCUSDT", "beat")
    assert chances is not None
    case = replace(case, forecasts={}, chances={("beat", "BTCUSDT"): chances})
    (tmp_path / "published").mkdir()
    write_forecasts(tmp_path / "published", rated)
    simulation = simulated(case, compiled=False)
    assert_same(replayed_here(case, tmp_path), simulation, case)
    plain = simulated(replace(case, forecast_use=ForecastUse()), compiled=False)
    assert 0 < len(simulation.trades) < len(plain.trades)


ML = {
    "filters": "off",
    "signal_tf": "1m",
    "source": "published",
    "least_move": 0.0005,
    "stop_loss": 0.006,
    "take_profit": 0.004,
    "time_exit": 0.1,
    "max_position_size": 0.2,
}


def test_ml_trades_published_forecasts_as_its_back_test_does(tmp_path: Path) -> None:
    begin = MADE_FROM + timedelta(hours=7)
    made = made_candles(8, 420 + 240 + 45, MADE_FROM)
    case = Case("ml", ML, {"BTCUSDT": made}, begin, 4.0)
    drawn = drawn_forecasts(case, 8)
    (series,) = drawn.series
    moves = tuple(float(v) for v in np.random.default_rng(2).normal(0.0, 0.001, len(series.values)))
    model = {"target": DIRECTION, "model": "direction_1h-BTCUSDT", "usual": None, "values": moves}
    forecasts = drawn.model_copy(update={"series": (series.model_copy(update=model),)})
    (tmp_path / "published").mkdir()
    write_forecasts(tmp_path / "published", forecasts)
    closes = (int(ms) + MINUTE_MS for ms in made.open_time)
    known = [forecasts.known_at(DIRECTION, "binance_usdm", "BTCUSDT", ms) for ms in closes]
    returns = np.array([np.nan if one is None else one.value for one in known])
    case = replace(case, candles={"BTCUSDT": replace(made, forecasts={RETURN: returns})})
    simulation = simulated(case, compiled=False)
    assert len(simulation.trades) > 3
    assert np.isnan(returns).any()
    assert_same(replayed_here(case, tmp_path), simulation, case)
    assert simulation == simulated(case)
