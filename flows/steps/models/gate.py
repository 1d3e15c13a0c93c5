"""What a model must show before a release may call it proven: one verdict per criterion."""

from __future__ import annotations

from dataclasses import dataclass
from math import isfinite

from flows.steps.models.scores import TradeScore
from trading.models.drift import DriftAlarm
from trading.research.gates import GateVerdict


@dataclass(frozen=True, slots=True)
class ModelThresholds:
    """Limits of the gate; shares are fractions.

    ``direction_leak``: honest direction over an hour has an AUC of 0.505 to 0.511, shuffled
    folds reach 0.72 and more; beyond 0.56 it has to answer the questions of
    `flows.steps.models.leakage`. ``volatility_leak`` refuses an R² by itself.
    """

    direction_leak: float = 0.56
    volatility_leak: float = 0.90
    trades: int = 100
    positive_folds: float = 0.60
    loss_probability: float = 0.05
    test_rows: int = 480


@dataclass(frozen=True, slots=True)
class Superiority:
    """The p-value of "some opponent is as good", what the look may spend, and when it was taken.

    ``loss_probability`` is the chance by CSCV that the model loses on days that did not choose it.
    """

    p_value: float
    alpha: float
    loss_probability: float
    taken: str = ""


def volatility_verdicts(
    *,
    r2: float,
    best_baseline: float,
    baseline: str,
    better_folds: float,
    superiority: Superiority,
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
        *_superior(superiority, limits),
    )


def drift_verdicts(drift: DriftAlarm | None) -> tuple[GateVerdict, ...]:
    """Demote a model whose errors of the last day are unlike those before.

    A history that is too short to tell has no verdict.
    """
    if drift is None:
        return ()
    text = f"the mean {drift.what} of the last day lies {{:.1f}} × as far off as on calm days"
    return (_at_most("drift", drift.score, drift.limit, text),)


def direction_verdicts(
    *,
    leak: GateVerdict,
    score: TradeScore,
    best_baseline: float,
    baseline: str,
    positive_folds: float,
    superiority: Superiority,
    limits: ModelThresholds,
) -> tuple[GateVerdict, ...]:
    """Return the verdicts of a directional model after costs; baselines are no trials."""
    return (
        leak,
        _at_least(
            "out_of_sample_trades",
            float(score.trades),
            float(limits.trades),
            f"{{:.0f}} {score.what}",
        ),
        _above("total_return", score.total, 0.0, "{:+.2%} out-of-sample after costs"),
        _above("beats_baseline", score.total, best_baseline, f"{{:+.2%}} against {baseline}"),
        _at_least(
            "positive_folds", positive_folds, limits.positive_folds, "{:.0%} of folds positive"
        ),
        *_superior(superiority, limits),
    )


def _superior(found: Superiority, limits: ModelThresholds) -> tuple[GateVerdict, ...]:
    """Return the verdicts on luck; between looks the p-value is that of the last one."""
    when = f" at the look of {found.taken}" if found.taken else ""
    return (
        _at_most(
            "superior_ability",
            found.p_value,
            found.alpha,
            f"p-value {{:.4f}} of being no better than an opponent{when}",
        ),
        _at_most(
            "loss_probability",
            found.loss_probability,
            limits.loss_probability,
            "loses on days that did not choose it with probability {:.3f}",
        ),
    )


def _verdict(
    name: str, value: float, threshold: float, text: str, passed: bool, relation: str
) -> GateVerdict:
    if not isfinite(value):
        sentence = f"{name.replace('_', ' ')} could not be measured: {relation}"
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
