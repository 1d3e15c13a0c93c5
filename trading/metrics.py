"""Metrics of a simulated run, each defined here and nowhere else.

`Metrics` come from sums that the kernels write, even in a search of thousands; `FillMetrics` come
from the trades and fills of a single run (`trading.research.trading_costs`).

Equity starts at 1 and is marked at each exit. Daily returns are the change of that equity over each
UTC day from the first to the last candle, 0 on a day without an exit. Ratios use 365 days a year
and are 0 where they are not defined.
"""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass
from typing import NamedTuple

from trading.jit.kernel import Buffer, kernel

DAYS_A_YEAR = 365.0
ROOT_OF_YEAR = math.sqrt(DAYS_A_YEAR)

# Layout of the sums that the kernels write.
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
    """Metrics of one run; shares, not percent.

    ``max_drawdown`` is positive: the largest fall from a peak of the equity, as a share of the
    peak. ``win_rate``: trades with a net return above 0. ``profit_factor``: gains over losses (0
    when there is no loss). ``expectancy``: mean net return of a trade. ``exposure``: share of
    candles in a position. ``sharpe``: mean over standard deviation (ddof 1) of daily returns, times
    the root of 365 (W. Sharpe, 1994). ``sortino``: the same over the root mean square of negative
    daily returns (F. Sortino, 1994). ``cagr``: growth a year of 365 days. ``calmar``: ``cagr`` over
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
        """Return the metrics by name, for JSON."""
        return self._asdict()


@dataclass(frozen=True, slots=True)
class FillMetrics:
    """Metrics of one run that need its trades and fills: turnover, costs, length of drawdowns.

    Amounts are shares of the starting equity, so later trades pay more as the equity grows.
    ``reward_to_risk``: mean net return of the winning trades over that of the losing ones, as a
    positive number (0 without either). ``drawdown_days``: the most UTC days in a row that ended
    below an earlier peak of the equity, including the last day of the run. ``turnover``: notional
    bought and sold, as a share of the equity at the entry of each trade, per year of 365 days.
    ``fees``: paid on all fills. ``slippage``: the difference between the prices of market fills and
    the prices they were decided at; prices include it, so it is no further cost. ``funding``: paid
    less received; 0 in a run without funding rates.
    """

    reward_to_risk: float
    drawdown_days: int
    turnover: float
    fees: float
    slippage: float
    funding: float

    def as_dict(self) -> dict[str, float | int]:
        """Return the metrics by name, for JSON."""
        return asdict(self)


@kernel
def sums_clear(sums: Buffer, at: int) -> None:
    """Initialise the sums at ``at``: equity and peak at 1, all else 0."""
    for i in range(SUMS_SIZE):
        sums[at + i] = 0.0
    sums[at + EQUITY] = 1.0
    sums[at + PEAK] = 1.0


@kernel
def sums_trade(sums: Buffer, at: int, growth: float, held: int) -> None:
    """Add one trade: ``growth`` multiplies the equity, ``held`` is its length in candles."""
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
    """Write the Sharpe and Sortino ratios of ``days`` daily returns at ``daily_at`` to the sums."""
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
    # The deviation of equal returns is rounding error: it defines no ratio.
    noise = 1e-14 * mean
    if squares > days * noise * noise:
        sums[at + SHARPE] = mean / math.sqrt(squares / (days - 1.0)) * ROOT_OF_YEAR
    if below > 0.0:
        sums[at + SORTINO] = mean / math.sqrt(below / days) * ROOT_OF_YEAR


def metrics_of(sums: Buffer, days: int, candles: int) -> Metrics:
    """Compute the metrics of a run over ``days`` UTC days and ``candles`` candles from its sums."""
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
    """Return the growth a year of an equity reached in ``days`` days.

    The growth of a few lucky days is capped rather than overflowing.
    """
    if days <= 0 or equity <= 0.0:
        return equity - 1.0
    return math.expm1(min(math.log(equity) * DAYS_A_YEAR / days, 700.0))
