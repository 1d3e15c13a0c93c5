"""Metrics of a simulated account.

They are those of `trading.metrics`, but in quote currency, with the equity marked at every close.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass

import numpy as np

from trading.candles import DAY_MS, Floats
from trading.metrics import SHARPE, SORTINO, SUMS_SIZE, TRADES, sums_days, yearly_growth
from trading.research.trading_costs import drawdown_days, reward_to_risk
from trading.simulation.account.simulation import AccountResult


@dataclass(frozen=True, slots=True)
class ProfitMetrics:
    """Profit of a set of trades, in quote currency after fees and funding.

    ``profit_factor`` and ``reward_to_risk`` compare the profits (0 without a loss).
    """

    trades: int
    profit: float
    win_rate: float
    profit_factor: float
    reward_to_risk: float

    def as_dict(self) -> dict[str, float | int]:
        """Return the metrics by name, for JSON."""
        return asdict(self)


@dataclass(frozen=True, slots=True)
class AccountMetrics:
    """Metrics of the whole account, as shares of the starting balance unless noted.

    ``max_drawdown`` is the largest fall of the equity, marked at each candle's close, as a share of
    its peak; ``drawdown_days``, ``sharpe`` and ``sortino`` use the equity at the end of each UTC
    day. ``fees`` and ``funding`` (paid less received) are in quote currency.
    """

    total_return: float
    cagr: float
    max_drawdown: float
    drawdown_days: int
    sharpe: float
    sortino: float
    calmar: float
    fees: float
    funding: float
    days: int
    earned: ProfitMetrics

    def as_dict(self) -> dict[str, float | int]:
        """Return the metrics by name on one level, for JSON."""
        own = asdict(self)
        return {**own.pop("earned"), **own}


def account_metrics(run: AccountResult, balance: float) -> AccountMetrics:
    """Return the metrics of a run that began with ``balance`` and has at least one moment."""
    peaks = np.maximum.accumulate(np.append(balance, run.equity))[1:]
    drawdown = float(((peaks - run.equity) / peaks).max())
    daily = daily_returns(run, balance)
    ratios = [0.0] * SUMS_SIZE
    ratios[TRADES] = float(len(run))
    sums_days(ratios, 0, daily.tolist(), 0, len(daily))
    growth = float(run.equity[-1]) / balance
    cagr = yearly_growth(growth, len(daily))
    return AccountMetrics(
        total_return=growth - 1.0,
        cagr=cagr,
        max_drawdown=drawdown,
        drawdown_days=drawdown_days(daily),
        sharpe=ratios[SHARPE],
        sortino=ratios[SORTINO],
        calmar=cagr / drawdown if drawdown > 0.0 else 0.0,
        fees=fees_of(run),
        funding=run.funding_paid,
        days=len(daily),
        earned=profit_metrics(run.profit),
    )


def profit_metrics(profits: Floats) -> ProfitMetrics:
    """Return the profit metrics of trades with these profits."""
    losses = -float(profits[profits < 0.0].sum())
    return ProfitMetrics(
        trades=len(profits),
        profit=float(profits.sum()),
        win_rate=float((profits > 0.0).mean()) if len(profits) else 0.0,
        profit_factor=float(profits[profits > 0.0].sum()) / losses if losses > 0.0 else 0.0,
        reward_to_risk=reward_to_risk(profits),
    )


def fees_of(run: AccountResult) -> float:
    """Return the fees of all trades: their gross result less their profits and the funding."""
    gross = run.side * (run.exit_price * run.quantity - run.spent)
    return float((gross - run.profit).sum()) - run.funding_paid


def daily_returns(run: AccountResult, balance: float) -> Floats:
    """Return the change of the equity over each UTC day with candles."""
    days = run.moments // DAY_MS
    last = np.append(np.flatnonzero(np.diff(days)), len(days) - 1)
    ends = np.append(balance, run.equity[last])
    returns: Floats = ends[1:] / ends[:-1] - 1.0
    return returns
