"""Weights of strategies and models in one account: from recent results, bounded and smoothed."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from trading.errors import ParameterError

REVERSALS = frozenset({"rsi_bollinger", "ict_aggressive", "ict_mixed"})
"""Strategies that buy what fell; all others follow a move."""
FACTORS: Mapping[str, tuple[float, float]] = {
    "unknown": (0.5, 0.5),
    "volatility_spike": (0.5, 0.5),
    "crash": (0.0, 1.0),
    "up_trend": (1.0, 0.5),
    "down_trend": (0.25, 0.5),
    "range": (0.5, 1.0),
}
"""By regime: of strategies that follow a move, of those that trade reversals."""
PAUSES: Mapping[str, int] = {"volatility_spike": 2, "crash": 4}
"""A shock pauses entries for so many closed candles; then the market is judged anew."""
ENOUGH = 20
"""Out-of-sample trades of a strategy in a regime before they change its factor."""


@dataclass(frozen=True, slots=True)
class WeightRules:
    """Bounds of one weight, and how much of the way to the new weights is gone at once."""

    least: float = 0.05
    most: float = 0.5
    step: float = 0.3
    prior_days: float = 20.0

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


def member_score(returns: Sequence[float], prior_days: float) -> float:
    """Mean daily return over its deviation, shrunk as if ``prior_days`` days of nothing came first.

    ``returns`` are out-of-sample daily returns; fewer than two, or a loss, score 0.
    """
    count = len(returns)
    if count < 2:
        return 0.0
    mean = math.fsum(returns) / count
    variance = math.fsum((value - mean) ** 2 for value in returns) / (count - 1)
    if mean <= 0.0 or variance <= 0.0:
        return 0.0
    return mean / math.sqrt(variance) * count / (count + prior_days)


def ensemble_weights(
    returns: Mapping[str, Sequence[float]],
    previous: Mapping[str, float] | None = None,
    rules: WeightRules | None = None,
) -> dict[str, float]:
    """The weight of each member, sorted by name; they add up to 1, or to 0 without any member.

    Members share by :func:`member_score`, equally while none scores. Each weight is within the
    bounds (which give way where so few members, or so many, cannot add up to 1 within them), and
    moves ``rules.step`` of the way from its ``previous`` value; a member that is new starts at 0.
    """
    chosen = rules or WeightRules()
    names = sorted(returns)
    if not names:
        return {}
    scores = {name: member_score(returns[name], chosen.prior_days) for name in names}
    if not any(scores.values()):
        scores = dict.fromkeys(names, 1.0)
    wanted = _within_bounds(scores, chosen)
    if not previous:
        return wanted
    moved = {
        name: previous.get(name, 0.0) + chosen.step * (wanted[name] - previous.get(name, 0.0))
        for name in names
    }
    return _within_bounds(moved, chosen)


def factor_of(strategy: str, regime: str, seen: Sequence[float]) -> float:
    """What a strategy keeps of its weight in a regime; half of that where it lost.

    ``seen`` are the net returns of its own out-of-sample trades in the regime.
    """
    factor = FACTORS[regime][1 if strategy in REVERSALS else 0]
    lost = len(seen) >= ENOUGH and math.fsum(seen) <= 0.0
    return factor / 2 if lost else factor


def regime_weights(
    weights: Mapping[str, float], factors: Mapping[str, Mapping[str, float]], regime: str
) -> dict[str, float]:
    """The weights in a regime: times the release's factor of each member (1 where it has none).

    They are not raised again: what a regime takes away stays in cash.
    """
    here = factors.get(regime, {})
    for name, factor in here.items():
        if not 0.0 <= factor <= 1.0:
            raise ParameterError(
                f"ensemble: the factor of {name} in regime {regime} is {factor}; give one of 0 to 1"
            )
    return {name: weight * here.get(name, 1.0) for name, weight in sorted(weights.items())}


def _within_bounds(scores: Mapping[str, float], rules: WeightRules) -> dict[str, float]:
    """Shares in proportion to ``scores`` that add up to 1, each cut to the bounds.

    What a cut adds or takes is shared by the members that are not cut, until none is left to cut.
    """
    least = min(rules.least, 1.0 / len(scores))
    most = max(rules.most, 1.0 / len(scores))
    fixed: dict[str, float] = {}
    while True:
        open_names = [name for name in scores if name not in fixed]
        rest = 1.0 - math.fsum(fixed.values())
        total = math.fsum(scores[name] for name in open_names)
        shares = {
            name: rest * (scores[name] / total if total > 0.0 else 1.0 / len(open_names))
            for name in open_names
        }
        over = {name: most for name, share in shares.items() if share > most}
        under = {name: least for name, share in shares.items() if share < least}
        # Only the side that is further out is cut at once: the other may come back within bounds.
        excess = math.fsum(shares[name] - most for name in over)
        lack = math.fsum(least - shares[name] for name in under)
        cut = over if excess >= lack else under
        if not cut:
            return {name: {**fixed, **shares}[name] for name in scores}
        fixed.update(cut)
