"""The whole family at once: many symbols, strategies and nights of noise under one budget."""

from __future__ import annotations

from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from multiprocessing import get_context

import numpy as np
from numpy.typing import NDArray

from flows.steps.evidence.hypotheses import (
    Hypothesis,
    Look,
    hypotheses_opened,
    may_look,
    spending,
)
from flows.steps.search.validation import overfitting_of
from trading.research.evidence.sequential import Stakes, e_process, stakes_for
from trading.research.evidence.superior_ability import samples_for, superior_ability
from trading.research.evidence.unseen_days import Frozen, UnseenDay, follow

FloatArray = NDArray[np.float64]

ALPHA = 0.05
SETS = 12
WORKERS = 2
AT_STAKE = 0.2
"""Share of the account that a candidate's positions take: the default of the strategies."""
DAYS = 90
"""Days that the first night sees."""
FIRST_NIGHT = datetime(2025, 1, 1, tzinfo=UTC)
RATIOS = {1: (3.3, 4.6), 9: (4.2, 5.3), 162: (5.1, 6.0)}
"""Sharpe ratio × √years at which a fixed test and the e-process promise a power of 95 %, by m."""


@dataclass(frozen=True, slots=True)
class FamilyCounts:
    """Families of noise, their looks, those with a false proof, those with one confirmed."""

    families: int
    looks: int
    false: int
    confirmed: int


@dataclass(frozen=True, slots=True)
class FamilySize:
    """How many symbols, strategies and nights a family has; every night runs all of them."""

    symbols: int
    strategies: int
    nights: int


def family_of_noise(families: int, size: FamilySize, seed: int = 17) -> FamilyCounts:
    """Give every strategy's pooled search pure noise, night by night, under the budget of looks.

    The ledger of looks, the budget and the unseen days are those of the flows. A search holds 12
    sets on each symbol. All share the market's move, the sets of a symbol most of theirs;
    volatility comes and goes. Nothing is paid, and of the gates only the two on luck are asked:
    costs and the others refuse more.
    """
    members = [(seed, family, size) for family in range(families)]
    with ProcessPoolExecutor(WORKERS, mp_context=get_context("spawn")) as pool:
        found = list(pool.map(_false_proofs, members))
    looks, proofs, confirmed = zip(*found, strict=True)
    return FamilyCounts(
        families, sum(looks), sum(n > 0 for n in proofs), sum(n > 0 for n in confirmed)
    )


def _false_proofs(member: tuple[int, int, FamilySize]) -> tuple[int, int, int]:
    """Looks, false proofs and false confirmations of one family."""
    seed, family, size = member
    names = tuple(f"strategy-{place}" for place in range(size.strategies))
    returns = {
        name: _pooled_noise(np.random.default_rng([seed, family, place]), size)
        for place, name in enumerate(names)
    }
    looks: list[Look] = []
    for night in range(size.nights):
        as_of = FIRST_NIGHT + timedelta(days=night)
        for name in names:
            hypothesis = Hypothesis("strategy", name, "1", "grid")
            proven = any(look.passed and look.name == name for look in looks)
            if not proven and may_look(looks, hypothesis, as_of):
                seen = returns[name][:, : DAYS + night]
                looks.append(_look(hypothesis, as_of, looks, names, seen))
    proofs = [look for look in looks if look.passed]
    confirmed = sum(_confirmed(look, returns[look.name], looks) for look in proofs)
    return len(looks), len(proofs), confirmed


def _look(
    hypothesis: Hypothesis,
    as_of: datetime,
    looks: list[Look],
    names: tuple[str, ...],
    returns: FloatArray,
) -> Look:
    number, share, alpha = spending(looks, hypothesis.name, names, ALPHA)
    return Look(
        hypothesis=hypothesis.id,
        as_of=as_of,
        kind=hypothesis.kind,
        name=hypothesis.name,
        rules=hypothesis.rules,
        grid=hypothesis.grid,
        look=number,
        share=share,
        alpha=alpha,
        trials=len(returns),
        days=returns.shape[1],
        symbols=(),
        passed=_passes(returns, alpha, number),
        reason="",
    )


def _confirmed(look: Look, returns: FloatArray, looks: list[Look]) -> bool:
    """Whether the days after a false proof, up to the last night, confirm its best set."""
    night = (look.as_of - FIRST_NIGHT).days
    seen, unseen = returns[:, : DAYS + night], returns[:, DAYS + night :]
    best = int(np.argmax(seen.mean(axis=1) / seen.std(axis=1)))
    stakes = stakes_for(seen[best], AT_STAKE)
    days = [
        UnseenDay(n, float(v), 0.0, hypotheses_opened(looks, look.as_of + timedelta(days=n + 1)))
        for n, v in enumerate(unseen[best])
    ]
    followed = follow(Frozen(stakes, 1.0), days, ALPHA)
    return any(day.state == "confirmed" for day in followed)


def _pooled_noise(rng: np.random.Generator, size: FamilySize) -> FloatArray:
    """Returns of all sets on all symbols, and of each set on all symbols together."""
    symbols, days = size.symbols, DAYS + size.nights
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
