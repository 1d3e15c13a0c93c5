"""Linear models: HAR by least squares, ridge and logistic regression by scikit-learn.

scikit-learn is imported where something is fitted; a fitted model needs numpy alone.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from trading.candles import Floats

# Volatility over an hour, four hours, a day and three: HAR of Corsi (2009) on 15-minute bars.
HAR_FEATURES = ("log_rv_4", "log_rv_16", "log_rv_96", "log_rv_288")

IDENTITY, LOGISTIC = "identity", "logistic"


@dataclass(frozen=True)
class LinearModel:
    """``intercept + Σ weight × feature``; a missing feature counts as its mean in training.

    With the link ``logistic`` the sum is the log odds of a chance p, and the model returns
    ``scale`` × (2p − 1): with the mean size of a move as the scale, an expected move.
    """

    intercept: float
    weights: Mapping[str, float]
    means: Mapping[str, float]
    link: str = IDENTITY
    scale: float = 1.0

    def predict(self, x: Floats, features: Sequence[str]) -> Floats:
        """Return a value for each row of ``x`` [row, feature]."""
        result = self._sums(x, features)
        if self.link == LOGISTIC:
            result = self.scale * (2.0 * _chance(result) - 1.0)
        return result

    def chance(self, x: Floats, features: Sequence[str]) -> Floats:
        """Return the chance of each row, of a model with the link ``logistic``."""
        return _chance(self._sums(x, features))

    def _sums(self, x: Floats, features: Sequence[str]) -> Floats:
        places = {name: place for place, name in enumerate(features)}
        result = np.full(len(x), self.intercept)
        # In one order, so that a model read from its file forecasts the same to the last bit.
        for name, weight in sorted(self.weights.items()):
            column = np.asarray(x[:, places[name]], dtype=np.float64)
            result = result + weight * np.where(np.isfinite(column), column, self.means[name])
        return result

    def to_text(self) -> str:
        """Return the model as JSON; equal models give equal text."""
        return json.dumps(asdict(self), indent=1, sort_keys=True) + "\n"

    @classmethod
    def of_text(cls, text: str) -> LinearModel:
        """Rebuild the model from its JSON."""
        values: dict[str, Any] = json.loads(text)
        return cls(**values)


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


def fit_ridge(x: Floats, y: Floats, features: Sequence[str], penalty: float) -> LinearModel:
    """Fit ``y`` by ridge regression on standardised features; ``penalty`` is per row."""
    from sklearn.linear_model import Ridge

    scaled, means, spreads = _standardised(x)
    fitted = Ridge(alpha=penalty * len(y), solver="cholesky").fit(scaled, y)
    return _on_features(features, float(fitted.intercept_), fitted.coef_, means, spreads)


def fit_logistic(
    x: Floats, positive: Floats, features: Sequence[str], penalty: float, scale: float
) -> LinearModel:
    """Fit the chance of ``positive`` (0 or 1) on standardised features; ``penalty`` is per row.

    Rows of one kind alone have no odds: their model has no weights and forecasts nothing.
    """
    from sklearn.linear_model import LogisticRegression

    if float(positive.min()) == float(positive.max()):
        return LinearModel(0.0, {}, {}, LOGISTIC, scale)
    scaled, means, spreads = _standardised(x)
    model = LogisticRegression(C=1.0 / (penalty * len(positive)), solver="lbfgs", max_iter=300)
    fitted = model.fit(scaled, positive)
    found = _on_features(features, float(fitted.intercept_[0]), fitted.coef_[0], means, spreads)
    return LinearModel(found.intercept, found.weights, found.means, LOGISTIC, scale)


def _standardised(x: Floats) -> tuple[Floats, Floats, Floats]:
    """Return standardised columns, missing values as 0, with their means and deviations."""
    values = np.asarray(x, dtype=np.float64)
    known = np.isfinite(values)
    counts = np.maximum(known.sum(axis=0), 1)
    means = np.where(known, values, 0.0).sum(axis=0) / counts
    centred = np.where(known, values - means, 0.0)
    spreads = np.sqrt((centred * centred).sum(axis=0) / counts)
    spreads = np.where(spreads > 0.0, spreads, np.inf)  # a constant column weighs nothing
    return centred / spreads, means, spreads


def deviations(x: Floats) -> Floats:
    """Return the deviation of each column without its missing values; 0 where nothing varies."""
    _, _, spreads = _standardised(x)
    return np.where(np.isfinite(spreads), spreads, 0.0)


def _on_features(
    features: Sequence[str], intercept: float, weights: Floats, means: Floats, spreads: Floats
) -> LinearModel:
    """Return a model of standardised columns in the features' own units."""
    own = np.asarray(weights, dtype=np.float64) / spreads
    return LinearModel(
        intercept - float(np.sum(own * means)),
        dict(zip(features, map(float, own), strict=True)),
        dict(zip(features, map(float, means), strict=True)),
    )


def _chance(odds: Floats) -> Floats:
    return np.asarray(1.0 / (1.0 + np.exp(-np.clip(odds, -500.0, 500.0))))
