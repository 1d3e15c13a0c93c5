"""Indicators against TA-Lib, their independence of the start, and no look-ahead."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
import pytest
import talib

from trading.candles import CandleColumns
from trading.indicators.core import (
    adx_size,
    adx_step,
    adx_warmup,
    atr_size,
    atr_step,
    bollinger_size,
    bollinger_step,
    ema_size,
    ema_step,
    ema_warmup,
    macd_size,
    macd_step,
    macd_warmup,
    rsi_size,
    rsi_step,
    sma_size,
    sma_step,
    wilder_warmup,
)

pytestmark = pytest.mark.talib

# Name: state size, warm-up in candles, step(state, turn, high, low, close), and TA-Lib's function
# of (high, low, close).
INDICATORS: dict[str, tuple[int, int, Callable, Callable]] = {
    "sma": (
        sma_size(20),
        20,
        lambda s, t, _h, _l, c: sma_step(s, 0, 20, t, c),
        lambda _h, _l, c: talib.SMA(c, 20),
    ),
    "ema": (
        ema_size(),
        ema_warmup(50),
        lambda s, _t, _h, _l, c: ema_step(s, 0, 50, c),
        lambda _h, _l, c: talib.EMA(c, 50),
    ),
    "rsi": (
        rsi_size(),
        wilder_warmup(14),
        lambda s, _t, _h, _l, c: rsi_step(s, 0, 14, c),
        lambda _h, _l, c: talib.RSI(c, 14),
    ),
    "bollinger": (
        bollinger_size(20),
        20,
        lambda s, t, _h, _l, c: bollinger_step(s, 0, 20, 2.0, t, c)[::-1],
        lambda _h, _l, c: talib.BBANDS(c, 20, 2.0, 2.0),
    ),
    "atr": (
        atr_size(),
        wilder_warmup(14),
        lambda s, _t, high, low, c: atr_step(s, 0, 14, high, low, c),
        lambda high, low, c: talib.ATR(high, low, c, 14),
    ),
    "adx": (
        adx_size(),
        adx_warmup(14),
        lambda s, _t, high, low, c: adx_step(s, 0, 14, high, low, c),
        lambda high, low, c: talib.ADX(high, low, c, 14),
    ),
    "macd": (
        macd_size(),
        macd_warmup(26, 9),
        lambda s, _t, _h, _l, c: macd_step(s, 0, 12, 26, 9, c),
        lambda _h, _l, c: talib.MACD(c, 12, 26, 9),
    ),
}


def run(name: str, candles: CandleColumns) -> np.ndarray:
    """Values of one indicator: a row for each candle."""
    size, _, step, _ = INDICATORS[name]
    state = [0.0] * size
    turns = (candles.open_time // candles.interval_ms).tolist()
    columns = (turns, candles.high.tolist(), candles.low.tolist(), candles.close.tolist())
    values = [step(state, *row) for row in zip(*columns, strict=True)]
    return np.array(values, dtype=float).reshape(len(candles), -1)


@pytest.mark.parametrize("name", INDICATORS)
def test_every_value_equals_talib(name, bitcoin):
    candles = bitcoin.rows(0, 4_000)
    mine = run(name, candles)
    theirs = (
        np.column_stack(INDICATORS[name][3](candles.high, candles.low, candles.close))
        if name in ("bollinger", "macd")
        else INDICATORS[name][3](candles.high, candles.low, candles.close).reshape(-1, 1)
    )
    assert np.isnan(mine).sum() == np.isnan(theirs).sum()
    # Means follow the price, so 1e-9 of it: TA-Lib's running variance is no more exact.
    scale = candles.close.max() if name != "rsi" and name != "adx" else 100.0
    np.testing.assert_allclose(mine, theirs, rtol=0, atol=1e-9 * scale)


@pytest.mark.parametrize("name", INDICATORS)
def test_the_start_of_the_history_is_forgotten_after_the_warmup(name, bitcoin):
    warmup = INDICATORS[name][1]
    candles = bitcoin.rows(0, warmup + 500)
    later = bitcoin.rows(137, warmup + 500)
    a, b = run(name, candles)[137 + warmup :], run(name, later)[warmup:]
    if name in ("sma", "bollinger"):
        assert a.tolist() == b.tolist()
    scale = candles.close.max() if name not in ("rsi", "adx") else 100.0
    np.testing.assert_allclose(a, b, rtol=0, atol=1e-9 * scale)


@pytest.mark.parametrize("name", INDICATORS)
def test_later_candles_change_no_earlier_value(name, bitcoin):
    whole = run(name, bitcoin.rows(0, 300))
    for end in (40, 77, 150, 299):
        cut = run(name, bitcoin.rows(0, end))
        assert np.array_equal(cut, whole[:end], equal_nan=True)


def test_a_price_that_never_moves_gives_defined_values():
    flat = CandleColumns.of(range(0, 6_000_000, 60_000), *[[5.0] * 100] * 4)
    assert run("rsi", flat)[-1] == 0.0
    assert run("atr", flat)[-1] == 0.0
    assert run("adx", flat)[-1] == 0.0
    assert run("bollinger", flat)[-1].tolist() == [5.0, 5.0, 5.0]
    assert not math.isnan(run("macd", flat)[-1][0])
