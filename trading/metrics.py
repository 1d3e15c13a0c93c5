"""Measures of a simulated run, each defined here and nowhere else.

`Metrics` come from the sums that the kernels leave behind, also in a search of thousands,
`FillMetrics` from the trades and fills of a single run (`trading.research.trading_costs`).

Equity starts at 1 and is marked at each exit. Returns of UTC days are the change of that equity
over each calendar day from the first to the last candle, 0 on a day without an exit. Ratios use
365 days a year and are 0 where they are not defined.
"""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass
from typing import NamedTuple

from trading.jit.kernel import Buffer, kernel

DAYS_A_YEAR = 365.0
ROOT_OF_YEAR = math.sqrt(DAYS_A_YEAR)

# Layout of the sums that the kernels leave behind.
EQUITY = 0
TRADES = 1
WINS = 2
GAINS = 3
LOSSES = 4
PEAK = 5
DRAWDOWN = 6
HELD = 7
SHARPE = 8
SORTINO = 9
LARGEST_LOSS = 10
SUMS_SIZE = 11


class Metrics(NamedTuple):
    """Measures of one run; shares, not percent.

    ``max_drawdown`` is positive: the largest fall from a peak of the equity, as a share of the
    peak. ``win_rate``: trades with a net return above 0. ``profit_factor``: gains over losses (0
    when there is no loss). ``expectancy``: mean net return of a trade. ``exposure``: share of
    candles in a position. ``sharpe``: mean over standard deviation (ddof 1) of day returns, times
    the root of 365 (W. Sharpe, 1994). ``sortino``: the same over the root mean square of negative
    day returns (F. Sortino, 1994). ``cagr``: growth a year of 365 days. ``calmar``: ``cagr`` over
    ``max_drawdown``.
    """

    total_return: float
    trades: int
    win_rate: float
    max_drawdown: float
    sharpe: float
    sortino: float
    calmar: float
    profit_factor: float
    expectancy: float
    exposure: float
    cagr: float
    worst_trade: float
    days: int

    def as_dict(self) -> dict[str, float | int]:
        """The measures by name, for JSON."""
        return self._asdict()


@dataclass(frozen=True, slots=True)
class FillMetrics:
    """Further measures of one run, of what was dealt and paid; amounts are shares of the equity at
    the start, of which later trades pay more as it grows.

    ``reward_to_risk``: mean net return of the trades that won over that of those that lost, as a
    positive number (0 without either). ``drawdown_days``: the most UTC days in a row that ended
    below an earlier peak of the equity, the last day of the run included. ``turnover``: notional
    bought and sold, each as a share of the equity at the trade's entry, a year of 365 days.
    ``fees``: paid on all fills. ``slippage``: what market fills paid beyond the price that they
    were decided at; a part of the prices, so it is no further cost. ``funding``: paid less
    received; 0 in a run without funding rates.
    """

    reward_to_risk: float
    drawdown_days: int
    turnover: float
    fees: float
    slippage: float
    funding: float

    def as_dict(self) -> dict[str, float | int]:
        """The measures by name, for JSON."""
        return asdict(self)


@kernel
def sums_clear(sums: Buffer, at: int) -> None:
    """Start a run whose sums lie from ``at`` on: equity and peak at 1, all else 0."""
    for i in range(SUMS_SIZE):
        sums[at + i] = 0.0
    sums[at + EQUITY] = 1.0
    sums[at + PEAK] = 1.0


@kernel
def sums_trade(sums: Buffer, at: int, growth: float, held: int) -> None:
    """Count one trade: ``growth`` multiplies the equity, ``held`` candles were spent in it."""
    result = growth - 1.0
    equity = sums[at + EQUITY] * growth
    sums[at + EQUITY] = equity
    sums[at + TRADES] += 1.0
    sums[at + HELD] += held
    if result > 0.0:
        sums[at + WINS] += 1.0
        sums[at + GAINS] += result
    else:
        sums[at + LOSSES] -= result
        if result < sums[at + LARGEST_LOSS]:
            sums[at + LARGEST_LOSS] = result
    if equity > sums[at + PEAK]:
        sums[at + PEAK] = equity
    fall = (sums[at + PEAK] - equity) / sums[at + PEAK]
    if fall > sums[at + DRAWDOWN]:
        sums[at + DRAWDOWN] = fall


@kernel
def sums_days(sums: Buffer, at: int, daily: Buffer, daily_at: int, days: int) -> None:
    """Sharpe and Sortino ratio of ``days`` daily returns (from ``daily_at`` on) into the sums."""
    if days < 2 or sums[at + TRADES] == 0.0:
        return
    total = 0.0
    for i in range(daily_at, daily_at + days):
        total += daily[i]
    mean = total / days
    squares = 0.0
    below = 0.0
    for i in range(daily_at, daily_at + days):
        value = daily[i]
        squares += (value - mean) * (value - mean)
        if value < 0.0:
            below += value * value
    # Equal returns leave a deviation that is rounding only: no ratio is defined by it.
    noise = 1e-14 * mean
    if squares > days * noise * noise:
        sums[at + SHARPE] = mean / math.sqrt(squares / (days - 1.0)) * ROOT_OF_YEAR
    if below > 0.0:
        sums[at + SORTINO] = mean / math.sqrt(below / days) * ROOT_OF_YEAR


def metrics_of(sums: Buffer, days: int, candles: int) -> Metrics:
    """The measures of a run over ``days`` calendar days and ``candles`` candles, from its sums."""
    trades = int(sums[TRADES])
    equity, drawdown, losses = float(sums[EQUITY]), float(sums[DRAWDOWN]), float(sums[LOSSES])
    gains = float(sums[GAINS])
    cagr = yearly_growth(equity, days)
    return Metrics(
        equity - 1.0,
        trades,
        float(sums[WINS]) / trades if trades else 0.0,
        drawdown,
        float(sums[SHARPE]),
        float(sums[SORTINO]),
        cagr / drawdown if drawdown > 0.0 else 0.0,
        gains / losses if losses > 0.0 else 0.0,
        (gains - losses) / trades if trades else 0.0,
        float(sums[HELD]) / candles if candles else 0.0,
        cagr,
        float(sums[LARGEST_LOSS]),
        days,
    )


def yearly_growth(equity: float, days: int) -> float:
    """Growth a year of an equity that took ``days`` days; a few days' luck is capped, not
    overflowed.
    """
    if days <= 0 or equity <= 0.0:
        return equity - 1.0
    return math.expm1(min(math.log(equity) * DAYS_A_YEAR / days, 700.0))
