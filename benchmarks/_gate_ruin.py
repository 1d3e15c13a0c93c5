"""Is the risk of ruin right? Its claim from some months, beside what the same market then does."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from trading.research.evidence.ruin import ruin_risk

FloatArray = NDArray[np.float64]

SEEN, YEAR, LIMIT = 120, 365, 0.25
DAILY = 0.015
MARKETS = ("normal", "fat tails", "volatility in clusters")
SHARPES = (0.0, 2.0)


@dataclass(frozen=True, slots=True)
class RuinCounts:
    """Means over markets: the claimed probability, and the shares of years that came true.

    ``beyond`` is the share of years whose drawdown leaves the envelope of 99 of 100 paths.
    """

    claimed: float
    true: float
    beyond: float


def returns_of(market: str, sharpe: float, days: int, rng: np.random.Generator) -> FloatArray:
    """Draw daily net returns with a deviation of 1.5 % and this Sharpe ratio a year."""
    shocks = rng.standard_normal(days)
    if market == "fat tails":
        shocks = rng.standard_t(4, size=days) / np.sqrt(2.0)
    if market == "volatility in clusters":
        level = np.convolve(rng.standard_normal(days + 19), np.full(20, 20**-0.5), mode="valid")
        shocks = shocks * np.exp(0.5 * level - 0.25)
    drift = sharpe / np.sqrt(YEAR)
    return np.asarray(DAILY * (shocks + drift), dtype=np.float64)


def ruin_counts(market: str, sharpe: float, count: int, years: int = 20) -> RuinCounts:
    """Claim the risk from 120 days of each market, then draw its coming years."""
    claimed, true, beyond = [], [], []
    for place in range(count):
        rng = np.random.default_rng([place, round(10 * sharpe), MARKETS.index(market)])
        found = ruin_risk(returns_of(market, sharpe, SEEN, rng), rng, LIMIT, YEAR, 1_000)
        falls = np.array([_drawdown(returns_of(market, sharpe, YEAR, rng)) for _ in range(years)])
        claimed.append(found.probability)
        true.append(np.mean(falls > LIMIT))
        beyond.append(np.mean(falls > found.envelope))
    return RuinCounts(float(np.mean(claimed)), float(np.mean(true)), float(np.mean(beyond)))


def _drawdown(returns: FloatArray) -> float:
    equity = np.concatenate(([1.0], np.cumprod(1.0 + returns)))
    return float(np.max(1.0 - equity / np.maximum.accumulate(equity)))
