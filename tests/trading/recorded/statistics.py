"""The statistics of research on fixed random returns, as lines of text."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from tests.trading.recorded.markets import described, outcome
from trading.research.evidence.budget import share_of_budget, spent_by_look
from trading.research.evidence.ruin import ruin_risk
from trading.research.evidence.sequential import decay, e_process, size_share, stakes_for
from trading.research.evidence.step_down import superior_trials
from trading.research.evidence.superior_ability import (
    block_length,
    highest_scores,
    recentred,
    samples_for,
    superior_ability,
)
from trading.research.evidence.unseen_days import Frozen, UnseenDay, follow
from trading.research.overfitting import (
    backtest_overfitting,
    bootstrap_p_value,
    deflated_sharpe,
    effective_trials,
    expected_maximum_sharpe,
    plateau,
    probabilistic_sharpe,
    sharpe_ratios,
)


def seeded(seed: int = 0) -> np.random.Generator:
    """A generator whose numbers are the same everywhere."""
    return np.random.default_rng(seed)


def returns(trials: int = 12, days: int = 90, memory: float = 0.0, seed: int = 1) -> np.ndarray:
    """Daily returns of trials that share half of their moves; the first one earns most."""
    rng = seeded(seed)
    shocks = 0.007 * (rng.standard_normal((trials, days)) + rng.standard_normal(days))
    found = shocks.copy()
    for day in range(1, days):
        found[:, day] += memory * found[:, day - 1]
    return found + 0.0015 * np.linspace(1.0, -0.5, trials)[:, None]


def _superior() -> dict[str, Any]:
    idle = returns()
    idle[[0, 4]] = 0.0
    poor = returns()
    poor[5:] -= 0.01
    good = returns() + 0.002
    return {
        "plain": superior_ability(returns(), seeded(), 600),
        "block": superior_ability(returns(), seeded(1), 700, block=4.0),
        "ends early": superior_ability(returns() - 0.001, seeded(2), 2_000, enough_above=0.05),
        "idle": superior_ability(idle, seeded(3), 300),
        "poor": superior_ability(poor, seeded(4), 1_030),
        "good": superior_ability(good, seeded(5), 513),
        "one": superior_ability(returns(1), seeded(6), 100, block=1.0),
        "ten days": superior_ability(returns(3, 10), seeded(7), 100),
        "losing": superior_ability(returns() - 0.1, seeded(), 100),
        "still": superior_ability(np.zeros((2, 20)), seeded(), 100),
        "nine days": outcome(lambda: superior_ability(returns(3, 9), seeded(), 100)),
        "no trial": outcome(lambda: superior_ability(np.zeros((0, 20)), seeded(), 100)),
        "block 0.9": outcome(lambda: superior_ability(returns(), seeded(), 100, block=0.9)),
        "block 91": outcome(lambda: superior_ability(returns(), seeded(), 100, block=91.0)),
        "whole block": superior_ability(returns(), seeded(), 100, block=90.0),
        "samples": [outcome(lambda a=a: samples_for(a)) for a in (0.0, 0.05, 0.01, 0.003, 1.0)],
        "recentred": recentred(poor),
        "highest": highest_scores(good, recentred(good)[1], seeded(), 520, 3.0),
    }


def _blocks() -> dict[str, Any]:
    found: dict[str, Any] = {}
    for days in (12, 40, 101, 365):
        for memory in (-0.6, 0.0, 0.4, 0.9):
            found[f"{days} days, {memory}"] = block_length(returns(7, days, memory, seed=days))
    for period in (2, 7):
        wave = np.sin(np.arange(120.0) * 2.0 * np.pi / period) + 0.1 * seeded().normal(size=120)
        found[f"wave of {period}"] = block_length(np.stack([wave, np.roll(wave, 1)]))
    return found


def _step_down() -> dict[str, Any]:
    mixed = returns(20, 120, seed=3)
    mixed[[2, 5, 11]] += 0.006
    mixed[17] += 0.0035
    mixed[9] = 0.0
    return {
        "mixed": superior_trials(mixed, seeded(), 0.05, 500),
        "strict": superior_trials(mixed, seeded(1), 0.004, 500),
        "too strict": superior_trials(mixed, seeded(1), 0.001, 500),
        "all": superior_trials(returns(4) + 0.02, seeded(2), 0.05, 200),
        "just": superior_trials(returns(4) + 0.02, seeded(2), 0.01, 99),
        "noise": superior_trials(returns(9) - 0.002, seeded(2), 0.05, 200),
    }


def _sequential() -> dict[str, Any]:
    daily = returns(1, 200, seed=5)[0] * 3.0
    wild = np.array([0.05, 0.4, -0.2, -0.6, 0.3, 0.1, 0.25, -0.25])
    stakes = stakes_for(daily[:60], at_stake=0.5)
    bold = stakes_for(wild)
    shares = [
        outcome(lambda e=e, p=p: size_share(e, p))
        for e in (0.5, 1.0, 1.5, 3.0, 19.0, 20.0, 30.0)
        for p in (0.0, 0.25, 1.0, 1.1)
    ]
    return {
        "stakes": [stakes, bold, stakes_for(daily / 100.0), stakes_for(daily[:2])],
        "still": outcome(lambda: stakes_for(np.zeros(9))),
        "one day": outcome(lambda: stakes_for(np.ones(1))),
        "evidence": [e_process(daily, stakes), e_process(wild, bold)],
        "evidence at the end": float(e_process(daily, stakes)[-1]),
        "decay": [decay(-daily, stakes), decay(wild, bold), decay(daily, stakes, floor=0.001)],
        "decay at the end": float(decay(-daily, stakes)[-1]),
        "size": shares,
        "budget": [
            outcome(lambda a=a, s=s, o=o, c=c: share_of_budget(a, s, o, c))
            for a in (0.0, 0.05, 0.9, 1.0)
            for s in (0.0, 0.03, 0.06)
            for o, c in ((0, 0), (1, 1), (2, 5), (5, 2))
        ],
        "looks": [outcome(lambda n=n: spent_by_look(0.04, n)) for n in (0, 1, 2, 7)],
        "ruin": [
            ruin_risk(daily, seeded(), limit=0.4, days=50, samples=200),
            ruin_risk(np.tile([0.02, -0.01, 0.0, -0.03], 5), seeded(1), 0.11, samples=100),
            ruin_risk(np.full(10, -0.5), seeded(), limit=0.5, days=1, samples=10),
            outcome(lambda: ruin_risk(np.zeros(9), seeded(), 0.1)),
            *(outcome(lambda x=x: ruin_risk(daily, seeded(), x)) for x in (0.0, 1.0)),
        ],
    }


def _followed() -> dict[str, Any]:
    daily = returns(1, 150, seed=9)[0] * 4.0
    live = daily * 0.8 - 0.002
    frozen = Frozen(stakes_for(daily), envelope=0.30)
    found = {}
    for name, shift in (("good", 0.02), ("fair", 0.004), ("bad", -0.02)):
        days = [
            UnseenDay(n, float(one + shift), float(two + shift), 1 + n // 50)
            for n, (one, two) in enumerate(zip(daily, live, strict=True))
        ]
        run = follow(frozen, days, 0.1)
        changed = [day for day in run if day.reason]
        found[name] = [len(run), run[0], run[len(run) // 2], run[-1], changed]
    return found


def _overfitting() -> dict[str, Any]:
    found: dict[str, Any] = {}
    for blocks in (2, 4, 8):
        for trials in (2, 5, 12):
            kept = returns(trials, 100, seed=blocks)
            found[f"{blocks} blocks, {trials}"] = backtest_overfitting(kept, blocks)
    coarse = np.round(returns(8, 64) * 100.0) / 100.0
    coarse[3] = 0.0
    coarse[4] = 0.01
    found["coarse"] = backtest_overfitting(coarse, 8, max_cells=200)
    found["odd"] = outcome(lambda: backtest_overfitting(coarse, 3))
    found["none"] = outcome(lambda: backtest_overfitting(coarse, 0))
    found["short"] = outcome(lambda: backtest_overfitting(coarse[:, :3], 2))
    found["least"] = backtest_overfitting(coarse[:2, :4], 2)
    found["alone"] = outcome(lambda: backtest_overfitting(coarse[:1], 2))
    ratios = sharpe_ratios(coarse)
    found["sharpe"] = ratios
    for place in (0, 3, 4):
        found[f"deflated {place}"] = deflated_sharpe(coarse[place], ratios)
        found[f"deflated {place} by 3"] = deflated_sharpe(coarse[place], ratios, 3.0)
    found["two days"] = outcome(lambda: deflated_sharpe(coarse[0, :2], ratios))
    found["three days"] = deflated_sharpe(np.array([0.01, 0.03, -0.01]), ratios[:1])
    found["no trials"] = outcome(lambda: deflated_sharpe(coarse[0], np.empty(0)))
    found["expected"] = [expected_maximum_sharpe(n, 0.5) for n in (0.5, 1.0, 1.2, 2.0, 30.0)]
    found["probable"] = [
        probabilistic_sharpe(s, 0.05, 30, k, c)
        for s in (-0.2, 0.05, 0.3, 2.0)
        for k in (-2.0, 0.5, 3.0)
        for c in (1.0, 3.0, 9.0)
    ]
    found["effective"] = [
        effective_trials(returns(30, 60, seed=seed), limit)
        for seed in (1, 2)
        for limit in (0.3, 0.5, 0.7)
    ]
    found["effective, idle"] = [effective_trials(coarse), effective_trials(np.zeros((2, 9)))]
    day = returns(1, 64, seed=4)[0]
    for block in (None, 1, 5, 8, 64):
        found[f"bootstrap {block}"] = bootstrap_p_value(day, seeded(8), 400, block)
    for block in (0, 65):
        found[f"bootstrap {block}"] = outcome(
            lambda b=block: bootstrap_p_value(day, seeded(), 9, b)
        )
    found["bootstrap of one"] = outcome(lambda: bootstrap_p_value(day[:1], seeded(), 9))
    found["bootstrap of two"] = bootstrap_p_value(np.array([0.1, -0.05]), seeded(), 99)
    found["bootstrap of equals"] = bootstrap_p_value(np.full(8, 0.25), seeded(), 99)
    grid = [{"k": k, "tf": tf} for k in (1, 2, 4, 8) for tf in ("a", "b")]
    scores = [0.4, 0.2, 1.0, 0.5, 0.6, 0.1, 0.9, 0.9]
    for winner in range(8):
        found[f"plateau {winner}"] = plateau(grid, scores, winner)
    found["plateau, all"] = plateau(grid, scores, 2, keep=1.0)
    found["plateau, none"] = plateau(grid, [0.0] * 8, 2)
    return found


CASES: dict[str, Callable[[], dict[str, Any]]] = {
    "superior ability": _superior,
    "blocks": _blocks,
    "step-down": _step_down,
    "sequential evidence": _sequential,
    "unseen days": _followed,
    "overfitting": _overfitting,
}


def lines_of(name: str) -> list[str]:
    """Return the lines of one case."""
    return [line for part, value in CASES[name]().items() for line in described(part, value)]


def recorded() -> dict[str, list[str]]:
    """Return the lines of every case."""
    return {name: lines_of(name) for name in CASES}
