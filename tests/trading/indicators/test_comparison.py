"""Comparisons that ignore rounding noise, and the strategies and filters that use them."""

from __future__ import annotations

import math

import numpy as np
import pytest

from trading.candles import HOUR_MS, Candle
from trading.indicators.comparison import above, exceeds, sign
from trading.strategies.decider import Decider
from trading.strategies.filters import (
    ADX_BEFORE,
    ADX_NOW,
    FALLING_ADX,
    FILTER_SIZE,
    filter_entry,
    filter_step,
    filters_clear,
)
from trading.strategies.layout import ACTION, ENTER, FILTERS_ON, OUT_SIZE, OWN, REASON
from trading.strategies.registry import get_strategy
from trading.strategies.surge.conditions import cross_step
from trading.strategies.surge.layout import SINCE_DOWN, SINCE_UP


@pytest.mark.parametrize("size", [1e-8, 1.0, 50.0, 1e13])
def test_values_that_differ_by_noise_are_equal_at_every_size(size):
    noisy = size * (1 + 4e-16)
    assert not above(noisy, size)
    assert not above(size, noisy)
    assert above(size * (1 + 1e-11), size)
    assert sign(noisy - size, size) == 0
    assert sign(size * 1e-11, size) == 1
    assert sign(-size * 1e-11, size) == -1


def test_equal_values_are_not_above_each_other():
    for value in (0.0, 1.0, -3.5, 1e-300):
        assert not above(value, value)
        assert sign(0.0, abs(value)) == 0
    assert not exceeds(1.0, 0.0, 1e12)
    assert exceeds(2.0, 0.0, 1e12)


def test_a_comparison_with_nan_is_false():
    for pair in ((math.nan, 1.0), (1.0, math.nan), (math.nan, math.nan)):
        assert not above(*pair)
        assert not exceeds(*pair, 1.0)
    assert sign(math.nan, 1.0) == 0


def walk(seed: int, count: int = 400) -> list[float]:
    steps = np.random.default_rng(seed).normal(0.0005, 0.01, count)
    return np.round(100 * np.exp(np.cumsum(steps)), 2).tolist()


def repeated(close: float, first: int, count: int) -> list[Candle]:
    rows = range(first, first + count)
    return [Candle(row * HOUR_MS, close, close, close, close, 10.0) for row in rows]


@pytest.mark.parametrize("seed", range(40))
def test_pullback_never_enters_on_an_unchanged_close(seed):
    closes = walk(seed)
    values = {"filters": "off", "mean_span": 20, "rsi_span": 5}
    decider = Decider(get_strategy("pullback"), values, HOUR_MS)
    for row, close in enumerate(closes):
        decider.on_candle(Candle(row * HOUR_MS, close, close, close, close, 10.0))
    for candle in repeated(closes[-1], len(closes), 300):
        assert decider.on_candle(candle).action != "enter", candle


@pytest.mark.parametrize("seed", range(20))
def test_pullback_sees_the_turn_after_unchanged_closes(seed):
    """Noise in a flat RSI is no rise, so it hides no turn either."""
    closes = walk(seed)
    values = {"filters": "off", "mean_span": 2, "rsi_span": 5, "rsi_entry": 80, "rsi_exit": 99}
    decider = Decider(get_strategy("pullback"), values, HOUR_MS)
    for row, close in enumerate(closes):
        decider.on_candle(Candle(row * HOUR_MS, close, close, close, close, 10.0))
    for candle in repeated(closes[-1], len(closes), 10):
        flat = decider.on_candle(candle)
    rise = closes[-1] + 0.01
    turned = decider.on_candle(repeated(rise, len(closes) + 10, 1)[0])
    assert flat.action != "enter"
    assert turned.reason.startswith(("entered: RSI turned up", "RSI ")), turned.reason


@pytest.mark.parametrize("seed", range(20))
def test_an_adx_that_stands_still_is_not_falling(seed):
    state, par, out = [0.0] * FILTER_SIZE, [0.0] * OWN, [0.0] * OUT_SIZE
    par[FILTERS_ON], par[3] = 1.0, 5.0
    filters_clear(state)
    generator = np.random.default_rng(seed)
    # Equal steps in one direction: the index is 100 throughout, but for its rounding.
    step = float(generator.uniform(0.1, 1.0))
    for row in range(200):
        close = 100 + row * step
        filter_step(state, par, close + step / 3, close - step / 7, close)
    assert state[ADX_NOW] == pytest.approx(state[ADX_BEFORE], rel=1e-12)
    out[ACTION] = ENTER
    filter_entry(state, par, out, 1_000.0)
    assert out[REASON] != FALLING_ADX
    state[ADX_NOW] = state[ADX_BEFORE] * (1 - 1e-9)
    out[ACTION] = ENTER
    filter_entry(state, par, out, 1_000.0)
    assert out[REASON] == FALLING_ADX


def test_a_filter_counts_an_adx_lower_by_noise_as_equal():
    state, par, out = [0.0] * FILTER_SIZE, [0.0] * OWN, [0.0] * OUT_SIZE
    par[FILTERS_ON] = 1.0
    for place in range(FILTER_SIZE):
        state[place] = 30.0
    state[ADX_NOW] = 30.0 * (1 - 4e-16)
    assert state[ADX_NOW] < state[ADX_BEFORE]
    out[ACTION] = ENTER
    filter_entry(state, par, out, 31.0)
    assert out[ACTION] == ENTER


def test_lines_that_differ_by_noise_do_not_cross():
    state = [0.0] * 8
    for row in range(20):
        cross_step(state, 0, 100.0 * (1 + (4e-16 if row % 2 else -4e-16)), 100.0)
    assert state[SINCE_UP] == state[SINCE_DOWN] == 0.0
    cross_step(state, 0, 100.1, 100.0)
    assert (state[SINCE_UP], state[SINCE_DOWN]) == (1.0, 0.0)
