"""Measures of a run, by hand and against an independent library."""

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


def test_measures_of_three_trades_by_hand():
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


def test_a_trade_that_ends_even_is_no_win():
    assert measures([1.0], [0.0]).win_rate == 0.0


def test_the_drawdown_counts_from_the_start():
    assert measures([0.9, 0.9], [-0.19]).max_drawdown == pytest.approx(0.19)


def test_ratios_that_are_not_defined_are_zero():
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
