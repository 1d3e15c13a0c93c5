"""What a model's forecasts are made of: shares of the SHAP values over rows."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from trading.candles import Floats
from trading.models.families import FittedModel

_MOST_ROWS = 200
"""Enough for shares of a per cent; SHAP values of trees cost more than their forecasts."""


def shap_shares(model: FittedModel, x: Floats, features: Sequence[str]) -> dict[str, float]:
    """Return each feature's share of the mean absolute SHAP value, largest first, without zeros.

    Over at most two hundred rows of ``x`` [row, feature], evenly spaced. What a volatility model
    takes from HAR is not in it: its trees explain what HAR leaves.
    """
    rows = np.unique(np.linspace(0, len(x) - 1, _MOST_ROWS).astype(np.int64))
    places = [list(features).index(name) for name in model.features]
    sizes = np.abs(model.attributions(x[rows][:, places])).mean(axis=0)
    total = float(sizes.sum()) or 1.0
    order = np.argsort(-sizes, kind="stable")
    return {model.features[i]: round(float(sizes[i]) / total, 6) for i in order if sizes[i] > 0.0}
