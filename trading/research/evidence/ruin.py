"""How deep the account may fall by chance alone: block bootstrap of the daily returns."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from trading.errors import DataError

FloatArray = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class RuinRisk:
    """``probability`` that the drawdown passes ``limit`` within ``days``.

    ``envelope`` is the drawdown that 99 of 100 resampled paths stay within.
    """

    probability: float
    limit: float
    days: int
    envelope: float


def ruin_risk(
    daily_returns: FloatArray,
    generator: np.random.Generator,
    limit: float,
    days: int = 365,
    samples: int = 5_000,
) -> RuinRisk:
    """Resample ``days`` days of net returns in blocks and measure each path's worst drawdown.

    ``limit`` is a positive fraction of the peak. Raises `DataError` below 10 days.
    """
    periods = len(daily_returns)
    if periods < 10:
        raise DataError(f"the risk of ruin needs 10 days of returns, was {periods}")
    if not 0.0 < limit < 1.0:
        raise DataError(f"the drawdown limit is a fraction between 0 and 1, was {limit:g}")
    length = max(1, round(math.pow(periods, 1.0 / 3.0)))
    blocks = -(-days // length)
    starts = generator.integers(0, periods, size=(samples, blocks))
    places = (starts[:, :, None] + np.arange(length)) % periods
    paths = daily_returns[places.reshape(samples, -1)[:, :days]]
    equity = np.cumprod(1.0 + paths, axis=1)
    peak = np.maximum(np.maximum.accumulate(equity, axis=1), 1.0)
    worst = np.max(1.0 - equity / peak, axis=1)
    return RuinRisk(
        probability=float(np.mean(worst > limit)),
        limit=limit,
        days=days,
        envelope=float(np.quantile(worst, 0.99)),
    )
