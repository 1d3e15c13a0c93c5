"""Whether learnt weights earn more than equal ones, on days that they had not seen.

Each day is weighed twice: by the weights learnt from the days before it, and equally. The daily
differences are the evidence; as long as they do not show that learning helps, weights stay equal.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from trading.ensemble.running_sums import RunningMean, RunningScore
from trading.ensemble.weights import WeightRules, weights_of

LEAST_DAYS = 20
"""Days below which nothing is known."""


@dataclass(frozen=True, slots=True)
class WeightEvidence:
    """What learnt weights earned above equal ones.

    ``gain`` is the mean of ``days`` daily differences, a share of the account; ``t_value`` is the
    gain in standard errors, 0 where it cannot be measured. ``learned`` says whether that suffices.
    """

    days: int
    gain: float
    t_value: float
    learned: bool


@dataclass(frozen=True, slots=True)
class WeighedDays:
    """The weights of each day, from the days before it, and the evidence after the last day."""

    weights: tuple[Mapping[str, float], ...]
    evidence: WeightEvidence


def weigh_days(returns: Mapping[str, Sequence[float]], rules: WeightRules) -> WeighedDays:
    """Weigh the members on each day; ``returns`` are daily, and day n is the same for all.

    Weights are learnt where the days before show that it helps, and equal elsewhere; both are
    bounded, and smoothed from day to day. Nothing of a day changes its own weights.
    """
    days = min((len(own) for own in returns.values()), default=0)
    scores = {name: RunningScore() for name in sorted(returns)}
    equal = dict.fromkeys(scores, 0.0)
    gains = RunningMean()
    learnt: Mapping[str, float] = {}
    used: Mapping[str, float] = {}
    weights = []
    for day in range(days):
        known = {name: run.score(rules.prior_days) for name, run in scores.items()}
        learnt = weights_of(known, learnt, rules)
        helps = _evidence(gains, rules.least_t).learned
        used = weights_of(known if helps else equal, used, rules)
        weights.append(used)
        today = {name: own[day] for name, own in returns.items()}
        gains.add(_gain(learnt, today))
        for name, run in scores.items():
            run.add(today[name])
    return WeighedDays(tuple(weights), _evidence(gains, rules.least_t))


def weight_evidence(gains: Sequence[float], least_t: float) -> WeightEvidence:
    """Return what daily ``gains`` over equal weights show; with ``least_t`` of 0 nothing has to."""
    run = RunningMean()
    for gain in gains:
        run.add(gain)
    return _evidence(run, least_t)


def _evidence(gains: RunningMean, least_t: float) -> WeightEvidence:
    mean, error = gains.mean(), gains.error()
    t_value = mean / error if error > 1e-12 else 0.0
    enough = gains.count >= LEAST_DAYS and t_value >= least_t
    return WeightEvidence(gains.count, mean, t_value, least_t == 0.0 or enough)


def _gain(weights: Mapping[str, float], returns: Mapping[str, float]) -> float:
    """Return what the weights earned on a day above equal ones."""
    earned = math.fsum(weights[name] * value for name, value in returns.items())
    return earned - math.fsum(returns.values()) / len(returns)
