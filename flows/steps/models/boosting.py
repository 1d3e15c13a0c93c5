"""LightGBM and the simple models beside it; no other module imports LightGBM.

The volatility model is HAR plus trees fitted to its errors: on a few weeks of data, trees alone
lose to HAR on days that are calmer or wilder than any they have seen.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import lightgbm
import numpy as np

from flows.steps.models.dataset import HORIZON_MS, Floats, Integers

# Volatility over an hour, four hours, a day and three: HAR of Corsi (2009) on this grid.
HAR_FEATURES = ("log_rv_4", "log_rv_16", "log_rv_96", "log_rv_288")

# One thread, a fixed seed and row-wise histograms: identical inputs give identical bytes.
_FIXED: dict[str, Any] = {
    "seed": 7,
    "deterministic": True,
    "force_row_wise": True,
    "num_threads": 1,
    "verbosity": -1,
}
_TREES: dict[str, Any] = {
    "num_leaves": 8,
    "max_bin": 63,
    "min_data_in_leaf": 80,
    "feature_fraction": 0.5,
    "bagging_fraction": 0.7,
    "bagging_freq": 1,
    "lambda_l2": 10.0,
}
VOLATILITY_PARAMS: dict[str, Any] = {"objective": "l2", "learning_rate": 0.04, "rounds": 150}
DIRECTION_PARAMS: dict[str, Any] = {
    "objective": "l2",
    "learning_rate": 0.04,
    "rounds": 100,
    "min_data_in_leaf": 30,
}
CALIBRATED_ON = 0.25
"""The last part of the training, on which the size of a forecast is measured."""
_LARGEST_SLOPE = 2.0


@dataclass(frozen=True)
class LinearModel:
    """``intercept + Σ weight × feature``; a missing feature counts as its mean in training."""

    intercept: float
    weights: Mapping[str, float]
    means: Mapping[str, float]

    def predict(self, x: Floats, features: Sequence[str]) -> Floats:
        """Return a value for each row of ``x`` [row, feature]."""
        result = np.full(len(x), self.intercept)
        for name, weight in self.weights.items():
            column = np.asarray(x[:, list(features).index(name)], dtype=np.float64)
            result = result + weight * np.where(np.isfinite(column), column, self.means[name])
        return result


@dataclass(frozen=True)
class BoostedModel:
    """Trees in LightGBM's own text, over ``features``, added to ``offset`` if there is one."""

    text: str
    features: tuple[str, ...]
    offset: LinearModel | None = None

    def predict(self, x: Floats) -> Floats:
        """Return a forecast for each row of ``x`` [row, feature]; for classifiers a probability."""
        booster = lightgbm.Booster(model_str=self.text)
        trees = np.asarray(booster.predict(x, num_threads=1), dtype=np.float64)
        return trees if self.offset is None else trees + self.offset.predict(x, self.features)

    def importance(self) -> dict[str, float]:
        """Return each feature's share of the total gain, largest first, without zero gains."""
        booster = lightgbm.Booster(model_str=self.text)
        gains = np.asarray(booster.feature_importance("gain"), dtype=np.float64)
        total = float(gains.sum()) or 1.0
        order = np.argsort(-gains, kind="stable")
        return {self.features[i]: round(float(gains[i]) / total, 6) for i in order if gains[i] > 0}


def fit_har(x: Floats, y: Floats, features: Sequence[str]) -> LinearModel:
    """Fit ``y`` by least squares on the HAR features."""
    places = [list(features).index(name) for name in HAR_FEATURES]
    columns = np.asarray(x[:, places], dtype=np.float64)
    means = np.nanmean(columns, axis=0)
    filled = np.where(np.isfinite(columns), columns, means)
    design = np.column_stack([np.ones(len(filled)), filled])
    weights, *_ = np.linalg.lstsq(design, y, rcond=None)
    return LinearModel(
        float(weights[0]),
        dict(zip(HAR_FEATURES, map(float, weights[1:]), strict=True)),
        dict(zip(HAR_FEATURES, map(float, means), strict=True)),
    )


def fit_volatility(x: Floats, y: Floats, features: Sequence[str]) -> BoostedModel:
    """Fit HAR and a regression of its errors; rows are in time order, ``y`` is log volatility."""
    har = fit_har(x, y, features)
    return _boost(x, y - har.predict(x, features), features, VOLATILITY_PARAMS, har)


def fit_direction(
    x: Floats, log_return: Floats, features: Sequence[str], times: Integers
) -> BoostedModel:
    """Fit the return of the next hour, in return units; rows are in time order.

    What is learnt on the first part of the span is compared with the outcomes of the last part, a
    horizon later: the slope between them says how much of a forecast comes true. The model is
    then fitted to all rows and forecasts that much; without a slope it forecasts nothing.
    """
    begin = times[0] + (times[-1] - times[0]) * (1.0 - CALIBRATED_ON)
    known, later = times < begin - HORIZON_MS, times >= begin
    slope = 0.0
    if known.any() and later.any():
        early = _boost(x[known], log_return[known], features, DIRECTION_PARAMS, None)
        forecast = early.predict(x[later])
        spread = float(np.sum(forecast * forecast))
        if spread > 0.0:
            slope = float(np.sum(forecast * log_return[later])) / spread
    kept = min(max(slope, 0.0), _LARGEST_SLOPE)
    return _boost(x, kept * log_return, features, DIRECTION_PARAMS, None)


def parameters(target: Mapping[str, Any]) -> dict[str, Any]:
    """Return every LightGBM parameter of a target, for the record."""
    return _TREES | dict(target) | _FIXED


def _boost(
    x: Floats,
    y: Floats,
    features: Sequence[str],
    target: Mapping[str, Any],
    offset: LinearModel | None,
) -> BoostedModel:
    params = parameters(target)
    rounds = params.pop("rounds")
    # LightGBM sizes buffers by a number of threads that is global to the process: it is one for
    # every call, so that models trained side by side cannot disturb each other.
    quiet = {"verbosity": -1, "num_threads": 1}
    data = lightgbm.Dataset(x, label=y, feature_name=list(features), params=quiet)
    booster = lightgbm.train(params, data, num_boost_round=rounds)
    return BoostedModel(booster.model_to_string(), tuple(features), offset)
