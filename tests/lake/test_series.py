"""Stored forecasts count on a candle as published ones do, and only those known at its close."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest

from lake.series import with_forecasts
from lake.store import Lake
from lake.tables import FORECASTS
from trading.candles import MINUTE_MS, CandleColumns
from trading.model_targets import entry_target
from trading.positions.forecasts import RETURN, USUAL, VOLATILITY, usual_of

VENUE = "binance_usdm"
START = 1_750_000_500_000  # a quarter of an hour


@pytest.fixture
def lake(tmp_path: Path) -> Lake:
    lake = Lake(tmp_path / "lake")
    made = pa.array([START, START + 60 * MINUTE_MS], pa.int64()).cast(pa.timestamp("ms", "UTC"))
    for target, usual in ((RETURN, [None, None]), (VOLATILITY, [0.5, 0.6])):
        columns = {"made_at": made, "value": [0.1, 0.2], "usual": pa.array(usual, pa.float64())}
        lake.write(FORECASTS, pa.table(columns), venue=VENUE, symbol="BTCUSDT", target=target)
    return lake


def candles(minutes: int) -> CandleColumns:
    """Return minutes from the close that the first forecast was made at."""
    ones = np.ones(minutes)
    return CandleColumns.of(START + MINUTE_MS * np.arange(minutes), ones, ones, ones, ones)


def test_a_forecast_counts_from_three_minutes_after_its_close_until_thirty(lake: Lake) -> None:
    found = with_forecasts(lake, candles(120), VENUE, "BTCUSDT").forecasts
    assert found is not None
    known = np.flatnonzero(np.isfinite(found[RETURN]))
    # A row's own close is one minute after its open.
    assert known.tolist() == [*range(2, 29), *range(62, 89)]
    assert set(found[RETURN][known]) == {0.1, 0.2}
    assert found[USUAL][known[-1]] == 0.6
    assert sorted(found) == sorted((RETURN, VOLATILITY, USUAL))


def test_under_as_of_a_later_forecast_is_not_known(lake: Lake) -> None:
    as_of = datetime.fromtimestamp((START + 30 * MINUTE_MS) / 1000, UTC)
    found = with_forecasts(lake, candles(120), VENUE, "BTCUSDT", as_of).forecasts
    assert found is not None
    assert np.flatnonzero(np.isfinite(found[VOLATILITY])).tolist() == [*range(2, 29)]


def test_the_chances_of_a_strategy_are_read_where_it_is_named(lake: Lake) -> None:
    target = entry_target("breakout")
    made = pa.array([START], pa.int64()).cast(pa.timestamp("ms", "UTC"))
    columns = {"made_at": made, "value": [0.4], "usual": pa.array([0.5], pa.float64())}
    lake.write(FORECASTS, pa.table(columns), venue=VENUE, symbol="BTCUSDT", target=target)
    found = with_forecasts(lake, candles(40), VENUE, "BTCUSDT", strategy="breakout").forecasts
    assert found is not None
    assert np.flatnonzero(np.isfinite(found[target])).tolist() == [*range(2, 29)]
    assert found[usual_of(target)][2] == 0.5
    other = with_forecasts(lake, candles(40), VENUE, "BTCUSDT", strategy="momentum").forecasts
    assert target not in (other or {})


def test_a_symbol_without_forecasts_keeps_its_candles(lake: Lake) -> None:
    plain = candles(10)
    assert with_forecasts(lake, plain, VENUE, "ETHUSDT") is plain
