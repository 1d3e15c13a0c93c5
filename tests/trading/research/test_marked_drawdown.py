"""The marked drawdown sees what a position went through before it closed."""

from __future__ import annotations

import numpy as np
import pytest

from trading.candles import HOUR_MS, CandleColumns
from trading.research.marked_drawdown import marked_drawdown
from trading.simulation import Costs, backtest
from trading.strategies.registry import get_strategy

FREE = Costs(fee_bps=0)


def day_of(lows: list[float], highs: list[float]) -> CandleColumns:
    """A day between 99 and 101, then hours whose closes stay at 101."""
    count = 24 + len(lows)
    closes = [100.0] * 24 + [101.0] * len(lows)
    opens = [100.0] * 25 + [101.0] * (len(lows) - 1)
    low = [99.0] * 24 + lows
    high = [101.0] * 24 + highs
    return CandleColumns.of([i * HOUR_MS for i in range(count)], opens, high, low, closes)


def run(candles: CandleColumns, costs: Costs = FREE, **values: object):  # type: ignore[no-untyped-def]
    params = {"filters": "off", "signal_tf": "1h", "k": 0.1, "stop_loss": 0.0} | values
    params |= {"atr_multiplier": 10.0, "filter_tf": "1h", "take_profit": 0.0}
    return backtest(get_strategy("breakout"), candles, params, costs, compiled=False)


def test_a_fall_within_a_position_counts_though_it_came_back() -> None:
    candles = day_of([100.5, 100.5, 98.0] + [100.5] * 21, [101.5] * 24)
    result = run(candles)
    assert len(result.trades) == 1
    assert result.metrics.max_drawdown == 0.0
    # Bought at 101, up to 101.5 on an earlier candle, down to 98.
    assert marked_drawdown(candles, [result], FREE) == pytest.approx(3.5 / 101.5)


def test_what_a_candle_does_after_the_stop_does_not_count() -> None:
    candles = day_of([100.5, 100.5, 80.0] + [79.0] * 21, [101.5] * 24)
    result = run(candles, stop_loss=0.02)
    assert result.trades.reason.tolist()[0] == "stop_loss"
    assert marked_drawdown(candles, [result], FREE) == pytest.approx(1 - 0.98 * 101 / 101.5)


def test_a_peak_within_a_position_counts_as_a_peak() -> None:
    candles = day_of([100.9] * 24, [101.5, 110.0] + [101.5] * 22)
    assert marked_drawdown(candles, [run(candles)], FREE) == pytest.approx(1 - 100.9 / 110)


@pytest.mark.parametrize("name", ["breakout", "pullback", "ict_mixed"])
def test_it_is_never_less_than_the_drawdown_at_exits(name: str, bitcoin: CandleColumns) -> None:
    values = {} if name == "ict_mixed" else {"filters": "off", "signal_tf": "15m"}
    more = {"partial_take_profit": "0.01:0.5", "add_first_at": 0.01} if name == "pullback" else {}
    costs = Costs(fee_bps=5, slippage_bps=1)
    result = backtest(get_strategy(name), bitcoin, values | more, costs)
    assert len(result.trades) > 5
    marked = marked_drawdown(bitcoin, [result], costs)
    assert marked >= result.metrics.max_drawdown - 1e-12


def test_the_marks_end_where_the_trade_ends(bitcoin: CandleColumns) -> None:
    """Marked with its own closing fill, a trade is worth its net return."""
    from trading.research.marked_drawdown import _marks

    costs = Costs(fee_bps=5, slippage_bps=1)
    values = {"filters": "off", "signal_tf": "15m", "add_first_at": 0.01, "half_close": 0.01}
    result = backtest(get_strategy("pullback"), bitcoin, values, costs)
    places = np.searchsorted(result.fills.trade, np.arange(len(result.trades) + 1))
    for number in range(len(result.trades)):
        own = slice(int(places[number]), int(places[number + 1]))
        worse, _ = _marks(bitcoin, result.trades, result.fills, number, own, costs)
        assert worse[-1] == pytest.approx(1.0 + result.trades.net_return[number], abs=1e-12)
