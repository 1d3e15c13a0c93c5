"""Is a model truly better than its opponents? The tests of the parameter search, for one model.

The baselines are opponents, never trials: the model has to be superior to each of them, so the
largest p-value counts. Trials are what was searched, here one model a symbol.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from flows.steps.models.dataset import Floats
from trading.errors import DataError
from trading.research.evidence.superior_ability import (
    LEAST_PERIODS,
    samples_for,
    superior_ability,
)
from trading.research.overfitting import backtest_overfitting

_SEED = 0
_BLOCKS = 16


def superiority(daily: Floats, opponents: Mapping[str, Floats], alpha: float) -> float:
    """Return the p-value of "some opponent is as good", NaN for fewer than 10 days.

    ``daily`` and each opponent's values are per day, more is better (Hansen 2005, paired).
    """
    if len(daily) < LEAST_PERIODS:
        return float("nan")
    found = [
        superior_ability(
            np.ascontiguousarray((daily - other)[None, :]),
            np.random.default_rng(_SEED),
            samples_for(alpha),
            enough_above=max(alpha, 0.1),
        ).p_value
        for other in opponents.values()
    ]
    return max(found)


def loss_probability(daily: Floats) -> float:
    """Return how often a model that is chosen on half of the days loses on the other half.

    By CSCV, with doing nothing as the other choice; NaN for fewer than 8 days.
    """
    blocks = min(_BLOCKS, len(daily) // 4 * 2)
    if blocks < 4:
        return float("nan")
    try:
        return backtest_overfitting(
            np.ascontiguousarray(np.vstack((daily, np.zeros(len(daily))))), blocks
        ).loss_probability
    except DataError:
        return float("nan")
