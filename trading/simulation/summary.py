"""What a trader asks of one back-test first: period, balance, months, exits, gaps."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from trading.candles import CandleColumns, Floats, Integers
from trading.market.gaps import gaps_in
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
    ``2025-05`` to the return of that month, ``held_months`` to that of holding meanwhile.
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
    held_months: Mapping[str, float]

    @classmethod
    def of(cls, result: BacktestResult, candles: CandleColumns, capital: float) -> RunSummary:
        """Summarize a run that traded all of ``candles`` from ``capital`` on."""
        gaps = gaps_in(candles)
        return cls(
            start_ms=int(candles.open_time[0]),
            end_ms=int(candles.open_time[-1]) + candles.interval_ms,
            candles=len(candles),
            interval_ms=candles.interval_ms,
            gaps=gaps.places,
            missing=gaps.candles,
            start_balance=capital,
            end_balance=capital * (1.0 + result.metrics.total_return),
            buy_and_hold=float(candles.close[-1] / candles.open[0] - 1.0),
            exits=exits_of(result.trades),
            months=monthly_returns(result.days, result.daily_returns),
            held_months=held_returns(candles),
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


def beyond_emergency(trades: Trades, candles: CandleColumns, share: float) -> int:
    """Return how many trades went ``share`` of their entry against it before they ended.

    Live and paper trades end there. The candle of the exit counts up to its exit price only.
    """
    first = np.searchsorted(candles.open_time, trades.entry_time)
    last = np.searchsorted(candles.open_time, trades.exit_time)
    found = 0
    for i, (entered, left) in enumerate(zip(first.tolist(), last.tolist(), strict=True)):
        side, entry = int(trades.side[i]), float(trades.entry_price[i])
        prices = candles.low if side > 0 else candles.high
        reached = side * np.append(prices[entered:left], trades.exit_price[i])
        found += bool(reached.min() <= side * entry * (1.0 - side * share))
    return found


def monthly_returns(days: Integers, daily_returns: Floats) -> dict[str, float]:
    """Return the compounded return of each UTC month of ``days`` (starts, ms)."""
    months = days.astype("datetime64[ms]").astype("datetime64[M]")
    return {
        str(month): float(np.prod(1.0 + daily_returns[months == month]) - 1.0)
        for month in np.unique(months)
    }


def held_returns(candles: CandleColumns) -> dict[str, float]:
    """Return what holding returned in each UTC month, from the first open on, without costs."""
    months = candles.open_time.astype("datetime64[ms]").astype("datetime64[M]")
    names, first = np.unique(months, return_index=True)
    ends = candles.close[np.append(first[1:], len(candles)) - 1]
    starts = np.append(candles.open[0], ends[:-1])
    returns = (ends / starts - 1.0).tolist()
    return dict(zip((str(name) for name in names), returns, strict=True))
