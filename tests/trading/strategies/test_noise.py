"""What is decided does not depend on the unit of the price: only rounding noise does."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from trading.candles import HOUR_MS, CandleColumns
from trading.market.rows import Bar
from trading.simulation.backtest import decide
from trading.strategies.layout import ACTION, EXIT, REASON
from trading.strategies.registry import get_strategy, strategy_names
from trading.strategies.surge.layout import scan_size
from trading.strategies.surge.scan import scan_step
from trading.strategies.surge.strategy import LEFT

NAMES = [name for name in strategy_names() if name not in ("dynamic_breakout", "ml")]
"""All that decide without forecasts, but the one that compares an ADX with a level: where a high
rises as far as a low falls, an ADX takes the one that is larger by noise, as TA-Lib's does."""
WHOLE = ("ict_conservative", "ict_aggressive", "ict_mixed", "surge")
UNITS = (1 / 3, 3.7, 1e-8, 1e6)


def in_unit(candles: CandleColumns, unit: float) -> CandleColumns:
    """Return the candles with all prices in another unit."""
    prices = {name: getattr(candles, name) * unit for name in ("open", "high", "low", "close")}
    return replace(candles, **prices)


def ticked(candles: CandleColumns, tick: float) -> CandleColumns:
    """Return the candles on a coarse tick: most closes repeat the one before."""
    prices = {
        name: np.round(getattr(candles, name) / tick) * tick
        for name in ("open", "high", "low", "close")
    }
    return replace(candles, **prices)


@pytest.mark.parametrize("name", NAMES)
def test_candles_in_another_unit_give_the_same_actions(name: str, bitcoin: CandleColumns) -> None:
    strategy = get_strategy(name)
    values = {} if name in WHOLE else {"filters": "off", "signal_tf": "5m"}
    if name == "ict_conservative":
        values = {"min_confidence": 0}
    candles = ticked(bitcoin.rows(0, 12_000), 10.0)
    actions = decide(strategy, candles, values)[:, ACTION]
    assert len(set(actions.tolist())) > 1
    for unit in UNITS:
        other = decide(strategy, in_unit(candles, unit), values)[:, ACTION]
        np.testing.assert_array_equal(actions, other, f"{name} in units of {unit}")


@pytest.mark.parametrize("price", [111.46666666666667, 0.1, 1 / 3, 98_765.4])
def test_surge_does_not_leave_while_its_means_are_equal(price: float) -> None:
    """After a move whose means have met again they differ in their last digits only."""
    closes = np.full(3 * 700, price)
    closes[:300] *= 1.01
    times = 60_000 * np.arange(len(closes), dtype=np.int64)
    candles = CandleColumns.of(times, closes, closes, closes, closes, np.ones(len(closes)), 60_000)
    out = decide(get_strategy("surge"), candles, {})
    left = (out[:, ACTION] == EXIT) & (out[:, REASON] == LEFT)
    assert not left[400:].any()


@pytest.mark.parametrize("opened", [0.1, 0.7, 1.1, 3.3, 700.0, 1_234.5])
def test_a_rise_of_exactly_three_percent_is_one(opened: float) -> None:
    par = get_strategy("surge").buffer(get_strategy("surge").resolve({}))
    state = [0.0] * scan_size(par)
    met = 0
    for hour in range(24):
        high = round(opened * 1.03, 6) if hour == 22 else opened
        bar = Bar(hour * HOUR_MS, HOUR_MS, opened, high, opened, opened, 1.0)
        met = scan_step(state, 0, par, bar)
    assert met & 1 == 1
