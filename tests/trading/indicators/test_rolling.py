"""Rate of change, band width, rank and mean price by volume against oracles."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
import talib
from hypothesis import given, settings
from hypothesis import strategies as st

from trading.candles import DAY_MS, CandleColumns
from trading.indicators.core import bollinger_size, bollinger_step, sma_size, sma_step
from trading.indicators.rolling import (
    bollinger_width,
    day_vwap_size,
    day_vwap_step,
    rank_size,
    rank_step,
    roc_size,
    roc_step,
    vwap_size,
    vwap_step,
)

Row = tuple[int, float, float, float, float]


def turn(row: Row) -> int:
    return row[0] // 60_000


def typical(row: Row) -> float:
    return (row[1] + row[2] + row[3]) / 3.0


# Name: state size, warm-up in candles, step(state, (open_time, high, low, close, volume)).
MEASURES: dict[str, tuple[int, int, Callable[[list[float], Row], float]]] = {
    "roc": (roc_size(10), 11, lambda s, r: roc_step(s, 0, 10, r[3])),
    "width": (
        bollinger_size(20),
        20,
        lambda s, r: bollinger_width(*bollinger_step(s, 0, 20, 2.0, turn(r), r[3])),
    ),
    "rank": (rank_size(100), 100, lambda s, r: rank_step(s, 0, 100, r[4])),
    "mean volume": (sma_size(20), 20, lambda s, r: sma_step(s, 0, 20, turn(r), r[4])),
    "vwap": (vwap_size(30), 30, lambda s, r: vwap_step(s, 0, 30, turn(r), typical(r), r[4])),
    "day vwap": (
        day_vwap_size(),
        1_440,
        lambda s, r: day_vwap_step(s, 0, r[0], typical(r), r[4]),
    ),
}


def run(name: str, candles: CandleColumns) -> np.ndarray:
    size, _, step = MEASURES[name]
    state = [0.0] * size
    columns = (candles.open_time, candles.high, candles.low, candles.close, candles.volume)
    rows = zip(*(column.tolist() for column in columns), strict=True)
    return np.array([step(state, row) for row in rows])


def windows(values: np.ndarray, span: int) -> np.ndarray:
    return np.lib.stride_tricks.sliding_window_view(values, span)


def expected(name: str, candles: CandleColumns) -> np.ndarray:
    """Return what the measure is by definition, NaN where too few candles were seen."""
    c, v = candles.close, candles.volume
    price = (candles.high + candles.low + c) / 3.0
    if name == "roc":
        return talib.ROCP(c, 10)
    if name == "width":
        upper, middle, lower = talib.BBANDS(c, 20, 2.0, 2.0)
        return (upper - lower) / middle
    if name == "mean volume":
        return talib.SMA(v, 20)
    if name == "rank":
        below = (windows(v, 100) < v[99:, None]).sum(axis=1) / 100
        return np.concatenate([np.full(99, np.nan), below])
    if name == "vwap":
        mean = windows(price * v, 30).sum(axis=1) / windows(v, 30).sum(axis=1)
        return np.concatenate([np.full(29, np.nan), mean])
    days = candles.open_time // DAY_MS
    mean = [np.cumsum((price * v)[days == d]) / np.cumsum(v[days == d]) for d in np.unique(days)]
    if candles.open_time[0] % DAY_MS:
        mean[0][:] = np.nan  # its first trades were not seen
    return np.concatenate(mean)


@pytest.mark.talib
@pytest.mark.parametrize("name", MEASURES)
def test_every_value_is_that_of_the_oracle(name, bitcoin):
    candles = bitcoin.rows(0, 4_000)
    np.testing.assert_allclose(run(name, candles), expected(name, candles), rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize("name", MEASURES)
def test_after_the_warmup_the_start_of_the_history_has_no_effect(name, bitcoin):
    warmup = MEASURES[name][1]
    candles, later = bitcoin.rows(0, warmup + 2_000), bitcoin.rows(137, warmup + 2_000)
    assert run(name, later)[warmup - 1 :].tolist() == run(name, candles)[136 + warmup :].tolist()


@pytest.mark.parametrize("name", MEASURES)
def test_later_candles_change_no_earlier_value(name, bitcoin):
    whole = run(name, bitcoin.rows(0, 300))
    for end in (40, 77, 150, 299):
        assert np.array_equal(run(name, bitcoin.rows(0, end)), whole[:end], equal_nan=True)


def test_the_top_decile_of_a_hundred_values_are_the_ten_largest():
    state = [0.0] * rank_size(100)
    ranks = [rank_step(state, 0, 100, float(value)) for value in range(100)]
    assert ranks[99] == 0.99
    assert rank_step(state, 0, 100, 90.5) == 0.9  # 1 to 90 of the window 1 to 99 lie below
    assert rank_step(state, 0, 100, 90.0) == 0.88  # 2 to 89


def test_equal_values_are_not_below_one_another():
    state = [0.0] * rank_size(4)
    assert [rank_step(state, 0, 4, 7.0) for _ in range(5)][3:] == [0.0, 0.0]


@settings(max_examples=200, deadline=None)
@given(st.integers(1, 9), st.lists(st.sampled_from([-1.5, -0.0, 0.0, 1.0, 1.5, 2.0, 7.0])))
def test_a_rank_counts_what_lies_below_in_the_window(span, values):
    state = [0.0] * rank_size(span)
    for i, value in enumerate(values):
        rank, window = rank_step(state, 0, span, value), values[max(0, i + 1 - span) : i + 1]
        if len(window) < span:
            assert np.isnan(rank)
        else:
            assert rank == sum(other < value for other in window) / span


def test_a_mean_price_is_unknown_before_the_first_trade():
    day, window = [0.0] * day_vwap_size(), [0.0] * vwap_size(2)
    assert np.isnan(day_vwap_step(day, 0, 0, 10.0, 0.0))
    assert day_vwap_step(day, 0, 60_000, 12.0, 3.0) == 12.0
    assert np.isnan(day_vwap_step(day, 0, DAY_MS, 13.0, 0.0))
    assert np.isnan([vwap_step(window, 0, 2, t, 10.0, 0.0) for t in range(3)]).all()
    assert vwap_step(window, 0, 2, 3, 14.0, 5.0) == 14.0


def test_the_mean_price_of_a_day_in_which_the_candles_begin_is_unknown():
    day = [0.0] * day_vwap_size()
    assert np.isnan([day_vwap_step(day, 0, t * 60_000, 10.0, 1.0) for t in (1, 2, 1_439)]).all()
    assert day_vwap_step(day, 0, DAY_MS + 60_000, 12.0, 3.0) == 12.0
    assert np.isnan(day_vwap_step([0.0] * day_vwap_size(), 0, DAY_MS - 60_000, 10.0, 1.0))
