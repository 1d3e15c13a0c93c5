"""Drawn searches whose truth is known: how often each rule promotes them."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
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
