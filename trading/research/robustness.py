"""Robustness of a result to a little bad luck: tests that a winner passes before promotion.

Each test measures the out-of-sample run or the grid around the winner, and becomes a gate with its
own verdict; only the bootstrap's p-value decides nothing and stands beside them.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from trading.candles import Floats
from trading.research.gates import GateVerdict, at_least, profit
from trading.research.overfitting import bootstrap_p_value
from trading.research.search_task import SearchTask
from trading.research.walk_forward import FoldResult, WalkForward
from trading.simulation import Costs, backtest
from trading.strategies.parameters import Value

_BOOTSTRAP_SEED = 0


@dataclass(frozen=True, slots=True)
class RobustnessLimits:
    """Limits of the tests; shares are fractions."""

    doubled_costs: float = 0.0
    positive_folds: float = 0.5
    without_best: float = 0.0
    one_step: float = 0.0


@dataclass(frozen=True, slots=True)
class Robustness:
    """What the tests measured; None where there was nothing to measure, which never passes.

    ``p_value``: probability of such a mean day without skill (circular block bootstrap, Politis and
    Romano 1992). ``doubled_costs``: out-of-sample return with twice the fee and slippage.
    ``positive_folds``: share of profitable folds. ``without_best``: out-of-sample return without
    its best trade. ``one_step``: the lowest return over the long history among the winner's
    neighbours, one grid step away in one parameter.
    """

    p_value: float | None
    doubled_costs: float
    positive_folds: float
    without_best: float | None
    one_step: float | None

    def verdicts(self, limits: RobustnessLimits | None = None) -> tuple[GateVerdict, ...]:
        """Return one verdict per measure, in a fixed order."""
        at = limits or RobustnessLimits()
        return (
            profit(
                "doubled_costs",
                self.doubled_costs,
                at.doubled_costs,
                "out-of-sample return {value:+.2%} at twice the costs",
            ),
            at_least(
                "profitable_folds",
                self.positive_folds,
                at.positive_folds,
                "{value:.0%} of the folds earned",
            ),
            profit(
                "without_best_trade",
                self.without_best,
                at.without_best,
                "out-of-sample return {value:+.2%} without the best trade",
            ),
            profit(
                "one_step_away",
                self.one_step,
                at.one_step,
                "worst return {value:+.2%} one grid step from the winner",
            ),
        )


def measure_robustness(task: SearchTask, walk: WalkForward, slices: Sequence[float]) -> Robustness:
    """Test a walk-forward; ``slices`` are the returns of the winner's neighbours."""
    returns = walk.trades.net_return
    folds = [fold.out_of_sample.metrics.total_return for fold in walk.folds]
    return Robustness(
        p_value=p_value_of(walk.daily_returns),
        doubled_costs=_at_costs(task, task.costs.times(2.0), walk.folds),
        positive_folds=sum(value > 0.0 for value in folds) / len(folds),
        without_best=_without_best(returns),
        one_step=min(slices, default=None),
    )


def p_value_of(daily: Floats) -> float | None:
    """Return the p-value of the bootstrap with a fixed seed; None if there are too few days."""
    if len(daily) < 2:
        return None
    return bootstrap_p_value(daily, np.random.default_rng(_BOOTSTRAP_SEED))


def one_step_returns(
    grid: Sequence[Mapping[str, Value]], returns: Sequence[float], winner: int
) -> list[float]:
    """Select the returns of the combinations one grid step from the winner in one parameter.

    Words have no order: every other word is one step away.
    """
    centre = grid[winner]
    axes = {name: sorted({values[name] for values in grid}, key=_order) for name in centre}
    found = []
    for values, result in zip(grid, returns, strict=True):
        other = [name for name in centre if values[name] != centre[name]]
        if len(other) == 1 and _adjacent(axes[other[0]], values[other[0]], centre[other[0]]):
            found.append(result)
    return found


def _order(value: Value) -> tuple[float, str]:
    return (0.0, value) if isinstance(value, str) else (float(value), "")


def _adjacent(axis: Sequence[Value], one: Value, other: Value) -> bool:
    if isinstance(one, str):
        return True
    return abs(axis.index(one) - axis.index(other)) == 1


def _at_costs(task: SearchTask, costs: Costs, folds: Sequence[FoldResult]) -> float:
    """Return the out-of-sample return of the choices of the folds, at other costs."""
    growth = 1.0
    for result in folds:
        seen = task.candles.slice(None, result.fold.test_end)
        start, params = result.fold.test_start, {**task.fixed, **result.chosen}
        run = backtest(task.strategy, seen, params, costs, trade_from_ms=start)
        growth *= 1.0 + run.metrics.total_return
    return growth - 1.0


def _without_best(returns: Floats) -> float | None:
    if len(returns) == 0:
        return None
    rest = np.delete(returns, int(np.argmax(returns)))
    return float(np.prod(1.0 + rest) - 1.0)
