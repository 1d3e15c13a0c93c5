"""What a model's forecasts are made of: shares of the SHAP values over its training."""

from __future__ import annotations

import numpy as np

from flows.steps.models.dataset import Dataset
from trading.models.families import FittedModel

_MOST_ROWS = 200
"""Enough for shares of a per cent; SHAP values of trees cost more than their forecasts."""


def shares(model: FittedModel, data: Dataset) -> dict[str, float]:
    """Return each feature's share of the mean absolute SHAP value, largest first, without zeros.

    Over at most two hundred rows of ``data``, evenly spaced. What a volatility model takes from HAR
    is not in it: its trees explain what HAR leaves.
    """
    rows = np.unique(np.linspace(0, len(data.times) - 1, _MOST_ROWS).astype(np.int64))
    places = [data.features.index(name) for name in model.features]
    values = model.attributions(data.x[rows][:, places])
    sizes = np.abs(values).mean(axis=0)
    total = float(sizes.sum()) or 1.0
    order = np.argsort(-sizes, kind="stable")
    return {model.features[i]: round(float(sizes[i]) / total, 6) for i in order if sizes[i] > 0.0}
