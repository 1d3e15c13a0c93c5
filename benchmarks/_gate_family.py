"""The whole family at once: many symbols, strategies and nights of noise under one budget."""

from __future__ import annotations

from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from multiprocessing import get_context

import numpy as np
from numpy.typing import NDArray

from flows.steps.search.validation import overfitting_of
from trading.research.evidence.budget import NEW_DAYS, share_of_budget, spent_by_look
from trading.research.evidence.sequential import Stakes, e_process, stakes_for
from trading.research.evidence.superior_ability import samples_for, superior_ability

FloatArray = NDArray[np.float64]

ALPHA = 0.05
SETS = 12
WORKERS = 2
AT_STAKE = 0.2
"""Share of the account that a candidate's positions take: the default of the strategies."""
DAYS = 90
RATIOS = {1: (3.3, 4.6), 9: (4.2, 5.3), 162: (5.1, 6.0)}
"""Sharpe ratio × √years at which a fixed test and the e-process promise a power of 95 %, by m."""


@dataclass(frozen=True, slots=True)
class FamilyCounts:
    """Families of noise, the looks they took, and those with at least one false proof."""

    families: int
    looks: int
    false: int


def family_of_noise(
    families: int, symbols: int, strategies: int, nights: int, seed: int = 17
) -> FamilyCounts:
    """Give every strategy's pooled search pure noise, night by night, under the budget of looks.

    A search holds 12 sets on each symbol. All share the market's move, the sets of a symbol most of
    theirs; volatility comes and goes. A night without a due look tests nothing.
    """
    members = [(seed, family, symbols, strategies, nights) for family in range(families)]
    with ProcessPoolExecutor(WORKERS, mp_context=get_context("spawn")) as pool:
        found = list(pool.map(_false_proofs, members))
    looks = sum(taken for taken, _ in found)
    return FamilyCounts(families, looks, sum(false > 0 for _, false in found))


def _false_proofs(member: tuple[int, int, int, int, int]) -> tuple[int, int]:
    """Looks and false proofs of one family."""
    seed, family, symbols, strategies, nights = member
    share = share_of_budget(ALPHA, 0.0, strategies, strategies)
    looks = false = 0
    for strategy in range(strategies):
        returns = _pooled_noise(np.random.default_rng([seed, family, strategy]), symbols, nights)
        for night in range(0, nights, NEW_DAYS):
            looks += 1
            alpha = spent_by_look(share, 1 + night // NEW_DAYS)
            false += _passes(returns[:, : DAYS + night], alpha, family)
    return looks, false


def _pooled_noise(rng: np.random.Generator, symbols: int, nights: int) -> FloatArray:
    """Returns of all sets on all symbols, and of each set on all symbols together."""
    days = DAYS + nights
    market = rng.standard_normal(days)
    own = rng.standard_normal((symbols, 1, days))
    sets = rng.standard_normal((symbols, SETS, days))
    shocks = 0.5 * market + 0.6 * own + 0.6 * sets
    level = np.exp(0.4 * np.convolve(rng.standard_normal(days), np.full(5, 0.45), mode="same"))
    returns = 0.01 * shocks * level
    return np.vstack((returns.reshape(symbols * SETS, days), returns.mean(axis=0)))


def _passes(returns: FloatArray, alpha: float, seed: int) -> bool:
    found = superior_ability(
        returns, np.random.default_rng(seed), samples_for(alpha), enough_above=alpha
    )
    if found.p_value > alpha:
        return False
    cut = overfitting_of(returns)
    return cut is not None and cut.loss_probability <= ALPHA


def power_of_fixed_test(ratio: float, hypotheses: int, count: int, days: int = 365) -> float:
    """Share of edges with this Sharpe ratio × √years that one test at alpha / m proves."""
    alpha = ALPHA / hypotheses
    proven = 0
    for place in range(count):
        rng = np.random.default_rng([hypotheses, place])
        returns = 0.01 * (rng.standard_normal((1, days)) + ratio / np.sqrt(days))
        found = superior_ability(returns, rng, samples_for(alpha), enough_above=alpha)
        proven += found.p_value <= alpha
    return proven / count


def power_of_evidence(ratio: float, hypotheses: int, count: int, days: int = 730) -> float:
    """Share of edges with this Sharpe ratio × √years that unseen days confirm at m / alpha."""
    confirmed = 0
    for place in range(count):
        rng = np.random.default_rng([hypotheses, place])
        stakes = stakes_for(0.01 * rng.standard_normal(120), AT_STAKE)
        returns = 0.01 * (rng.standard_normal(days) + ratio / np.sqrt(days))
        confirmed += _ever_confirmed(returns, stakes, hypotheses)
    return confirmed / count


def size_of_evidence(count: int, days: int = 730) -> float:
    """Share of candidates without an edge, in fat-tailed noise with memory, confirmed for m = 1."""
    confirmed = 0
    for place in range(count):
        rng = np.random.default_rng([99, place])
        shocks = rng.standard_t(4, size=days)
        level = np.exp(0.3 * np.convolve(np.abs(shocks), np.full(10, 0.1))[:days])
        returns = 0.007 * shocks * np.concatenate(([1.0], level[:-1]))
        stakes = stakes_for(0.01 * rng.standard_normal(120), AT_STAKE)
        confirmed += _ever_confirmed(returns, stakes, 1)
    return confirmed / count


def _ever_confirmed(returns: FloatArray, stakes: Stakes, hypotheses: int) -> bool:
    return bool(e_process(returns, stakes).max() >= hypotheses / ALPHA)


def chance(share: float, count: int, deviations: float = 2.33) -> float:
    """What a true share may be exceeded by in ``count`` draws, once in a hundred times."""
    return deviations * float(np.sqrt(share * (1.0 - share) / count))
