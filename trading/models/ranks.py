"""Measures of how well forecasts order their outcomes; needs no learning library."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from trading.candles import Floats


def auc(positive: npt.NDArray[np.bool_], score: Floats) -> float:
    """Return the area under the ROC curve by ranks (Mann, Whitney 1947); NaN for one class only."""
    wins, total = int(positive.sum()), len(positive)
    if wins in (0, total):
        return float("nan")
    ranks = _ranks(score)
    return float((ranks[positive].sum() - wins * (wins + 1) / 2.0) / (wins * (total - wins)))


def correlation(forecast: Floats, outcome: Floats) -> float:
    """Return the rank correlation (Spearman 1904) of forecasts and outcomes; NaN if one is flat."""
    ranks = [_ranks(values) for values in (forecast, outcome)]
    first, second = (rank - rank.mean() for rank in ranks)
    spread = float(np.sqrt(np.sum(first * first) * np.sum(second * second)))
    return float(np.sum(first * second)) / spread if spread > 0 else float("nan")


def _ranks(values: Floats) -> Floats:
    """Return ranks from 1 on; equal values share their mean rank."""
    _, place, counts = np.unique(values, return_inverse=True, return_counts=True)
    ends = np.cumsum(counts)
    return np.asarray((ends - (counts - 1) / 2.0)[place], dtype=np.float64)
