"""`trading.metrics.FillMetrics` of a run, from its trades and fills."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from trading.candles import Floats, Integers
from trading.metrics import DAYS_A_YEAR, FillMetrics
from trading.simulation.results import BacktestResult, Costs, Fills, Trades

RESTING = ("take_profit", "partial_take_profit", "liquidation")
"""Reasons of fills at their own level, which do not slip."""


def fill_metrics(run: BacktestResult, costs: Costs) -> FillMetrics:
    """Measure the fills of one simulated run."""
    return fill_metrics_of_all([run], run.daily_returns, costs)


def fill_metrics_of_all(
    runs: Sequence[BacktestResult], daily_returns: Floats, costs: Costs
) -> FillMetrics:
    """Measure the fills of consecutive runs on one equity, such as the tests of a walk-forward.

    ``daily_returns`` are those of all runs together.
    """
    equity, fees, slippage, turnover, funding = 1.0, 0.0, 0.0, 0.0, 0.0
    for run in runs:
        traded, charged, slipped = _of_trades(run.trades, run.fills, costs.slippage_bps / 10_000.0)
        before = equity * np.append(1.0, run.equity)[:-1]
        fees += float(charged @ before)
        slippage += float(slipped @ before)
        funding += float(run.trades.funding @ before)
        turnover += float(traded.sum())
        equity *= float(run.equity[-1]) if len(run.equity) else 1.0
    returns = np.concatenate([run.trades.net_return for run in runs] or [np.empty(0)])
    days = len(daily_returns)
    return FillMetrics(
        reward_to_risk=reward_to_risk(returns),
        drawdown_days=drawdown_days(daily_returns),
        turnover=turnover * DAYS_A_YEAR / days if days else 0.0,
        fees=fees,
        slippage=slippage,
        funding=funding,
    )


def reward_to_risk(returns: Floats) -> float:
    """Return the mean of the returns above 0 over that of those below, as a positive number."""
    won, lost = returns[returns > 0.0], returns[returns < 0.0]
    return float(won.mean() / -lost.mean()) if len(won) and len(lost) else 0.0


def drawdown_days(daily_returns: Floats) -> int:
    """Return the longest run of days with the equity below an earlier peak; it starts at 1."""
    equity = np.cumprod(1.0 + daily_returns)
    below = equity < np.maximum.accumulate(np.append(1.0, equity))[1:]
    longest = length = 0
    for is_below in below.tolist():
        length = length + 1 if is_below else 0
        longest = max(longest, length)
    return longest


def _of_trades(trades: Trades, fills: Fills, slip: float) -> tuple[Floats, Floats, Floats]:
    """Return notional, fees and slippage of each trade, as shares of the equity at its entry."""
    count = len(trades)
    # The average price says nothing of the entry's own fill: what was added later is in the fills.
    entered = trades.spent - _sums(fills.trade, np.maximum(fills.value, 0.0), count)
    sold = -_sums(fills.trade, fills.value, count)
    traded = entered + _sums(fills.trade, np.abs(fills.value), count)
    # Fees of all kinds are the difference between the gross and the net result, but for funding.
    fees = trades.side * (sold - entered) - trades.net_return - trades.funding
    slipped = entered * _slipped(trades.side, slip)
    market = ~np.isin(fills.reason, RESTING)
    way = trades.side[fills.trade] * np.sign(fills.value)
    slipped += _sums(fills.trade, np.abs(fills.value) * _slipped(way, slip) * market, count)
    return traded, fees, slipped


def _slipped(way: Integers | Floats, slip: float) -> Floats:
    """Return the share of a fill lost to slippage; ``way`` is +1 to buy, -1 to sell."""
    share: Floats = slip / (1.0 + np.asarray(way, dtype=np.float64) * slip)
    return share


def _sums(places: Integers, values: Floats, count: int) -> Floats:
    """Sum the values of each of ``count`` places."""
    return np.bincount(places, weights=values, minlength=count).astype(np.float64)
