"""Weights of strategies and models in one account: from recent results, bounded and smoothed."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from trading.ensemble.running_sums import RunningScore
from trading.errors import ParameterError

REVERSALS = frozenset({"rsi_bollinger", "ict_aggressive", "ict_mixed"})
"""Strategies that trade reversals; all others follow a move."""
FACTORS: Mapping[str, tuple[float, float]] = {
    "unknown": (0.5, 0.5),
    "volatility_spike": (0.5, 0.5),
    "crash": (0.0, 1.0),
    "up_trend": (1.0, 0.5),
    "down_trend": (0.25, 0.5),
    "range": (0.5, 1.0),
}
"""Factors by regime: of strategies that follow a move, and of those that trade reversals."""
PAUSES: Mapping[str, int] = {"volatility_spike": 2, "crash": 4}
"""Closed candles for which a shock pauses entries; then the regime decides again."""
ENOUGH = 20
"""Out-of-sample trades of a strategy in a regime that can change its factor."""


@dataclass(frozen=True, slots=True)
class WeightRules:
    """Bounds of one weight, and the share of the way to new weights covered in one step.

    ``least_t`` is the evidence from which weights are learnt and not equal, in standard errors; 0
    learns always (`trading.ensemble.learned_weights`).
    """

    least: float = 0.05
    most: float = 0.5
    step: float = 0.3
    prior_days: float = 20.0
    least_t: float = 2.0

    def __post_init__(self) -> None:
        if not 0.0 <= self.least < self.most <= 1.0:
            raise ParameterError(
                f"ensemble: least = {self.least} and most = {self.most} are no bounds within 0 to 1"
            )
        if not 0.0 < self.step <= 1.0 or not self.prior_days > 0.0:
            raise ParameterError(
                f"ensemble: step = {self.step} must be in 0 to 1, prior_days = {self.prior_days}"
                " above 0"
            )
        if not self.least_t >= 0.0:
            raise ParameterError(f"ensemble: least_t = {self.least_t} must be 0 or above")


def member_score(returns: Sequence[float], prior_days: float) -> float:
    """Score a member: mean daily return over its deviation, shrunk by ``prior_days`` days of 0.

    ``returns`` are out-of-sample daily returns; fewer than two returns, or a loss, score 0.
    """
    run = RunningScore()
    for value in returns:
        run.add(value)
    return run.score(prior_days)


def ensemble_weights(
    returns: Mapping[str, Sequence[float]],
    previous: Mapping[str, float] | None = None,
    rules: WeightRules | None = None,
    *,
    learned: bool = True,
) -> dict[str, float]:
    """Return the weight of each member, sorted by name; without members there are none.

    The weights are those of :func:`weights_of` the members' scores, or equal where they are not
    ``learned``.
    """
    chosen = rules or WeightRules()
    names = sorted(returns)
    scores = dict.fromkeys(names, 0.0)
    if learned:
        scores = {name: member_score(returns[name], chosen.prior_days) for name in names}
    return weights_of(scores, previous, chosen)


def weights_of(
    scores: Mapping[str, float], previous: Mapping[str, float] | None, rules: WeightRules
) -> dict[str, float]:
    """Return the weight of each member, in the order of ``scores`` (see :func:`member_score`).

    Weights add up to 1, in proportion to the scores, or equal while no member scores.
    Each weight is within the bounds (unless too few or too many members could not add up to 1) and
    moves ``rules.step`` of the way from its ``previous`` value; a new member starts at 0.
    """
    if not scores:
        return {}
    if not any(scores.values()):
        scores = dict.fromkeys(scores, 1.0)
    wanted = _within_bounds(scores, rules)
    if not previous:
        return wanted
    moved = {
        name: previous.get(name, 0.0) + rules.step * (wanted[name] - previous.get(name, 0.0))
        for name in scores
    }
    return _within_bounds(moved, rules)


def factor_of(strategy: str, regime: str, seen: Sequence[float]) -> float:
    """Return the factor of a strategy's weight in a regime, halved if the strategy lost in it.

    ``seen`` are the net returns of its own out-of-sample trades in the regime.
    """
    factor = FACTORS[regime][1 if strategy in REVERSALS else 0]
    lost = len(seen) >= ENOUGH and math.fsum(seen) <= 0.0
    return factor / 2 if lost else factor


def regime_weights(
    weights: Mapping[str, float], factors: Mapping[str, Mapping[str, float]], regime: str
) -> dict[str, float]:
    """Multiply each weight by the release's factor for a regime (1 without one).

    Weights are not scaled up again: what a regime takes away stays in cash.
    """
    here = factors.get(regime, {})
    for name, factor in here.items():
        if not 0.0 <= factor <= 1.0:
            raise ParameterError(
                f"ensemble: the factor of {name} in regime {regime} is {factor}; give one of 0 to 1"
            )
    return {name: weight * here.get(name, 1.0) for name, weight in sorted(weights.items())}


def _within_bounds(scores: Mapping[str, float], rules: WeightRules) -> dict[str, float]:
    """Return weights in proportion to ``scores`` that add up to 1, each within the bounds.

    The members within the bounds absorb what the others exceed them by, until all are within.
    """
    least = min(rules.least, 1.0 / len(scores))
    most = max(rules.most, 1.0 / len(scores))
    fixed: dict[str, float] = {}
    while True:
        open_names = [name for name in scores if name not in fixed]
        rest = 1.0 - math.fsum(fixed.values())
        total = math.fsum(scores[name] for name in open_names)
        weights = {
            name: rest * (scores[name] / total if total > 0.0 else 1.0 / len(open_names))
            for name in open_names
        }
        over = {name: most for name, weight in weights.items() if weight > most}
        under = {name: least for name, weight in weights.items() if weight < least}
        # Cut only the side that is further out: the other may come back within its bounds.
        excess = math.fsum(weights[name] - most for name in over)
        lack = math.fsum(least - weights[name] for name in under)
        cut = over if excess >= lack else under
        if not cut:
            found = {**fixed, **weights}
            return {name: found[name] for name in scores}
        fixed.update(cut)
