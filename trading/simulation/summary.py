"""What a trader asks of one back-test first: period, balance, months, exits, gaps."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from trading.candles import CandleColumns, Floats, Integers
from trading.simulation.results import BacktestResult, Trades


@dataclass(frozen=True, slots=True)
class ExitCount:
    """The trades that ended for one reason: how many, how many won, and their mean net return."""

    trades: int
    wins: int
    mean_return: float


@dataclass(frozen=True, slots=True)
class RunSummary:
    """One run beside the market that it traded.

    Times are epoch ms, UTC; ``end_ms`` is the close of the last candle. Balances are in quote
    currency; ``buy_and_hold`` is the return from the first open to the last close, without costs.
    ``gaps`` counts the places where candles are missing, ``missing`` the candles. ``months`` maps
    ``2025-05`` to the return of that month.
    """

    start_ms: int
    end_ms: int
    candles: int
    interval_ms: int
    gaps: int
    missing: int
    start_balance: float
    end_balance: float
    buy_and_hold: float
    exits: Mapping[str, ExitCount]
    months: Mapping[str, float]

    @classmethod
    def of(cls, result: BacktestResult, candles: CandleColumns, capital: float) -> RunSummary:
        """Summarize a run that traded all of ``candles`` from ``capital`` on."""
        steps = np.diff(candles.open_time) // candles.interval_ms
        return cls(
            start_ms=int(candles.open_time[0]),
            end_ms=int(candles.open_time[-1]) + candles.interval_ms,
            candles=len(candles),
            interval_ms=candles.interval_ms,
            gaps=int(np.count_nonzero(steps > 1)),
            missing=int((steps[steps > 1] - 1).sum()),
            start_balance=capital,
            end_balance=capital * (1.0 + result.metrics.total_return),
            buy_and_hold=float(candles.close[-1] / candles.open[0] - 1.0),
            exits=exits_of(result.trades),
            months=monthly_returns(result.days, result.daily_returns),
        )


def exits_of(trades: Trades) -> dict[str, ExitCount]:
    """Return the trades by the reason of their exit, the most frequent first."""
    found: dict[str, ExitCount] = {}
    names, counts = np.unique(trades.reason, return_counts=True)
    for place in np.argsort(-counts, kind="stable"):
        returns = trades.net_return[trades.reason == names[place]]
        wins = int(np.count_nonzero(returns > 0.0))
        found[str(names[place])] = ExitCount(len(returns), wins, float(returns.mean()))
    return found


def monthly_returns(days: Integers, daily_returns: Floats) -> dict[str, float]:
    """Return the compounded return of each UTC month of ``days`` (starts, ms)."""
    months = days.astype("datetime64[ms]").astype("datetime64[M]")
    return {
        str(month): float(np.prod(1.0 + daily_returns[months == month]) - 1.0)
        for month in np.unique(months)
    }
