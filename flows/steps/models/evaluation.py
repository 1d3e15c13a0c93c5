"""Evaluate one target: walk forward, score the folds beside the baselines, apply the gate."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from math import isfinite
from typing import Any

import numpy as np

from flows.steps.models.dataset import HORIZON_MS, Dataset, Floats
from flows.steps.models.gate import (
    Superiority,
    direction_verdicts,
    drift_verdicts,
    volatility_verdicts,
)
from flows.steps.models.leakage import leak_verdict
from flows.steps.models.scores import better_than, daily_gains, r_squared, relative_gains
from flows.steps.models.settings import FoldScore, ModelLook, TrainSettings
from flows.steps.models.split import last_window
from flows.steps.models.superiority import loss_probability, superiority
from flows.steps.models.walk import (
    Forecast,
    fit_target,
    forecast_with,
    held,
    joined,
    tests_of,
    trades_of,
    walk,
)
from trading.model_targets import TargetTask, target_of
from trading.models.drift import last_day
from trading.models.explanation import shap_shares
from trading.models.families import FittedModel, Recipe, parameters
from trading.models.linear import fit_har
from trading.models.ranks import auc, correlation
from trading.research.gates import GateVerdict

Scores = dict[str, float | None]
OPPONENTS = ("last", "har")
"""Of a volatility model; ridge is shown beside them."""


@dataclass(frozen=True)
class EvaluatedModel:
    """The model for a release, trained on the last window, and evidence out-of-sample.

    ``shap`` is each feature's share of the mean absolute SHAP value over the last window. ``daily``
    are the results that bet on it once it is frozen, day by day, and ``opponent`` whom a volatility
    model is then compared with, fitted on the same window.
    """

    family: str
    final: FittedModel
    params: Mapping[str, Any]
    rows: int
    train_from: int
    train_to: int
    scores: Scores
    folds: tuple[FoldScore, ...]
    verdicts: tuple[GateVerdict, ...]
    shap: Mapping[str, float]
    daily: tuple[float, ...] = ()
    opponent: Mapping[str, Any] | None = None
    forecasts: Sequence[Forecast] = ()


@dataclass(frozen=True)
class _Walked:
    """What a walk forward found; ``baseline`` names the best opponent of a volatility model."""

    forecasts: Sequence[Forecast]
    folds: Sequence[Scores]
    scores: Scores
    daily: Floats
    baseline: str = ""


@dataclass(frozen=True)
class Chosen:
    """What to evaluate: a recipe, and the daily results of the other recipes that were tried.

    ``trials`` [trial, day] are as long as the chosen one's own results, and count in the gate, as
    do those ``broken_off`` before their results were known. ``forecasts`` are its own if they are
    known already.
    """

    recipe: Recipe
    trials: Floats | None = None
    broken_off: int = 0
    forecasts: Sequence[Forecast] | None = None

    @property
    def tried(self) -> int:
        """Number of recipes that were tried, the chosen one included."""
        return 1 + self.broken_off + (0 if self.trials is None else len(self.trials))


def evaluate_target(
    data: Dataset, target: str, settings: TrainSettings, chosen: Chosen | None = None
) -> EvaluatedModel:
    """Evaluate one target by its task; `ParameterError` for an unknown target."""
    evaluate = _EVALUATORS[target_of(target).task]
    return evaluate(data, target, settings, chosen or Chosen(settings.recipe(target)))


def daily_results(forecasts: Sequence[Forecast], target: str, settings: TrainSettings) -> Floats:
    """Return what the gate tests, day by day: net results, or gains over the best opponent."""
    if target_of(target).task == "return":
        return trades_of(forecasts, settings, edge=settings.edge).daily
    tests = tests_of(forecasts)
    actual = tests.label(target)
    other = actual - joined(forecasts, _best(_level_scores(forecasts, target)))
    return daily_gains(actual - joined(forecasts), other, tests.times)


def skill(forecasts: Sequence[Forecast], target: str) -> float:
    """Return what a search maximizes: R², of a direction against forecasting no move."""
    tests = tests_of(forecasts)
    actual = tests.label(target)
    if target_of(target).task == "level":
        return r_squared(actual, joined(forecasts), tests.symbols)
    errors = actual - joined(forecasts)
    return 1.0 - float(np.sum(errors * errors) / np.sum(actual * actual))


def _best(scores: Scores) -> str:
    """Return the opponent of a volatility model with the highest R²."""
    return max(reversed(OPPONENTS), key=lambda name: scores[f"r2_{name}"] or 0.0)


def _evaluate_level(
    data: Dataset, target: str, settings: TrainSettings, chosen: Chosen
) -> EvaluatedModel:
    """Evaluate the level of the next hour, such as log volatility, against the last and HAR."""
    forecasts = chosen.forecasts or walk(data, target, chosen.recipe, settings)
    folds = [_level_scores([forecast], target) for forecast in forecasts]
    scores = _level_scores(forecasts, target)
    best = _best(scores)
    tests = tests_of(forecasts)
    actual, times = tests.label(target), tests.times
    errors = actual - joined(forecasts)
    others = {name: actual - joined(forecasts, name) for name in OPPONENTS}
    probability = better_than(errors, others[best], times)
    # Errors as results: the model's against each baseline's.
    own = daily_gains(errors, others[best], times)
    opponents = {name: own - daily_gains(errors, other, times) for name, other in others.items()}
    look = settings.looks.get(target, ModelLook())
    tested = _tested(look, data.symbol, own, opponents, chosen.trials)
    drift = last_day(actual, joined(forecasts), times)
    better = [(fold["r2"] or 0.0) > (fold[f"r2_{best}"] or 0.0) for fold in folds]
    verdicts = volatility_verdicts(
        r2=_number(scores["r2"]),
        best_baseline=_number(scores[f"r2_{best}"]),
        baseline=best,
        better_folds=float(np.mean(better)),
        superiority=tested,
        rows=len(actual),
        limits=settings.limits,
    ) + drift_verdicts(drift)
    scores |= {
        "probability_better": _known(probability),
        "better_folds": float(np.mean(better)),
        "p_value": _known(tested.p_value),
        "trials": float(chosen.tried),
        "drift": None if drift is None else drift.score,
        "drift_limit": None if drift is None else drift.limit,
    }
    daily = relative_gains(errors, others[best], times)
    found = _Walked(forecasts, folds, scores, daily, best)
    return _evaluated(data, target, settings, chosen, found, verdicts)


def _level_scores(forecasts: Sequence[Forecast], target: str) -> Scores:
    tests = tests_of(forecasts)
    actual, symbols = tests.label(target), tests.symbols
    scores: Scores = {
        "test_rows": float(len(actual)),
        "r2": _known(r_squared(actual, joined(forecasts), symbols)),
    }
    for name in forecasts[0].baselines:
        scores[f"r2_{name}"] = _known(r_squared(actual, joined(forecasts, name), symbols))
    return scores


def _evaluate_return(
    data: Dataset, target: str, settings: TrainSettings, chosen: Chosen
) -> EvaluatedModel:
    """Evaluate the next hour's return against reversal, momentum, holding and no trade.

    A forecast is traded when it exceeds the cost filter.
    """
    forecasts = chosen.forecasts or walk(data, target, chosen.recipe, settings)
    folds = [_direction_scores([forecast], settings) for forecast in forecasts]
    scores = _direction_scores(forecasts, settings)
    own = trades_of(forecasts, settings, edge=settings.edge)
    rivals = {
        "hold": held(forecasts),
        **{name: trades_of(forecasts, settings, baseline=name) for name in forecasts[0].baselines},
    }
    totals = [("flat", 0.0), *((name, rival.total) for name, rival in rivals.items())]
    best = max(totals, key=lambda entry: entry[1])
    positive = float(np.mean([(fold["total_return"] or 0.0) > 0 for fold in folds]))
    opponents = {"flat": np.zeros(len(own.daily)), **{n: r.daily for n, r in rivals.items()}}
    look = settings.looks.get(target, ModelLook())
    tested = _tested(look, data.symbol, own.daily, opponents, chosen.trials)
    found, alarm = _number(scores["auc"]), settings.limits.direction_leak

    def forecast(train: Dataset, test: Dataset) -> Floats:
        return forecast_with(fit_target(train, target, chosen.recipe), test)

    verdicts = direction_verdicts(
        leak=leak_verdict(data, settings.split, forecast, found, alarm),
        score=own,
        best_baseline=best[1],
        baseline=best[0],
        positive_folds=positive,
        superiority=tested,
        limits=settings.limits,
    )
    scores |= {
        "positive_folds": positive,
        "p_value": _known(tested.p_value),
        "trials": float(chosen.tried),
    }
    # Every symbol of a pool trades in an equal part of the account.
    daily = own.daily / max(1, len(np.unique(tests_of(forecasts).symbols)))
    walked = _Walked(forecasts, folds, scores, daily)
    return _evaluated(data, target, settings, chosen, walked, verdicts)


def _tested(
    look: ModelLook,
    symbol: str,
    daily: Floats,
    opponents: Mapping[str, Floats],
    trials: Floats | None,
) -> Superiority:
    """Test a model against its opponents; between looks the p-value is that of the last one."""
    if look.p_values is None:
        p_value = superiority(daily, opponents, look.alpha, trials)
    else:
        p_value = look.p_values.get(symbol, float("nan"))
    return Superiority(p_value, look.alpha, loss_probability(daily, trials), look.taken)


def _direction_scores(forecasts: Sequence[Forecast], settings: TrainSettings) -> Scores:
    tests = tests_of(forecasts)
    model = joined(forecasts)
    up = tests.log_return > 0
    own = trades_of(forecasts, settings, edge=settings.edge)
    scores: Scores = {
        "test_rows": float(len(up)),
        "auc": _known(auc(up, model)),
        "ic": _known(correlation(model, tests.log_return)),
        "trades": float(own.trades),
        "net_bp": _known(own.net_bp),
        "total_return": own.total,
        "net_bp_every_hour": _known(trades_of(forecasts, settings).net_bp),
        "net_bp_hold": _known(held(forecasts).net_bp),
        "net_bp_flat": 0.0,
    }
    for name in forecasts[0].baselines:
        scores[f"auc_{name}"] = _known(auc(up, joined(forecasts, name)))
        rival = trades_of(forecasts, settings, baseline=name)
        scores[f"net_bp_{name}"] = _known(rival.net_bp)
    return scores


def _fold_scores(forecasts: Sequence[Forecast], scores: Sequence[Scores]) -> tuple[FoldScore, ...]:
    return tuple(
        FoldScore(
            fold=number,
            train_from=forecast.split.fold.train_start,
            train_to=forecast.split.fold.train_end,
            test_from=forecast.split.fold.test_start,
            test_to=forecast.split.fold.test_end,
            scores=values,
        )
        for number, (forecast, values) in enumerate(zip(forecasts, scores, strict=True))
    )


def _evaluated(
    data: Dataset,
    target: str,
    settings: TrainSettings,
    chosen: Chosen,
    found: _Walked,
    verdicts: tuple[GateVerdict, ...],
) -> EvaluatedModel:
    """Fit the model for the release on the last window, and put everything together."""
    last = last_window(data, settings.split)
    final = fit_target(last, target, chosen.recipe)
    return EvaluatedModel(
        family=chosen.recipe.family,
        final=final,
        params=parameters(chosen.recipe, target_of(target).task),
        rows=len(last.times),
        train_from=int(last.times[0]),
        train_to=int(last.times[-1]) + HORIZON_MS,
        scores=found.scores,
        folds=_fold_scores(found.forecasts, found.folds),
        verdicts=verdicts,
        shap=shap_shares(final, last.x, last.features),
        daily=tuple(float(value) for value in found.daily),
        opponent=_opponent(last.label(target), last, found.baseline),
        forecasts=tuple(found.forecasts),
    )


def _opponent(labels: Floats, last: Dataset, baseline: str) -> Mapping[str, Any] | None:
    """Return the opponent that is frozen beside the model, if it is compared with one."""
    if not baseline:
        return None
    if baseline != "har":
        return {"name": baseline}
    return {"name": baseline, "model": asdict(fit_har(last.x, labels, last.features))}


def _known(value: float) -> float | None:
    return value if isfinite(value) else None


def _number(value: float | None) -> float:
    return float("nan") if value is None else value


_EVALUATORS: Mapping[
    TargetTask, Callable[[Dataset, str, TrainSettings, Chosen], EvaluatedModel]
] = {"level": _evaluate_level, "return": _evaluate_return}
