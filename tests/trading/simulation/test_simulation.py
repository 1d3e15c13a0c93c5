"""The simulation: both engines agree, costs, the traded span, and errors."""

from __future__ import annotations

import numpy as np
import pytest

from tests.trading.walked_position import WalkedPosition
from trading.candles import DAY_MS, MINUTE_MS, CandleColumns
from trading.errors import DataError, ParameterError
from trading.simulation import Costs, backtest, search
from trading.strategies.decider import Decider
from trading.strategies.registry import get_strategy

EAGER = {"min_volatility": 0.0, "min_adx": 0.0, "trend_span": 20, "filter_tf": "15m"}
OFTEN = {"filters": "off", "signal_tf": "5m", "rsi_entry": 35.0, "rsi_exit": 60.0}
CASES = {
    "breakout, to the letter": ("breakout", {"filters": "off", "signal_tf": "1m"}),
    "breakout, filtered, trailing": (
        "breakout",
        EAGER | {"signal_tf": "5m", "k": 0.1, "trailing_stop": 0.004, "stop_loss": 0.01},
    ),
    "breakout, emergency stop nearest": (
        "breakout",
        EAGER | {"signal_tf": "5m", "k": 0.05, "stop_loss": 0.03, "emergency_stop": 0.005},
    ),
    "breakout, ATR stop": (
        "breakout",
        EAGER | {"signal_tf": "15m", "k": 0.1, "stop_loss": 0, "atr_multiplier": 1.0},
    ),
    "rsi_bollinger, strategy exits": ("rsi_bollinger", OFTEN),
    "rsi_bollinger, near levels": (
        "rsi_bollinger",
        OFTEN | {"signal_tf": "1m", "take_profit": 0.003, "stop_loss": 0.002},
    ),
    "rsi_bollinger, filtered, trailing": (
        "rsi_bollinger",
        EAGER
        | OFTEN
        | {"filters": "on", "rsi_entry": 50.0, "band_width": 0.5, "trailing_stop": 0.003},
    ),
}


def cut_in_a_trade(candles: CandleColumns, name: str, values: dict) -> CandleColumns:
    """Return the candles up to the second one of the last trade."""
    last_entry = int(backtest(get_strategy(name), candles, values, Costs(5)).trades.entry_time[-1])
    return candles.slice(None, last_entry + 2 * MINUTE_MS)


def test_the_fast_search_gives_what_the_full_simulation_gives(bitcoin, ether):
    reasons: dict[str, set[str]] = {"breakout": set(), "rsi_bollinger": set()}
    counts = {"breakout": 0, "rsi_bollinger": 0}
    for name, values in CASES.values():
        strategy, costs = get_strategy(name), Costs(5, 1)
        for candles in (bitcoin, ether, cut_in_a_trade(bitcoin, name, values)):
            full = backtest(strategy, candles, values, costs)
            fast = search(strategy, candles, [values], {}, costs)
            assert fast.results[0].metrics == full.metrics
            assert fast.daily_returns[0].tobytes() == full.daily_returns.tobytes()
            reasons[name] |= set(full.trades.reason.tolist())
            counts[name] += len(full.trades)
    assert min(counts.values()) >= 100
    levels = {"stop_loss", "take_profit", "trailing_stop"}
    assert reasons["breakout"] >= levels | {"emergency_stop", "day_end"}
    assert reasons["rsi_bollinger"] >= levels | {"strategy_exit", "end_of_data"}


@pytest.mark.parametrize("case", CASES)
def test_the_executors_own_parts_trade_what_the_simulation_trades(case, bitcoin):
    """The executor's decider and the position's kernels in plain Python, candle by candle."""
    name, values = CASES[case]
    strategy, candles = get_strategy(name), bitcoin.rows(0, 9_000)
    decider = Decider(strategy, values, MINUTE_MS)
    rules = strategy.exit_rules(decider.params)
    position, pending, atr, trades = None, "", 0.0, []
    opened = 0
    for row in range(len(candles)):
        candle, is_last = candles.candle(row), row + 1 == len(candles)
        day_ends = (candle.open_time + MINUTE_MS) % DAY_MS == 0
        exit_ = None
        if pending == "enter":
            position, opened = WalkedPosition(1, candle.open, rules, atr), row
        if position is not None:
            if pending == "exit":
                exit_ = position.price(candle.open)
                reason, price = (
                    ("strategy_exit", candle.open) if exit_ is None else (exit_.reason, exit_.price)
                )
            else:
                path = candle.open, candle.high, candle.low, candle.close
                exit_ = position.candle(*path, last_of_day=day_ends)
                reason, price = (
                    (exit_.reason, exit_.price) if exit_ else ("end_of_data", candle.close)
                )
            if exit_ is not None or pending == "exit" or is_last:
                trades.append((candles.open_time[opened], candle.open_time, price, reason))
                position, exit_ = None, reason
        decision = decider.on_candle(candle)
        pending, atr = "", decision.atr
        if position is not None and decision.action == "exit":
            pending = "exit"
        elif position is None and exit_ is None and decision.action == "enter":
            pending = "" if rules.day_end and day_ends else "enter"
    result = backtest(strategy, candles, values, Costs(5)).trades
    expected = zip(
        result.entry_time, result.exit_time, result.exit_price, result.reason, strict=True
    )
    assert trades == list(expected)
    assert len(trades) > 0


def test_combinations_come_back_in_the_order_of_the_grid(bitcoin):
    grid = [{"k": k, "stop_loss": s} for s in (0.01, 0.02) for k in (0.5, 0.1, 0.3)]
    fixed = {"filters": "off", "signal_tf": "1m", "take_profit": 0.04}
    strategy = get_strategy("breakout")
    found = search(strategy, bitcoin, grid, fixed, Costs(5))
    assert found.daily_returns.shape == (6, len(found.days))
    for values, row in zip(grid, found.results, strict=True):
        assert row.params == strategy.resolve(fixed | values)
        assert row.metrics == backtest(strategy, bitcoin, fixed | values, Costs(5)).metrics


def test_plain_python_gives_the_same_bits(bitcoin):
    name, values = CASES["breakout, filtered, trailing"]
    candles = bitcoin.rows(0, 6_000)
    runs = [
        backtest(get_strategy(name), candles, values, Costs(5, 2), compiled=compiled)
        for compiled in (True, False)
    ]
    assert runs[0].metrics == runs[1].metrics
    assert runs[0].trades.net_return.tobytes() == runs[1].trades.net_return.tobytes()
    assert runs[0].daily_returns.tobytes() == runs[1].daily_returns.tobytes()
    assert len(runs[0].trades) > 0


def test_history_before_the_start_of_trading_only_warms_up(bitcoin):
    name, values = CASES["rsi_bollinger, strategy exits"]
    start = int(bitcoin.open_time[30_000])
    whole = backtest(get_strategy(name), bitcoin, values, Costs(5)).trades
    part = backtest(get_strategy(name), bitcoin, values, Costs(5), trade_from_ms=start)
    assert part.trades.entry_time.min() > start
    later = whole.signal_time >= start
    assert set(part.trades.entry_time.tolist()) >= set(whole.entry_time[later].tolist()[1:])
    assert part.days[0] == start // DAY_MS * DAY_MS
    fast = search(get_strategy(name), bitcoin, [{}], values, Costs(5), trade_from_ms=start)
    assert fast.results[0].metrics == part.metrics


def quiet(count: int, price: float = 100.0) -> CandleColumns:
    return CandleColumns.of(range(0, count * MINUTE_MS, MINUTE_MS), *[[price] * count] * 4)


def test_slippage_worsens_market_fills_and_leaves_a_take_profit_at_its_level(bitcoin):
    name, values = CASES["breakout, to the letter"]
    values = values | {"take_profit": 0.01, "stop_loss": 0.01, "k": 0.1}
    slipped = backtest(get_strategy(name), bitcoin, values, Costs(0, 10)).trades
    bare = backtest(get_strategy(name), bitcoin, values, Costs(0, 0)).trades
    assert slipped.entry_price[0] == bare.entry_price[0] * 1.001
    won = slipped.reason == "take_profit"
    stopped = slipped.reason == "stop_loss"
    np.testing.assert_allclose(slipped.exit_price[won] / slipped.entry_price[won], 1.01)
    np.testing.assert_allclose(
        slipped.exit_price[stopped] / slipped.entry_price[stopped], 0.99 * 0.999
    )
    assert won.any()
    assert stopped.any()


def test_candles_without_a_signal_give_no_trades_and_empty_measures():
    result = backtest(get_strategy("breakout"), quiet(3_000), {"signal_tf": "1m"}, Costs(5))
    assert len(result.trades) == 0
    assert (result.metrics.total_return, result.metrics.sharpe) == (0.0, 0.0)
    assert result.daily_returns.tolist() == [0.0, 0.0, 0.0]


def test_a_single_candle_is_enough():
    result = backtest(get_strategy("breakout"), quiet(1), {"signal_tf": "1m"}, Costs(5))
    assert result.metrics.trades == 0


def test_impossible_simulations_are_refused(bitcoin):
    strategy = get_strategy("breakout")
    with pytest.raises(DataError, match="no candles to simulate"):
        backtest(strategy, bitcoin.rows(0, 0), {}, Costs(5))
    with pytest.raises(DataError, match="no candle opens at or after the start of trading"):
        backtest(strategy, quiet(5), {}, Costs(5), trade_from_ms=DAY_MS)
    with pytest.raises(ParameterError, match="the grid is empty"):
        search(strategy, quiet(5), [], {}, Costs(5))
    with pytest.raises(ParameterError, match="fee_bps = -1 is out of bounds"):
        Costs(-1)


@pytest.mark.parametrize(
    ("columns", "sentence"),
    [
        ([[0, 0], [1, 1], [1, 1], [1, 1], [1, 1]], "not in ascending order of open_time: row 1"),
        ([[60, 0], [1, 1], [1, 1], [1, 1], [1, 1]], "not in ascending order of open_time: row 1"),
        (
            [[0, 60], [1, 1], [1, 1], [1, -1], [1, 1]],
            "candle row 1 has low = -1.0; a positive price",
        ),
        ([[0, 60], [1, 1], [1, 1], [1, 1], [1, float("nan")]], "candle row 1 has close = nan"),
        ([[0, 60], [1], [1, 1], [1, 1], [1, 1]], "different lengths"),
    ],
)
def test_columns_that_are_not_candles_are_refused(columns, sentence):
    with pytest.raises(DataError, match=sentence):
        CandleColumns.of(*columns)
