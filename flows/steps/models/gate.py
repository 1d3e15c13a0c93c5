"""What a model must show before a release may call it proven: one verdict per criterion."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import isfinite

import numpy as np

from flows.steps.models.dataset import Floats
from flows.steps.models.scores import TradeScore
from trading.errors import DataError
from trading.research.gates import GateVerdict
from trading.research.overfitting import backtest_overfitting, deflated_sharpe, sharpe_ratios


@dataclass(frozen=True, slots=True)
class ModelThresholds:
    """Limits of the gate; shares are fractions.

    ``direction_leak``: honest direction over an hour has an AUC of 0.505 to 0.511, shuffled
    folds reach 0.72 and more; beyond 0.56 the future is in the features. ``volatility_leak`` is
    the same for R².
    """

    direction_leak: float = 0.56
    volatility_leak: float = 0.90
    trades: int = 100
    positive_folds: float = 0.60
    deflated_sharpe: float = 0.95
    overfitting: float = 0.20
    better_than_baseline: float = 0.95
    test_rows: int = 480


def volatility_verdicts(
    *,
    r2: float,
    best_baseline: float,
    baseline: str,
    better_folds: float,
    probability: float,
    rows: int,
    limits: ModelThresholds,
) -> tuple[GateVerdict, ...]:
    """Return the verdicts of a volatility model: it has to beat the best simple model."""
    return (
        _at_most("leak_alarm", r2, limits.volatility_leak, "out-of-sample R² {:.3f}"),
        _at_least("test_rows", float(rows), float(limits.test_rows), "{:.0f} out-of-sample rows"),
        _above("beats_baseline", r2, best_baseline, f"R² {{:.3f}} against {baseline}"),
        _at_least(
            "better_folds", better_folds, limits.positive_folds, "{:.0%} of folds beat the baseline"
        ),
        _at_least(
            "not_by_chance",
            probability,
            limits.better_than_baseline,
            "probability {:.3f} that the error is truly lower",
        ),
    )


def direction_verdicts(
    *,
    auc: float,
    score: TradeScore,
    best_baseline: float,
    baseline: str,
    positive_folds: float,
    trials: Sequence[TradeScore],
    limits: ModelThresholds,
) -> tuple[GateVerdict, ...]:
    """Return the verdicts of a directional model after costs.

    ``trials`` are all rules tried, the model's own among them.
    """
    daily = np.vstack([trial.daily for trial in trials])
    return (
        _at_most("leak_alarm", auc, limits.direction_leak, "out-of-sample AUC {:.3f}"),
        _at_least(
            "out_of_sample_trades",
            float(score.trades),
            float(limits.trades),
            "{:.0f} trades forecast beyond the cost filter",
        ),
        _above("total_return", score.total, 0.0, "{:+.2%} out-of-sample after costs"),
        _above("beats_baseline", score.total, best_baseline, f"{{:+.2%}} against {baseline}"),
        _at_least(
            "positive_folds", positive_folds, limits.positive_folds, "{:.0%} of folds positive"
        ),
        _at_least(
            "deflated_sharpe",
            _deflated(score.daily, daily),
            limits.deflated_sharpe,
            f"deflated Sharpe ratio {{:.3f}} of {len(trials)} trials",
        ),
        _at_most(
            "overfitting",
            _overfitting(daily),
            limits.overfitting,
            "probability of back-test overfitting {:.3f}",
        ),
    )


def _deflated(chosen: Floats, trials: Floats) -> float:
    try:
        return deflated_sharpe(chosen, sharpe_ratios(trials)).probability
    except DataError:  # too few days: the verdict says that nothing could be measured
        return float("nan")


def _overfitting(daily: Floats) -> float:
    try:
        return backtest_overfitting(daily, blocks=8).probability
    except DataError:  # too few days, as above
        return float("nan")


def _verdict(
    name: str, value: float, threshold: float, text: str, passed: bool, relation: str
) -> GateVerdict:
    if not isfinite(value):
        sentence = f"{name.replace('_', ' ')} could not be measured: not passed"
        return GateVerdict(name, False, None, threshold, sentence)
    return GateVerdict(name, passed, value, threshold, f"{text.format(value)}: {relation}")


def _at_least(name: str, value: float, threshold: float, text: str) -> GateVerdict:
    relation = f"the gate wants at least {threshold:g}"
    return _verdict(name, value, threshold, text, value >= threshold, relation)


def _at_most(name: str, value: float, threshold: float, text: str) -> GateVerdict:
    relation = f"the gate wants at most {threshold:g}"
    return _verdict(name, value, threshold, text, value <= threshold, relation)


def _above(name: str, value: float, threshold: float, text: str) -> GateVerdict:
    relation = f"the gate wants more than {threshold:.4g}"
    return _verdict(name, value, threshold, text, value > threshold, relation)
