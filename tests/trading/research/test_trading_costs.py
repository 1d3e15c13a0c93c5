"""Fill metrics of a run, by hand and against an independent library."""

from __future__ import annotations

from dataclasses import fields, replace

import numpy as np
import pytest

from trading.candles import HOUR_MS, CandleColumns
from trading.positions.exit_rules import ExitRules
from trading.research.trading_costs import (
    drawdown_days,
    fill_metrics,
    fill_metrics_of_all,
    reward_to_risk,
)
from trading.simulation import BacktestResult, Costs, backtest
from trading.simulation.results import Trades
from trading.strategies.registry import get_strategy
from trading.strategies.technical.breakout import Breakout

COSTS = Costs(fee_bps=10.0, slippage_bps=5.0, maker_fee_bps=2.0)
SETTINGS = {"filters": "off", "signal_tf": "1h", "k": 0.5, "take_profit": 0.04, "stop_loss": 0.02}


class Laddered(Breakout):
    """Sells half at 2 %, the rest at the take-profit of 4 %."""

    name = "laddered"

    def exit_rules(self, params) -> ExitRules:
        return replace(super().exit_rules(params), partials=((0.02, 0.5),))


def one_breakout(high: float) -> CandleColumns:
    """Make a day of range 10 and a day that crosses 105 in its second hour and reaches ``high``."""
    first = [(100.0, 105.0, 95.0, 100.0)] * 24
    second = [(100.0, 101.0, 99.0, 100.0), (100.0, 106.0, 100.0, 106.0)]
    second += [(106.0, high, 105.9, 106.0)] + [(106.0, 106.5, 105.9, 106.0)] * 21
    opens, highs, lows, closes = zip(*first, *second, strict=True)
    times = HOUR_MS * np.arange(48)
    return CandleColumns.of(times, opens, highs, lows, closes, interval_ms=HOUR_MS)


def test_fees_slippage_and_turnover_of_a_closed_day_by_hand():
    run = backtest(Breakout(), one_breakout(107.0), SETTINGS, COSTS)
    assert run.trades.reason.tolist() == ["day_end"]
    found = fill_metrics(run, COSTS)
    bought = 1.0 / 1.001
    sold = bought * (106.0 * 0.9995) / (106.0 * 1.0005)
    assert found.fees == pytest.approx((bought + sold) * 0.001, rel=1e-9)
    assert found.slippage == pytest.approx(
        bought * 0.0005 / 1.0005 + sold * 0.0005 / 0.9995, rel=1e-9
    )
    assert found.turnover == pytest.approx((bought + sold) * 365 / 2, rel=1e-9)
    assert found.funding == 0.0
    assert found.reward_to_risk == 0.0
    assert found.drawdown_days == 1


def test_resting_sales_pay_the_maker_fee_and_no_slippage():
    run = backtest(Laddered(), one_breakout(112.0), SETTINGS, COSTS)
    assert run.fills.reason.tolist() == ["partial_take_profit", "take_profit"]
    found = fill_metrics(run, COSTS)
    bought = 1.0 / 1.001
    sold = bought / 2 * 1.02 + bought / 2 * 1.04
    assert found.fees == pytest.approx(bought * 0.001 + sold * 0.0002, rel=1e-9)
    assert found.slippage == pytest.approx(bought * 0.0005 / 1.0005, rel=1e-9)


def test_consecutive_runs_pay_on_the_remaining_equity():
    run = backtest(Breakout(), one_breakout(112.0), SETTINGS, COSTS)
    one = fill_metrics(run, COSTS)
    both = fill_metrics_of_all([run, run], np.tile(run.daily_returns, 2), COSTS)
    assert run.equity[-1] > 1.03
    assert both.fees == pytest.approx(one.fees * (1.0 + run.equity[-1]))
    assert both.turnover == pytest.approx(one.turnover)


def test_costs_explain_the_whole_difference_from_a_run_without_costs(ether):
    params = {"filters": "off", "signal_tf": "5m", "k": 0.2, "take_profit": 0.01}
    strategy = get_strategy("breakout")
    free = backtest(strategy, ether, params, Costs(0.0))
    paid = backtest(strategy, ether, params, Costs(5.0))
    assert len(paid.trades) > 30
    assert fill_metrics(free, Costs(0.0)).fees == pytest.approx(0.0, abs=1e-12)
    alone = [one_trade(paid, i) for i in range(len(paid.trades))]
    found = [fill_metrics(run, Costs(5.0)).fees for run in alone]
    # Prices are the same, so the fees of a trade are the difference of its net returns.
    entry = 1.0 / 1.0005
    expected = entry * free.trades.net_return - paid.trades.net_return
    assert found == pytest.approx(expected.tolist(), rel=1e-9)


def one_trade(run: BacktestResult, i: int) -> BacktestResult:
    """Return the run as if its trade ``i`` had been the only one."""
    columns = [field.name for field in fields(Trades)]
    trades = replace(run.trades, **{name: getattr(run.trades, name)[i : i + 1] for name in columns})
    chosen = run.fills.trade == i
    names = ("time", "value", "price", "reason")
    fills = replace(
        run.fills,
        trade=np.zeros(int(chosen.sum()), dtype=np.int64),
        **{name: getattr(run.fills, name)[chosen] for name in names},
    )
    return replace(run, trades=trades, fills=fills, equity=1.0 + trades.net_return)


def test_a_run_without_trades_costs_nothing():
    run = backtest(Breakout(), one_breakout(107.0), SETTINGS | {"k": 2.0}, COSTS)
    found = fill_metrics(run, COSTS)
    assert set(found.as_dict().values()) == {0}


def test_a_drawdown_counts_from_the_start_to_the_end():
    assert drawdown_days(np.array([-0.1, 0.0, 0.05])) == 3
    assert drawdown_days(np.array([0.1, 0.0, -0.05, 0.2, -0.01, 0.02, -0.1, 0.0])) == 2
    assert drawdown_days(np.empty(0)) == 0


def test_reward_and_drawdown_equal_an_independent_library(ether):
    stats = pytest.importorskip("quantstats.stats", exc_type=ImportError)
    import pandas as pd

    params = {"filters": "off", "signal_tf": "5m", "k": 0.2, "take_profit": 0.01}
    run = backtest(get_strategy("breakout"), ether, params, Costs())
    found = fill_metrics(run, Costs())
    trades = pd.Series(run.trades.net_return, pd.date_range("2000-01-01", periods=len(run.trades)))
    assert found.reward_to_risk == pytest.approx(float(stats.payoff_ratio(trades)), rel=1e-9)
    assert reward_to_risk(run.trades.net_return) == found.reward_to_risk
    daily = pd.Series(run.daily_returns, pd.to_datetime(run.days, unit="ms"))
    details = stats.drawdown_details(stats.to_drawdown_series(daily))
    assert found.drawdown_days == int(details["days"].max())
    assert found.drawdown_days > 1
