"""Every indicator keeps to its own cells of a buffer, needs all of them, and costs little."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from tests.trading.guarded_buffer import GuardedBuffer
from trading.candles import CandleColumns
from trading.indicators import core, forecast, rolling, windows, zigzag
from trading.jit import backends
from trading.market.rows import Bar, bar_at, rows_of

SPAN = 12
AT = 7
"""Where the indicator's cells start; others lie before and behind them."""


def features(state: GuardedBuffer, at: int, bar: Bar) -> tuple[float, ...]:
    into = [0.0] * (forecast.SIZE + 2)
    recent = forecast.features_step(state, at, bar, into, 1)
    assert into[0] == into[-1] == 0.0
    return (*into, recent)


def turn_of(bar: Bar) -> int:
    return bar.open_time // bar.length


# Name: floats of state, one step, and the most cells that a candle may look at on average.
INDICATORS: dict[str, tuple[int, Callable[[GuardedBuffer, int, Bar], object], float]] = {
    "ema": (core.ema_size(), lambda s, at, b: core.ema_step(s, at, SPAN, b.close), 6),
    "sma": (
        core.sma_size(SPAN),
        lambda s, at, b: core.sma_step(s, at, SPAN, turn_of(b), b.close),
        28,
    ),
    "bollinger": (
        core.bollinger_size(SPAN),
        lambda s, at, b: core.bollinger_step(s, at, SPAN, 2.0, turn_of(b), b.close),
        28,
    ),
    "moments": (
        windows.moments_size(SPAN),
        lambda s, at, b: windows.moments_step(s, at, SPAN, turn_of(b), b.close),
        28,
    ),
    "rsi": (core.rsi_size(), lambda s, at, b: core.rsi_step(s, at, 14, b.close), 11),
    "atr": (core.atr_size(), lambda s, at, b: core.atr_step(s, at, 14, b.high, b.low, b.close), 7),
    "adx": (core.adx_size(), lambda s, at, b: core.adx_step(s, at, 14, b.high, b.low, b.close), 26),
    "macd": (core.macd_size(), lambda s, at, b: core.macd_step(s, at, 5, 9, 4, b.close), 20),
    "roc": (rolling.roc_size(SPAN), lambda s, at, b: rolling.roc_step(s, at, SPAN, b.close), 9),
    "rank": (
        rolling.rank_size(SPAN),
        lambda s, at, b: rolling.rank_step(s, at, SPAN, b.close),
        29,
    ),
    "day_vwap": (
        rolling.day_vwap_size(),
        lambda s, at, b: rolling.day_vwap_step(s, at, b.open_time, b.close, b.volume),
        8.1,
    ),
    "vwap": (
        rolling.vwap_size(SPAN),
        lambda s, at, b: rolling.vwap_step(s, at, SPAN, turn_of(b), b.close, b.volume),
        55,
    ),
    "zigzag": (
        zigzag.zigzag_size(),
        lambda s, at, b: zigzag.zigzag_step(s, at, b.close * 0.001, b.high, b.low, b.close),
        7,
    ),
    "anchored zigzag": (
        zigzag.anchored_size(),
        lambda s, at, b: (
            zigzag.anchored_step(s, at, 150, b.close * 0.0004, b),
            s[zigzag.anchored_at(s, at) + zigzag.SWINGS],
        ),
        22,
    ),
    "features": (forecast.FORECAST_SIZE, features, 124),
}


def bars(candles: CandleColumns) -> list[Bar]:
    rows = rows_of(candles, backends.backend(compiled=False))
    return [bar_at(rows, row, candles.interval_ms) for row in range(len(candles))]


@pytest.mark.parametrize("name", INDICATORS)
def test_an_indicator_keeps_to_its_own_cells_and_needs_all_of_them(name, bitcoin):
    size, step, _ = INDICATORS[name]
    alone = GuardedBuffer([0.0] * size)
    others = [-7e9] * AT
    among = GuardedBuffer([*others, *[0.0] * size, *others], AT, AT + size)
    for bar in bars(bitcoin.rows(0, 400)):
        first, second = step(alone, 0, bar), step(among, AT, bar)
        assert np.array_equal(np.array(first), np.array(second), equal_nan=True)
    assert alone.touched == set(range(size))
    assert among.touched == set(range(AT, AT + size))


@pytest.mark.parametrize("name", INDICATORS)
def test_a_candle_looks_at_few_cells(name, bitcoin):
    size, step, most = INDICATORS[name]
    state = GuardedBuffer([0.0] * size)
    for bar in bars(bitcoin.rows(0, 400)):
        step(state, 0, bar)
    assert state.accesses / 400 <= most
