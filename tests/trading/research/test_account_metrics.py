"""Metrics of an account, worked out by hand from three trades on four days."""

from __future__ import annotations

import math

import numpy as np
import pytest

from trading.candles import DAY_MS, HOUR_MS
from trading.research.account_metrics import (
    account_metrics,
    daily_returns,
    fees_of,
    profit_metrics,
)
from trading.simulation.account.results import AccountResult

# Equity at the end of each day: 1,100, 990, 990, 1,188; it starts at 1,000.
MOMENTS = [0, HOUR_MS, DAY_MS, DAY_MS + HOUR_MS, 2 * DAY_MS, 3 * DAY_MS, 3 * DAY_MS + HOUR_MS]
EQUITY = [1_050.0, 1_100.0, 880.0, 990.0, 990.0, 1_089.0, 1_188.0]


def account(equity: list[float] = EQUITY, moments: list[int] = MOMENTS) -> AccountResult:
    """A long that won 110, a short that lost 120, and a long that won 198; all of fees 1 or 2."""
    three = np.zeros(3, dtype=np.int64)
    names = np.array(["", "", ""])
    return AccountResult(
        place=three,
        entry_time=three,
        exit_time=three,
        side=np.array([1, -1, 1]),
        entry_price=np.array([100.0, 50.0, 10.0]),
        exit_price=np.array([111.0, 62.0, 20.0]),
        quantity=np.array([10.0, 10.0, 20.0]),
        profit=np.array([108.0, -121.0, 193.0]),
        reason=names,
        risk_wanted=np.zeros(3),
        risk_taken=np.zeros(3),
        bound_by=names,
        spent=np.array([1_000.0, 500.0, 200.0]),
        moments=np.array(moments),
        equity=np.array(equity),
        wallet=equity[-1],
        funding_paid=4.0,
        ambiguous_candles=0,
        refused={},
    )


def test_daily_returns_compare_the_last_equity_of_each_day():
    assert daily_returns(account(), 1_000.0) == pytest.approx([0.1, -0.1, 0.0, 0.2])


def test_the_account_is_measured_as_by_hand():
    found = account_metrics(account(), 1_000.0)
    daily = np.array([0.1, -0.1, 0.0, 0.2])
    assert found.total_return == pytest.approx(0.188)
    assert found.cagr == pytest.approx(1.188 ** (365 / 4) - 1)
    assert found.max_drawdown == pytest.approx(0.2)  # 1,100 to 880, within a day
    assert found.drawdown_days == 2
    assert found.sharpe == pytest.approx(daily.mean() / daily.std(ddof=1) * math.sqrt(365))
    assert found.sortino == pytest.approx(daily.mean() / math.sqrt(0.01 / 4) * math.sqrt(365))
    assert found.calmar == pytest.approx(found.cagr / 0.2)
    assert found.days == 4
    assert found.funding == 4.0
    # Gross 110, -120 and 200; kept 108, -121 and 193: 10 between them, of which 4 are funding.
    assert found.fees == pytest.approx(6.0)
    assert fees_of(account()) == pytest.approx(6.0)


def test_the_drawdown_counts_from_the_balance_and_is_zero_without_a_fall():
    falls = account_metrics(account([900.0], [0]), 1_000.0)
    assert falls.max_drawdown == pytest.approx(0.1)
    rises = account_metrics(account([1_100.0], [0]), 1_000.0)
    assert (rises.max_drawdown, rises.calmar, rises.days) == (0.0, 0.0, 1)


def test_the_profits_are_measured_as_by_hand():
    earned = account_metrics(account(), 1_000.0).earned
    assert (earned.trades, earned.profit) == (3, pytest.approx(180.0))
    assert earned.win_rate == pytest.approx(2 / 3)
    assert earned.profit_factor == pytest.approx(301 / 121)
    assert earned.reward_to_risk == pytest.approx(150.5 / 121)


def test_a_loss_of_less_than_one_counts_and_break_even_is_no_win():
    small = profit_metrics(np.array([0.3, 0.0, -0.2, -0.4]))
    assert small.profit_factor == pytest.approx(0.5)
    assert small.win_rate == 0.25
    assert small.reward_to_risk == pytest.approx(1.0)


def test_without_trades_or_without_a_loss_there_is_no_ratio():
    none = profit_metrics(np.empty(0))
    assert none.as_dict() == {
        "trades": 0,
        "profit": 0.0,
        "win_rate": 0.0,
        "profit_factor": 0.0,
        "reward_to_risk": 0.0,
    }
    won = profit_metrics(np.array([1.0, 2.0]))
    assert (won.win_rate, won.profit_factor, won.reward_to_risk) == (1.0, 0.0, 0.0)


def test_all_metrics_lie_on_one_level_for_json():
    found = account_metrics(account(), 1_000.0).as_dict()
    assert found["profit_factor"] == pytest.approx(301 / 121)
    assert found["max_drawdown"] == pytest.approx(0.2)
    assert "earned" not in found
