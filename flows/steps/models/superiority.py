"""Is a model truly better than its opponents? The tests of the parameter search, for one model.

The baselines are opponents, never trials: the model has to be superior to each of them, so the
largest p-value counts. Trials are what was searched: the recipes that were tried for this model.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from flows.steps.models.dataset import Floats
from trading.errors import DataError
from trading.research.evidence.superior_ability import (
    LEAST_PERIODS,
    block_length,
    highest_scores,
    recentred,
    samples_for,
    superior_ability,
    tested_rows,
)
from trading.research.overfitting import backtest_overfitting

_SEED = 0
_BLOCKS = 16


def superiority(
    daily: Floats,
    opponents: Mapping[str, Floats],
    alpha: float,
    trials: Floats | None = None,
) -> float:
    """Return the p-value of "some opponent is as good", NaN for fewer than 10 days.

    ``daily`` and each opponent's values are per day, more is better (Hansen 2005, paired). With
    ``trials`` [trial, day] the model was chosen among them and itself: its score has to exceed the
    best score of all that chance gives.
    """
    if len(daily) < LEAST_PERIODS:
        return float("nan")
    rows = daily[None, :] if trials is None else np.vstack((daily, trials))
    return max(_p_value(rows - other, alpha) for other in opponents.values())


def _p_value(rows: Floats, alpha: float) -> float:
    """Return the p-value of the first row among all; see `superior_ability`."""
    returns = np.ascontiguousarray(rows)
    generator, samples = np.random.default_rng(_SEED), samples_for(alpha)
    if len(returns) == 1:
        return superior_ability(returns, generator, samples, enough_above=max(alpha, 0.1)).p_value
    tested = tested_rows(returns)
    if not len(tested) or tested[0] != 0:
        return 1.0  # the chosen one hardly moved
    kept = returns[tested]
    scores, centre = recentred(kept)
    if scores[0] <= 0.0:
        return 1.0
    highest = highest_scores(kept, centre, generator, samples, block_length(kept))
    return float((1 + np.sum(highest >= scores[0])) / (1 + samples))


def loss_probability(daily: Floats, trials: Floats | None = None) -> float:
    """Return how often a model that is chosen on half of the days loses on the other half.

    By CSCV, among ``trials`` [trial, day], with doing nothing as one choice; NaN for fewer than 8
    days.
    """
    blocks = min(_BLOCKS, len(daily) // 4 * 2)
    if blocks < 4:
        return float("nan")
    others = [] if trials is None else [trials]
    rows = np.vstack((daily, *others, np.zeros(len(daily))))
    try:
        return backtest_overfitting(np.ascontiguousarray(rows), blocks).loss_probability
    except DataError:
        return float("nan")
