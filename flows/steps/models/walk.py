"""Forecasts of one target out-of-sample: each fold fitted, and the baselines on the same rows."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from flows.steps.models.dataset import HORIZON_MS, Dataset, Floats, Integers
from flows.steps.models.scores import TradeScore, trade
from flows.steps.models.settings import TrainSettings
from flows.steps.models.split import Split, walk_forward
from trading.candles import DAY_MS
from trading.model_targets import target_of
from trading.models import baselines
from trading.models.families import FittedModel, Recipe, Sample, fit
from trading.models.linear import fit_har, fit_ridge
from trading.models.trees import Stop

_PENALTY = 0.05
USUAL_OVER_MS = 14 * DAY_MS
"""The span over which a model's median forecast of volatility is the usual one."""


@dataclass(frozen=True)
class Forecast:
    """Out-of-sample forecasts of one fold, and of the baselines on the same rows.

    ``test`` has no features: forecasts of all folds are kept, their rows are those of the history.
    """

    split: Split
    test: Dataset
    model: Floats
    baselines: Mapping[str, Floats]
    usual: Floats | None = None
    """Median volatility of each row's symbol that the model forecasts of its last days."""


def sample_of(data: Dataset, target: str) -> Sample:
    """Return the rows of a data set as the training of one target."""
    return Sample(data.features, data.x, data.label(target), data.times, HORIZON_MS)


def fit_target(
    data: Dataset, target: str, recipe: Recipe, *, stop: Stop | None = None
) -> FittedModel:
    """Fit a recipe to one target of ``data``."""
    return fit(recipe, target_of(target).task, sample_of(data, target), stop=stop)


def forecast_with(model: FittedModel, data: Dataset) -> Floats:
    """Return a model's forecast of each row, from the features that it was fitted to."""
    if model.features == data.features:
        return model.predict(data.x)
    places = [data.features.index(name) for name in model.features]
    return model.predict(data.x[:, places])


def walk(
    data: Dataset,
    target: str,
    recipe: Recipe,
    settings: TrainSettings,
    *,
    stop: Stop | None = None,
    compare: bool = True,
) -> list[Forecast]:
    """Fit a recipe on each fold and forecast its test; without ``compare`` no baselines."""
    found = []
    for split in walk_forward(data, settings.split):
        train, test = data.take(split.train), data.take(split.test)
        model = fit_target(train, target, recipe, stop=stop)
        beside = _baselines(train, test, target) if compare else {}
        usual = _usual(model, train, test) if compare and target_of(target).logarithmic else None
        forecast = forecast_with(model, test)
        found.append(Forecast(split, test.labels_only(), forecast, beside, usual))
    return found


def _usual(model: FittedModel, train: Dataset, test: Dataset) -> Floats:
    """Return the usual volatility of each row's symbol, as that of a release is taken.

    It is NaN for a symbol without rows in the last days of the training.
    """
    last = train.take(train.times > train.times[-1] - USUAL_OVER_MS)
    forecasts = forecast_with(model, last)
    usual = np.full(len(test.times), np.nan)
    for symbol in np.intersect1d(last.symbols, test.symbols):
        usual[test.symbols == symbol] = np.exp(np.median(forecasts[last.symbols == symbol]))
    return usual


def _baselines(train: Dataset, test: Dataset, target: str) -> dict[str, Floats]:
    """Return the forecasts of the opponents, and of ridge, which is shown and opposes nothing.

    Ridge is fitted to all features: it finds whatever edge is linear, as the model should.
    """
    if target_of(target).task == "return":
        return {name: rule(test.column) for name, rule in baselines.DIRECTION.items()}
    labels = train.label(target)
    har = fit_har(train.x, labels, train.features)
    ridge = fit_ridge(train.x, labels, train.features, _PENALTY)
    return {
        "last": baselines.last_value(test.column),
        "har": har.predict(test.x, test.features),
        "ridge": ridge.predict(test.x, test.features),
    }


def joined(forecasts: Sequence[Forecast], name: str | None = None) -> Floats:
    """Return the model's forecasts of all folds, or those of a baseline."""
    return np.concatenate([f.model if name is None else f.baselines[name] for f in forecasts])


def tests_of(forecasts: Sequence[Forecast]) -> Dataset:
    """Return the tested rows of all folds as one data set without features."""
    parts = [f.test for f in forecasts]
    return replace(
        parts[0],
        times=np.concatenate([part.times for part in parts]),
        x=np.concatenate([part.x for part in parts]),
        log_volatility=np.concatenate([part.log_volatility for part in parts]),
        log_return=np.concatenate([part.log_return for part in parts]),
        symbols=np.concatenate([part.symbols for part in parts]),
    )


def trades_of(
    forecasts: Sequence[Forecast],
    settings: TrainSettings,
    *,
    edge: float = 0.0,
    baseline: str | None = None,
) -> TradeScore:
    """Return the model's trades beyond ``edge`` × the cost, or a baseline's at every hour."""
    forecast, tests = joined(forecasts, baseline), tests_of(forecasts)
    least = 0.0 if baseline else edge * settings.round_trip_bp / 10_000.0
    side: Integers = np.where(np.abs(forecast) > least, np.sign(forecast), 0).astype(np.int64)
    return trade(side, tests.log_return, tests.times, settings.round_trip_bp)


def held(forecasts: Sequence[Forecast]) -> TradeScore:
    """Return what it earns to hold every symbol through all tests; it pays no costs."""
    tests = tests_of(forecasts)
    return trade(np.ones(len(tests.times), dtype=np.int64), tests.log_return, tests.times, 0.0)
