"""Metrics of a run, by hand and against an independent library."""

from __future__ import annotations

import math

import numpy as np
import pytest

from trading.metrics import SUMS_SIZE, Metrics, metrics_of, sums_clear, sums_days, sums_trade


def measures(growths: list[float], daily: list[float], candles: int = 100) -> Metrics:
    sums = [0.0] * SUMS_SIZE
    sums_clear(sums, 0)
    for growth in growths:
        sums_trade(sums, 0, growth, 5)
    sums_days(sums, 0, daily, 0, len(daily))
    return metrics_of(sums, len(daily), candles)


def test_metrics_of_three_trades_by_hand():
    found = measures([1.10, 0.80, 1.25], [0.10, -0.20, 0.25])
    assert found.total_return == pytest.approx(0.1)
    assert found.trades == 3
    assert found.win_rate == pytest.approx(2 / 3)
    assert found.max_drawdown == pytest.approx(0.2)
    assert found.profit_factor == pytest.approx(0.35 / 0.20)
    assert found.expectancy == pytest.approx(0.05)
    assert found.exposure == pytest.approx(0.15)
    assert found.worst_trade == pytest.approx(-0.2)
    assert found.cagr == pytest.approx(1.1 ** (365 / 3) - 1)
    assert found.calmar == pytest.approx(found.cagr / 0.2)
    returns = np.array([0.10, -0.20, 0.25])
    assert found.sharpe == pytest.approx(returns.mean() / returns.std(ddof=1) * math.sqrt(365))
    assert found.sortino == pytest.approx(returns.mean() / (0.2 / math.sqrt(3)) * math.sqrt(365))


def test_a_trade_at_break_even_is_no_win():
    assert measures([1.0], [0.0]).win_rate == 0.0


def test_the_drawdown_counts_from_the_start():
    assert measures([0.9, 0.9], [-0.19]).max_drawdown == pytest.approx(0.19)


def test_undefined_ratios_are_zero():
    for found in (
        measures([], [0.0, 0.0]),
        measures([1.1], [0.1]),
        measures([1.1, 1.1], [0.1, 0.1]),
    ):
        assert found.sharpe == 0.0
        assert found.sortino == 0.0
        assert found.profit_factor == 0.0
        assert found.calmar == 0.0


def test_a_lucky_day_does_not_overflow_the_yearly_growth():
    assert math.isfinite(measures([50.0], [49.0]).cagr)


def test_ratios_equal_an_independent_library(bitcoin):
    stats = pytest.importorskip("quantstats.stats", exc_type=ImportError)
    import pandas as pd

    closes = bitcoin.close[::1440]
    returns = np.diff(closes) / closes[:-1]
    found = measures((1 + returns).tolist(), returns.tolist())
    days = pd.Series(returns, pd.date_range("2025-01-01", periods=len(returns)))
    assert found.sharpe == pytest.approx(float(stats.sharpe(days, periods=365)), rel=1e-9)
    assert found.sortino == pytest.approx(float(stats.sortino(days, periods=365)), rel=1e-9)
    assert found.max_drawdown == pytest.approx(-float(stats.max_drawdown(days)), rel=1e-9)
    assert found.total_return == pytest.approx(float(stats.comp(days)), rel=1e-9)
    assert found.win_rate == pytest.approx(float(stats.win_rate(days)), rel=1e-9)
    assert found.profit_factor == pytest.approx(float(stats.profit_factor(days)), rel=1e-9)


# Every difference in definition is listed here: the library defaults to 252 periods a year and
# period returns; we use 365 days, and trades where a metric is about trades.
RUNS = [
    ("breakout", {"filters": "off", "signal_tf": "5m", "k": 0.2, "take_profit": 0.01}),
    ("rsi_bollinger", {"filters": "off", "signal_tf": "5m", "rsi_entry": 40.0}),
]


@pytest.mark.parametrize(("name", "params"), RUNS)
def test_metrics_of_a_real_run_equal_an_independent_library(ether, name, params):
    stats = pytest.importorskip("quantstats.stats", exc_type=ImportError)
    import pandas as pd

    from trading.simulation import Costs, backtest
    from trading.strategies.registry import get_strategy

    run = backtest(get_strategy(name), ether, params, Costs())
    found = run.metrics
    assert found.trades > 30
    assert found.profit_factor > 0
    daily = pd.Series(run.daily_returns, pd.to_datetime(run.days, unit="ms"))
    # One value a trade, in order of the exits; the dates only number them.
    numbers = pd.date_range("2000-01-01", periods=found.trades)
    trades = pd.Series(run.trades.net_return, numbers)

    def same(value, other):
        assert value == pytest.approx(float(other), rel=1e-9, abs=1e-12)

    same(found.total_return, stats.comp(daily))
    same(found.total_return, stats.comp(trades))
    same(found.cagr, stats.cagr(daily, periods=365))
    # Both: mean over standard deviation with ddof 1, times the root of the periods.
    same(found.sharpe, stats.sharpe(daily, periods=365))
    # Both: root mean square of the negative returns over all periods, not over the negative ones.
    same(found.sortino, stats.sortino(daily, periods=365))
    # Ours is positive and marked at each exit; days would hide a fall within a day.
    same(found.max_drawdown, -stats.max_drawdown(trades))
    assert found.max_drawdown >= -float(stats.max_drawdown(daily)) - 1e-12
    # Growth is by days, the drawdown by exits.
    same(found.calmar, stats.cagr(daily, periods=365) / -stats.max_drawdown(trades))
    # The library ignores returns of exactly 0; we count a trade at break-even as no win.
    assert not (run.trades.net_return == 0.0).any()
    same(found.win_rate, stats.win_rate(trades))
    same(found.profit_factor, stats.profit_factor(trades))
    same(found.expectancy, trades.mean())
    same(found.worst_trade, trades.min())


def test_without_a_loss_the_profit_factor_is_zero_where_the_library_says_infinite():
    stats = pytest.importorskip("quantstats.stats", exc_type=ImportError)
    import pandas as pd

    assert measures([1.1, 1.2], [0.1, 0.2]).profit_factor == 0.0
    trades = pd.Series([0.1, 0.2], pd.date_range("2000-01-01", periods=2))
    assert math.isinf(stats.profit_factor(trades))
