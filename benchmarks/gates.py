"""Size and power of the gates over searches whose truth is known: how often each verdict is right.

Daily returns of 100 combinations over 120 days, correlated by 0.5 and 0.9: without any edge, with
an edge that all combinations share, with one good combination, and with five. Promoted is what
passes the test for superior ability at 5 % and the probability of loss at 5 %; the older gates (PBO
at most 0.2, deflated Sharpe ratio at least 0.95) stand beside. An edge has a Sharpe ratio of 6
standard errors over the span. On noise, the count may exceed 5 % by what chance allows once in a
hundred runs.

    python benchmarks/gates.py [--markets 100]
"""

from __future__ import annotations

import argparse
import math
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from _targets import Targets
from numpy.typing import NDArray

from trading.research.evidence.superior_ability import superior_ability
from trading.research.overfitting import backtest_overfitting, deflated_sharpe, sharpe_ratios

FloatArray = NDArray[np.float64]

COMBINATIONS, DAYS = 100, 120
EDGE = 6.0 / math.sqrt(DAYS)
SHAPES = {
    "noise": slice(0, 0),
    "an edge shared by all": slice(None),
    "one good combination": slice(0, 1),
    "five of a hundred": slice(0, 5),
}


@dataclass(frozen=True, slots=True)
class Promoted:
    """Shares of markets that each rule promotes."""

    ability_and_loss: float
    ability: float
    loss: float
    overfitting: float
    deflated: float


def markets(shape: str, correlation: float, count: int) -> Iterator[FloatArray]:
    """Draw daily returns ``[combination, day]`` of a shape, the same for every run."""
    rng = np.random.default_rng([len(shape), round(100 * correlation)])
    for _ in range(count):
        own = rng.standard_normal((COMBINATIONS, DAYS)) * math.sqrt(1.0 - correlation)
        returns = own + math.sqrt(correlation) * rng.standard_normal(DAYS)
        returns[SHAPES[shape]] += EDGE
        yield 0.01 * returns


def promoted(shape: str, correlation: float, count: int) -> Promoted:
    """Evaluate ``count`` markets by every rule."""
    passed = np.zeros(5)
    for place, returns in enumerate(markets(shape, correlation, count)):
        found = superior_ability(returns, np.random.default_rng(place), 1_000)
        cut = backtest_overfitting(returns, 10)
        ratios = sharpe_ratios(returns)
        best = np.ascontiguousarray(returns[int(np.argmax(ratios))])
        ability, loss = found.p_value <= 0.05, cut.loss_probability <= 0.05
        passed += [
            ability and loss,
            ability,
            loss,
            cut.probability <= 0.2,
            deflated_sharpe(best, ratios).probability >= 0.95,
        ]
    return Promoted(*(float(share) for share in passed / count))


def main() -> None:
    """Print the table and check its targets."""
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--markets", type=int, default=100)
    count = options.parse_args().markets
    targets = Targets()
    print(f"{'shape':24} {'corr.':>5}  gates  ability  loss   PBO   DSR   ({count} markets each)")
    for shape in SHAPES:
        for correlation in (0.5, 0.9):
            row = promoted(shape, correlation, count)
            print(
                f"{shape:24} {correlation:5.1f}  {row.ability_and_loss:5.2f}  {row.ability:7.2f}  "
                f"{row.loss:4.2f}  {row.overfitting:4.2f}  {row.deflated:4.2f}"
            )
            name = f"{shape}, correlation {correlation}"
            if shape == "noise":
                allowed = 0.05 + 2.33 * math.sqrt(0.05 * 0.95 / count)
                targets.at_most(name, row.ability_and_loss, allowed, "promoted")
            else:
                missed = 1.0 - row.ability_and_loss
                targets.at_most(name, missed, 0.05, "refused")
    targets.finish()


if __name__ == "__main__":
    main()
