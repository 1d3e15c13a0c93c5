"""Walk-forward of one target: fit each fold, score it beside the baselines, apply the gate."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from math import isfinite
from typing import Any

import numpy as np

from flows.steps.models import boosting
from flows.steps.models.boosting import BoostedModel
from flows.steps.models.dataset import HORIZON_MS, Dataset, Floats, Integers
from flows.steps.models.gate import Superiority, direction_verdicts, volatility_verdicts
from flows.steps.models.leakage import leak_verdict
from flows.steps.models.scores import TradeScore, auc, better_than, daily_gains, r_squared, trade
from flows.steps.models.settings import FoldScore, ModelLook, TrainSettings
from flows.steps.models.split import Split, last_window, walk_forward
from flows.steps.models.superiority import loss_probability, superiority
from trading.errors import ParameterError
from trading.research.gates import GateVerdict

Scores = dict[str, float | None]


@dataclass(frozen=True)
class EvaluatedModel:
    """The model for a release, trained on the last window, and evidence out-of-sample."""

    final: BoostedModel
    params: Mapping[str, Any]
    rows: int
    train_from: int
    train_to: int
    scores: Scores
    folds: tuple[FoldScore, ...]
    verdicts: tuple[GateVerdict, ...]


def evaluate_target(data: Dataset, target: str, settings: TrainSettings) -> EvaluatedModel:
    """Evaluate ``volatility_1h`` or ``direction_1h``; `ParameterError` for another target."""
    evaluators: dict[str, Callable[[Dataset, TrainSettings], EvaluatedModel]] = {
        "volatility_1h": evaluate_volatility,
        "direction_1h": evaluate_direction,
    }
    if target not in evaluators:
        raise ParameterError(
            f"there is no model target '{target}'; choose from {', '.join(evaluators)}"
        )
    return evaluators[target](data, settings)


@dataclass(frozen=True)
class _Forecast:
    """Out-of-sample forecasts of one fold, and of the baselines on the same rows.

    ``test`` has no features: forecasts of all folds are kept, their rows are those of the history.
    """

    split: Split
    test: Dataset
    model: Floats
    baselines: Mapping[str, Floats]


def evaluate_volatility(data: Dataset, settings: TrainSettings) -> EvaluatedModel:
    """Evaluate log volatility of the next hour against the last hour's and HAR."""
    forecasts = []
    for split in walk_forward(data, settings.split):
        train, test = data.take(split.train), data.take(split.test)
        model = boosting.fit_volatility(train.x, train.log_volatility, data.features)
        baselines = {
            "last": test.column("log_rv_4"),
            "har": boosting.fit_har(train.x, train.log_volatility, data.features).predict(
                test.x, data.features
            ),
        }
        forecast = model.predict(test.x)
        forecasts.append(_Forecast(split, test.labels_only(), forecast, baselines))
    folds = [_volatility_scores([forecast]) for forecast in forecasts]
    scores = _volatility_scores(forecasts)
    best = max(("har", "last"), key=lambda name: scores[f"r2_{name}"] or 0.0)
    actual = np.concatenate([f.test.log_volatility for f in forecasts])
    errors = actual - np.concatenate([f.model for f in forecasts])
    others = {
        name: actual - np.concatenate([f.baselines[name] for f in forecasts])
        for name in forecasts[0].baselines
    }
    times = np.concatenate([f.test.times for f in forecasts])
    probability = better_than(errors, others[best], times)
    # Errors as results: the model's against each baseline's.
    own = daily_gains(errors, others[best], times)
    opponents = {name: own - daily_gains(errors, other, times) for name, other in others.items()}
    tested = _tested(settings.looks.get("volatility_1h", ModelLook()), data.symbol, own, opponents)
    better = [(fold["r2"] or 0.0) > (fold[f"r2_{best}"] or 0.0) for fold in folds]
    verdicts = volatility_verdicts(
        r2=_number(scores["r2"]),
        best_baseline=_number(scores[f"r2_{best}"]),
        baseline=best,
        better_folds=float(np.mean(better)),
        superiority=tested,
        rows=len(actual),
        limits=settings.limits,
    )
    scores |= {
        "probability_better": _known(probability),
        "better_folds": float(np.mean(better)),
        "p_value": _known(tested.p_value),
    }
    last = last_window(data, settings.split)
    final = boosting.fit_volatility(last.x, last.log_volatility, data.features)
    params = boosting.parameters(boosting.VOLATILITY_PARAMS)
    return _evaluated(last, final, params, scores, _fold_scores(forecasts, folds), verdicts)


def _volatility_scores(forecasts: Sequence[_Forecast]) -> Scores:
    actual = np.concatenate([f.test.log_volatility for f in forecasts])
    symbols = np.concatenate([f.test.symbols for f in forecasts])
    scores: Scores = {
        "test_rows": float(len(actual)),
        "r2": _known(r_squared(actual, np.concatenate([f.model for f in forecasts]), symbols)),
    }
    for name in forecasts[0].baselines:
        baseline = np.concatenate([f.baselines[name] for f in forecasts])
        scores[f"r2_{name}"] = _known(r_squared(actual, baseline, symbols))
    return scores


def evaluate_direction(data: Dataset, settings: TrainSettings) -> EvaluatedModel:
    """Evaluate the next hour's return against reversal and no trade.

    A forecast is traded when it exceeds the cost filter.
    """
    forecasts = []
    for split in walk_forward(data, settings.split):
        train, test = data.take(split.train), data.take(split.test)
        expected = _direction_forecast(train, test)
        reversal = -np.nan_to_num(test.column("ret_4"))
        baselines = {"reversal": reversal}
        forecasts.append(_Forecast(split, test.labels_only(), expected, baselines))
    folds = [_direction_scores([forecast], settings) for forecast in forecasts]
    scores = _direction_scores(forecasts, settings)
    own = _trades(forecasts, settings, edge=settings.edge)
    reversal_score = _trades(forecasts, settings, baseline="reversal")
    best = max(("reversal", reversal_score.total), ("flat", 0.0), key=lambda entry: entry[1])
    positive = float(np.mean([(fold["total_return"] or 0.0) > 0 for fold in folds]))
    opponents = {"flat": np.zeros(len(own.daily)), "reversal": reversal_score.daily}
    look = settings.looks.get("direction_1h", ModelLook())
    tested = _tested(look, data.symbol, own.daily, opponents)
    found, alarm = _number(scores["auc"]), settings.limits.direction_leak
    verdicts = direction_verdicts(
        leak=leak_verdict(data, settings.split, _direction_forecast, found, alarm),
        score=own,
        best_baseline=best[1],
        baseline=best[0],
        positive_folds=positive,
        superiority=tested,
        limits=settings.limits,
    )
    scores |= {"positive_folds": positive, "p_value": _known(tested.p_value)}
    last = last_window(data, settings.split)
    final = boosting.fit_direction(last.x, last.log_return, last.features, last.times)
    params = boosting.parameters(boosting.DIRECTION_PARAMS)
    return _evaluated(last, final, params, scores, _fold_scores(forecasts, folds), verdicts)


def _direction_forecast(train: Dataset, test: Dataset) -> Floats:
    """Return the expected return of each test row's next hour."""
    model = boosting.fit_direction(train.x, train.log_return, train.features, train.times)
    return model.predict(test.x)


def _tested(
    look: ModelLook, symbol: str, daily: Floats, opponents: Mapping[str, Floats]
) -> Superiority:
    """Test a model against its opponents; between looks the p-value is that of the last one."""
    if look.p_values is None:
        p_value = superiority(daily, opponents, look.alpha)
    else:
        p_value = look.p_values.get(symbol, float("nan"))
    return Superiority(p_value, look.alpha, loss_probability(daily), look.taken)


def _trades(
    forecasts: Sequence[_Forecast],
    settings: TrainSettings,
    *,
    edge: float = 0.0,
    baseline: str | None = None,
) -> TradeScore:
    """Return the model's trades beyond ``edge`` × the cost, or a baseline's at every hour."""
    values = [f.model if baseline is None else f.baselines[baseline] for f in forecasts]
    forecast = np.concatenate(values)
    least = 0.0 if baseline else edge * settings.round_trip_bp / 10_000.0
    side: Integers = np.where(np.abs(forecast) > least, np.sign(forecast), 0).astype(np.int64)
    returns = np.concatenate([f.test.log_return for f in forecasts])
    times = np.concatenate([f.test.times for f in forecasts])
    return trade(side, returns, times, settings.round_trip_bp)


def _direction_scores(forecasts: Sequence[_Forecast], settings: TrainSettings) -> Scores:
    up = np.concatenate([f.test.log_return for f in forecasts]) > 0
    own = _trades(forecasts, settings, edge=settings.edge)
    always = _trades(forecasts, settings)
    reversal = _trades(forecasts, settings, baseline="reversal")
    return {
        "test_rows": float(len(up)),
        "auc": _known(auc(up, np.concatenate([f.model for f in forecasts]))),
        "auc_reversal": _known(
            auc(up, np.concatenate([f.baselines["reversal"] for f in forecasts]))
        ),
        "trades": float(own.trades),
        "net_bp": _known(own.net_bp),
        "total_return": own.total,
        "net_bp_every_hour": _known(always.net_bp),
        "net_bp_reversal": _known(reversal.net_bp),
        "net_bp_flat": 0.0,
    }


def _fold_scores(forecasts: Sequence[_Forecast], scores: Sequence[Scores]) -> tuple[FoldScore, ...]:
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
    final: BoostedModel,
    params: Mapping[str, Any],
    scores: Scores,
    folds: tuple[FoldScore, ...],
    verdicts: tuple[GateVerdict, ...],
) -> EvaluatedModel:
    return EvaluatedModel(
        final=final,
        params=params,
        rows=len(data.times),
        train_from=int(data.times[0]),
        train_to=int(data.times[-1]) + HORIZON_MS,
        scores=scores,
        folds=folds,
        verdicts=verdicts,
    )


def _known(value: float) -> float | None:
    return value if isfinite(value) else None


def _number(value: float | None) -> float:
    return float("nan") if value is None else value
