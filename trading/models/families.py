"""Model families behind one interface: what a name fits, from which parameters, into which file.

A family fits a `Sample` and gives a `Forecast` model, which predicts, explains itself and becomes
text: a file of numbers, never code. What is fitted is a level (log volatility), a return (in return
units) or a chance (of a label being true).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Literal, Protocol

import numpy as np

from trading.candles import Floats, Integers
from trading.errors import ParameterError
from trading.models import trees
from trading.models.linear import (
    HAR_FEATURES,
    LOGISTIC,
    LinearModel,
    deviations,
    fit_har,
    fit_logistic,
    fit_ridge,
)
from trading.models.trees import Stop, TreeModel

Task = Literal["level", "return", "chance"]

CALIBRATED_ON = 0.25
"""The last part of the training, on which the size of a forecast is measured."""
_LARGEST_SLOPE = 2.0


@dataclass(frozen=True)
class Sample:
    """Training rows in time order: ``x`` [row, feature], their outcomes ``y``, and ``times``.

    ``times`` are ms, UTC; an outcome is known ``horizon_ms`` after its row.
    """

    features: tuple[str, ...]
    x: Floats
    y: Floats
    times: Integers
    horizon_ms: int

    def take(self, rows: Any) -> Sample:
        """Return some of the rows."""
        return replace(self, x=self.x[rows], y=self.y[rows], times=self.times[rows])

    def only(self, names: Sequence[str]) -> Sample:
        """Return the same rows with some of the features."""
        places = [self.features.index(name) for name in names]
        return replace(self, features=tuple(names), x=self.x[:, places])


class FittedModel(Protocol):
    """What every family makes: it needs no more than its features and its file."""

    @property
    def features(self) -> tuple[str, ...]:
        """The columns that `predict` expects."""

    @property
    def text(self) -> str:
        """The model file."""

    @property
    def offset(self) -> LinearModel | None:
        """What is added to the model of the file, if anything."""

    def predict(self, x: Floats) -> Floats:
        """Return a forecast for each row of ``x`` [row, feature]."""

    def importance(self) -> dict[str, float]:
        """Return each feature's share in the forecasts, largest first."""

    def attributions(self, x: Floats) -> Floats:
        """Return what each feature adds to each forecast, [row, feature]."""


@dataclass(frozen=True)
class LinearForecast:
    """A linear model over ``features`` as a `FittedModel`."""

    model: LinearModel
    features: tuple[str, ...]
    spreads: Mapping[str, float] = field(default_factory=dict)
    offset: LinearModel | None = None

    @property
    def text(self) -> str:
        """The model as JSON, with the deviations of its features in training."""
        return self.model.to_text()

    def predict(self, x: Floats) -> Floats:
        """Return a forecast for each row; for a chance its log odds."""
        return self.model.predict(x, self.features)

    def importance(self) -> dict[str, float]:
        """Return each feature's share of Σ |weight| × deviation in training, largest first."""
        sizes = {
            name: abs(weight) * self.spreads.get(name, 0.0)
            for name, weight in self.model.weights.items()
        }
        total = sum(sizes.values()) or 1.0
        shares = {name: round(size / total, 6) for name, size in sizes.items() if size > 0.0}
        return dict(sorted(shares.items(), key=lambda item: -item[1]))

    def attributions(self, x: Floats) -> Floats:
        """Return weight × (feature − its mean), the SHAP values of a linear model."""
        weights = [self.model.weights.get(name, 0.0) for name in self.features]
        means = [self.model.means.get(name, 0.0) for name in self.features]
        centred = np.asarray(x, dtype=np.float64) - np.array(means)
        return np.asarray(np.where(np.isfinite(centred), centred, 0.0) * np.array(weights))


@dataclass(frozen=True)
class Recipe:
    """What is to be fitted: a family, its parameters, and the features it may use (none: all)."""

    family: str = "lightgbm"
    params: Mapping[str, Any] = field(default_factory=dict)
    features: tuple[str, ...] = ()


_DEFAULTS: dict[str, dict[str, Any]] = {
    "har": {},
    "ridge": {"penalty": 0.05},
    "logistic": {"penalty": 0.05},
    "lightgbm": trees.BOOSTED,
    "forest": trees.FOREST,
}
FAMILIES = tuple(_DEFAULTS)
_OF_TASK: dict[Task, tuple[str, ...]] = {
    "level": ("har", "ridge", "lightgbm", "forest"),
    "return": ("ridge", "logistic", "lightgbm", "forest"),
    "chance": ("logistic", "lightgbm", "forest"),
}
_RETURN: dict[str, dict[str, Any]] = {"lightgbm": {"rounds": 100, "min_data_in_leaf": 30}}
_TREES = ("lightgbm", "forest")


def families_of(task: Task) -> tuple[str, ...]:
    """Return the families that fit a task, the simplest first."""
    return _OF_TASK[task]


def parameters(recipe: Recipe, task: Task) -> dict[str, Any]:
    """Return all parameters that a recipe fits with, for the record."""
    if recipe.family not in _DEFAULTS:
        raise ParameterError(
            f"there is no model family '{recipe.family}'; choose from {', '.join(FAMILIES)}"
        )
    if recipe.family not in _OF_TASK[task]:
        raise ParameterError(
            f"the family '{recipe.family}' fits no {task}; choose from {', '.join(_OF_TASK[task])}"
        )
    known = _DEFAULTS[recipe.family]
    if unknown := sorted(set(recipe.params) - set(known)):
        raise ParameterError(
            f"the family '{recipe.family}' has no parameter '{unknown[0]}'; it has "
            f"{', '.join(sorted(known)) or 'none'}"
        )
    own = _RETURN.get(recipe.family, {}) if task == "return" else {}
    chosen = {**known, **own, **recipe.params}
    if recipe.family in _TREES:
        if task == "chance":
            chosen["objective"] = "binary"
        return trees.all_parameters(chosen)
    return chosen


def fit(recipe: Recipe, task: Task, sample: Sample, *, stop: Stop | None = None) -> FittedModel:
    """Fit a recipe; deterministic.

    A return is forecast in return units: what is learnt on the first part of the span is compared
    with the outcomes of the last part, a horizon later. The slope between them says how much of a
    forecast comes true; the model is then fitted to all rows and forecasts that much. Without a
    slope it forecasts nothing. Raises `ParameterError` for an unknown family or parameter, and
    `OutOfTime` when ``stop`` becomes true.
    """
    params = parameters(recipe, task)
    used = sample.only(recipe.features) if recipe.features else sample
    if task == "return":
        kept = _slope(recipe.family, params, used, stop)
        used = replace(used, y=kept * used.y)
    return _fit(recipe.family, params, task, used, stop)


def read_model(
    family: str, text: str, features: Sequence[str], offset: LinearModel | None
) -> FittedModel:
    """Rebuild a model from its file; it is data, and nothing in it is run."""
    if family in _TREES:
        return TreeModel(text, tuple(features), offset)
    if family not in _DEFAULTS:
        raise ParameterError(
            f"there is no model family '{family}'; choose from {', '.join(FAMILIES)}"
        )
    return LinearForecast(LinearModel.of_text(text), tuple(features))


def _slope(family: str, params: Mapping[str, Any], sample: Sample, stop: Stop | None) -> float:
    times = sample.times
    begin = times[0] + (times[-1] - times[0]) * (1.0 - CALIBRATED_ON)
    known, later = times < begin - sample.horizon_ms, times >= begin
    if not (known.any() and later.any()):
        return 0.0
    early = _fit(family, params, "return", sample.take(known), stop)
    forecast = early.predict(sample.x[later])
    spread = float(np.sum(forecast * forecast))
    slope = float(np.sum(forecast * sample.y[later])) / spread if spread > 0.0 else 0.0
    return min(max(slope, 0.0), _LARGEST_SLOPE)


def _fit(
    family: str, params: Mapping[str, Any], task: Task, sample: Sample, stop: Stop | None
) -> FittedModel:
    x, y, features = sample.x, sample.y, sample.features
    if family in _TREES:
        return trees.fit_trees(
            x, y, features, params, offset=_har_of(sample) if task == "level" else None, stop=stop
        )
    if family == "har":
        model = fit_har(x, y, features)
    elif family == "ridge":
        model = fit_ridge(x, y, features, params["penalty"])
    else:
        positive = y if task == "chance" else (y > 0.0).astype(np.float64)
        scale = float(np.mean(np.abs(y))) if task == "return" else 1.0
        model = fit_logistic(x, positive, features, params["penalty"], scale)
    spreads = dict(zip(features, map(float, deviations(x)), strict=True))
    return LinearForecast(model, features, spreads)


def _har_of(sample: Sample) -> LinearModel | None:
    """Fit HAR where the sample has its features."""
    if not set(HAR_FEATURES) <= set(sample.features):
        return None
    return fit_har(sample.x, sample.y, sample.features)


def log_odds(model: FittedModel, x: Floats) -> Floats:
    """Return the log odds that a model of a chance gives to each row."""
    if isinstance(model, LinearForecast) and model.model.link == LOGISTIC:
        chance = np.clip(model.model.chance(x, model.features), 1e-12, 1.0 - 1e-12)
        return np.asarray(np.log(chance / (1.0 - chance)))
    return model.predict(x)
