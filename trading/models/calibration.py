"""Chances that mean what they say: scores mapped to frequencies that were seen later.

A model of a chance is fitted to the first part of its span and calibrated on the last, a horizon
later: by isotonic regression, or with few rows by a line in log odds (Platt 1999). Where that does
not beat the base rate on rows that did not choose it, the chance is the base rate.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from trading.candles import Floats
from trading.errors import DataError
from trading.models.families import (
    CALIBRATED_ON,
    FittedModel,
    Recipe,
    Sample,
    fit,
    log_odds,
    read_model,
)
from trading.models.linear import LinearModel

BINS = 10
ENOUGH_FOR_ISOTONIC = 1_000
_LEAST = 40
"""Fewer later outcomes calibrate nothing."""
_GROUP_ROWS = 100
_CLOSEST = 1e-3
"""No chance comes nearer to 0 or 1: a few hundred outcomes cannot tell."""


def expected_calibration_error(chance: Floats, outcome: Floats, bins: int = BINS) -> float:
    """Return the mean distance of chance and frequency over ``bins`` of equal width.

    ``outcome`` is 0 or 1 (Naeini, Cooper, Hauskrecht 2015); NaN without rows.
    """
    if len(chance) == 0:
        return float("nan")
    place = np.minimum((chance * bins).astype(np.int64), bins - 1)
    counts = np.bincount(place, minlength=bins)
    gaps = np.bincount(place, weights=chance - outcome, minlength=bins)
    return float(np.sum(np.abs(gaps)) / counts.sum())


def log_loss(chance: Floats, outcome: Floats) -> float:
    """Return the mean negative log-likelihood of outcomes (0 or 1)."""
    safe = np.clip(chance, 1e-12, 1.0 - 1e-12)
    return float(-np.mean(outcome * np.log(safe) + (1.0 - outcome) * np.log(1.0 - safe)))


@dataclass(frozen=True)
class Calibration:
    """A rising line through ``scores`` and ``chances``, flat beyond its ends.

    ``kind`` is ``isotonic``, ``platt`` or ``base rate``.
    """

    kind: str
    scores: tuple[float, ...]
    chances: tuple[float, ...]

    def chance_of(self, scores: Floats) -> Floats:
        """Return the chance of each score, in log odds of the uncalibrated model."""
        return np.interp(scores, self.scores, self.chances)


def fit_calibration(scores: Floats, outcome: Floats) -> Calibration:
    """Calibrate ``scores`` [row, in time order] by their outcomes (0 or 1).

    The first half of the rows chooses whether the scores say more than the base rate; raises
    `DataError` for fewer than 40 rows.
    """
    if len(scores) < _LEAST:
        raise DataError(
            f"{len(scores)} outcomes are too few to calibrate a chance; it needs {_LEAST}, so "
            "train on a longer history"
        )
    half = len(scores) // 2
    first = _fitted(scores[:half], outcome[:half])
    base = np.full(len(scores) - half, float(outcome[:half].mean()))
    says_more = log_loss(first.chance_of(scores[half:]), outcome[half:]) < log_loss(
        base, outcome[half:]
    )
    if says_more:
        return _fitted(scores, outcome)
    return Calibration("base rate", (0.0,), (float(outcome.mean()),))


def _fitted(scores: Floats, outcome: Floats) -> Calibration:
    if len(scores) >= ENOUGH_FOR_ISOTONIC:
        return _isotonic(scores, outcome)
    return _platt(scores, outcome)


def _isotonic(scores: Floats, outcome: Floats) -> Calibration:
    """Fit a rising line through the means of equal groups: single rows at the ends know nothing."""
    from sklearn.isotonic import IsotonicRegression

    groups = np.array_split(np.argsort(scores, kind="stable"), len(scores) // _GROUP_ROWS)
    means = np.array([scores[rows].mean() for rows in groups])
    shares = np.array([outcome[rows].mean() for rows in groups])
    fitted = IsotonicRegression().fit(means, shares)
    chances = np.clip(fitted.y_thresholds_, _CLOSEST, 1.0 - _CLOSEST)
    return Calibration(
        "isotonic", tuple(map(float, fitted.X_thresholds_)), tuple(map(float, chances))
    )


def _platt(scores: Floats, outcome: Floats) -> Calibration:
    from sklearn.linear_model import LogisticRegression

    if float(outcome.min()) == float(outcome.max()):
        return Calibration("base rate", (0.0,), (float(outcome.mean()),))
    fitted = LogisticRegression(C=1e6, max_iter=300).fit(scores[:, None], outcome)
    knots = np.linspace(float(scores.min()), float(scores.max()), 65)
    slope = max(float(fitted.coef_[0, 0]), 0.0)
    odds = float(fitted.intercept_[0]) + slope * knots
    chances = np.clip(1.0 / (1.0 + np.exp(-odds)), _CLOSEST, 1.0 - _CLOSEST)
    return Calibration("platt", tuple(map(float, knots)), tuple(map(float, chances)))


@dataclass(frozen=True)
class ChanceModel:
    """A calibrated chance: a fitted model, and what its scores have meant."""

    family: str
    model: FittedModel
    calibration: Calibration

    def predict(self, x: Floats) -> Floats:
        """Return the chance for each row of ``x`` [row, feature of the model]."""
        return self.calibration.chance_of(log_odds(self.model, x))

    def to_text(self) -> str:
        """Return the model as JSON: numbers, and trees in LightGBM's own text."""
        values = {
            "family": self.family,
            "features": list(self.model.features),
            "model": self.model.text,
            "kind": self.calibration.kind,
            "scores": list(self.calibration.scores),
            "chances": list(self.calibration.chances),
        }
        return json.dumps(values, indent=1, sort_keys=True) + "\n"

    @classmethod
    def of_text(cls, text: str) -> ChanceModel:
        """Rebuild the model from its JSON."""
        values: dict[str, Any] = json.loads(text)
        features: Sequence[str] = values["features"]
        offset: LinearModel | None = None
        return cls(
            values["family"],
            read_model(values["family"], values["model"], features, offset),
            Calibration(values["kind"], tuple(values["scores"]), tuple(values["chances"])),
        )


def fit_chance(recipe: Recipe, sample: Sample) -> ChanceModel:
    """Fit a recipe to outcomes (0 or 1) and calibrate it on the last part of the span.

    ``sample.horizon_ms`` has to be at least as long as the longest label. Raises `DataError` for
    too few later rows.
    """
    times = sample.times
    begin = times[0] + (times[-1] - times[0]) * (1.0 - CALIBRATED_ON)
    early, later = sample.take(times < begin - sample.horizon_ms), sample.take(times >= begin)
    if len(early.times) < _LEAST:
        raise DataError(
            f"{len(early.times)} rows are too few to learn a chance from; it needs {_LEAST}"
        )
    model = fit(recipe, "chance", early)
    places = [sample.features.index(name) for name in model.features]
    scores = log_odds(model, later.x[:, places])
    return ChanceModel(recipe.family, model, fit_calibration(scores, later.y))
