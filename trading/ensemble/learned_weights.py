"""Whether learnt weights earn more than equal ones, on days that they had not seen.

Each day is weighed twice: by the weights learnt from the days before it, and equally. The daily
differences are the evidence; as long as they do not show that learning helps, weights stay equal.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from trading.ensemble.weights import WeightRules, ensemble_weights

LEAST_DAYS = 20
"""Days below which nothing is known."""
LAGS = 5
"""Days over which differences may be correlated (Newey and West, 1987)."""


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
    learnt: Mapping[str, float] = {}
    used: Mapping[str, float] = {}
    gains: list[float] = []
    weights = []
    for day in range(days):
        before = {name: own[:day] for name, own in returns.items()}
        learnt = ensemble_weights(before, learnt, rules)
        helps = weight_evidence(gains, rules.least_t).learned
        used = ensemble_weights(before, used, rules, learned=helps)
        weights.append(used)
        gains.append(_gain(learnt, {name: own[day] for name, own in returns.items()}))
    return WeighedDays(tuple(weights), weight_evidence(gains, rules.least_t))


def weight_evidence(gains: Sequence[float], least_t: float) -> WeightEvidence:
    """Return what daily ``gains`` over equal weights show; ``least_t`` of 0 asks for nothing."""
    count = len(gains)
    if not count:
        return WeightEvidence(0, 0.0, 0.0, least_t == 0.0)
    mean = math.fsum(gains) / count
    off = [value - mean for value in gains]
    total = math.fsum(value * value for value in off)
    for lag in range(1, min(LAGS, count - 1) + 1):
        shared = math.fsum(off[place] * off[place - lag] for place in range(lag, count))
        total += 2.0 * (1.0 - lag / (LAGS + 1)) * shared
    error = math.sqrt(max(total, 0.0)) / count
    t_value = mean / error if error > 1e-12 else 0.0
    enough = count >= LEAST_DAYS and t_value >= least_t
    return WeightEvidence(count, mean, t_value, least_t == 0.0 or enough)


def _gain(weights: Mapping[str, float], returns: Mapping[str, float]) -> float:
    """Return what the weights earned on a day above equal ones."""
    earned = math.fsum(weights[name] * value for name, value in returns.items())
    return earned - math.fsum(returns.values()) / len(returns)
