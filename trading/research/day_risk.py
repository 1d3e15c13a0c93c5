"""The risk of a run by its days and trades; definitions that report and Python door share.

Returns are shares, days those of UTC, a year has 365 of them. A quantile or a ratio that too few
days or trades cannot carry is None.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import accumulate
from math import sqrt
from statistics import mean, stdev
from typing import NamedTuple

import numpy as np

from trading.metrics import ROOT_OF_YEAR

LEAST_TRADES = 10
"""Fewer trades carry no ratio."""
LEAST_DAYS = 20
"""Fewer days carry no quantile of a twentieth and no volatility."""
ROLLING_DAYS = 30
_NO_SPREAD = 1e-12
"""The deviation of equal returns is rounding error."""


class DayRisk(NamedTuple):
    """The risk of a day.

    ``volatility``: deviation of daily returns, of a year. ``value_at_risk``: the quantile of 5 % of
    daily returns; ``expected_shortfall``: the mean of the returns up to it. ``run_up``: the largest
    rise of the equity at exits from a low to a later value. ``quality``: the system quality number.
    """

    best_day: float
    worst_day: float
    days_won: int
    days: int
    volatility: float | None
    value_at_risk: float | None
    expected_shortfall: float | None
    run_up: float
    quality: float | None


def day_risk(returns: Sequence[float], results: Sequence[float]) -> DayRisk | None:
    """Measure daily ``returns``, and the net ``results`` of the trades in order of their exits.

    None without a day or without a trade.
    """
    if not returns or not results:
        return None
    enough = len(returns) >= LEAST_DAYS and len(results) >= LEAST_TRADES
    edge, beyond = value_at_risk(returns) if enough else (None, None)
    return DayRisk(
        best_day=max(returns),
        worst_day=min(returns),
        days_won=sum(value > 0 for value in returns),
        days=len(returns),
        volatility=volatility(returns) if enough else None,
        value_at_risk=edge,
        expected_shortfall=beyond,
        run_up=run_up([*accumulate(results, lambda own, net: own * (1.0 + net), initial=1.0)]),
        quality=quality_number(results),
    )


def run_up(values: Sequence[float]) -> float:
    """Return the largest rise from a low to a later value, as a share of the low."""
    lowest, most = values[0], 0.0
    for value in values:
        lowest = min(lowest, value)
        most = max(most, value / lowest - 1.0 if lowest > 0 else 0.0)
    return most


def quality_number(results: Sequence[float]) -> float | None:
    """Return the system quality number (V. Tharp): √n × mean over deviation of the trades' results.

    None for too few trades, or for equal results.
    """
    if len(results) < LEAST_TRADES or stdev(results) < _NO_SPREAD:
        return None
    return sqrt(len(results)) * mean(results) / stdev(results)


def value_at_risk(returns: Sequence[float], tail: float = 0.05) -> tuple[float, float]:
    """Return the quantile ``tail`` of daily returns, and the mean of the returns up to it."""
    edge = float(np.quantile(np.array(returns), tail))
    return edge, mean(value for value in returns if value <= edge)


def volatility(returns: Sequence[float]) -> float:
    """Return the deviation of daily returns, of a year."""
    return stdev(returns) * ROOT_OF_YEAR


def sharpe(returns: Sequence[float]) -> float:
    """Return the Sharpe ratio of daily returns, of a year; 0 for days without any change."""
    spread = stdev(returns)
    return mean(returns) / spread * ROOT_OF_YEAR if spread > _NO_SPREAD else 0.0
