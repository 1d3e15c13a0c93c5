"""The best of many trials against luck: equal to an independent library, honest, and able."""

from __future__ import annotations

import math

import numpy as np
import pytest

from trading.errors import DataError
from trading.research.evidence.step_down import superior_trials
from trading.research.evidence.superior_ability import (
    block_length,
    samples_for,
    superior_ability,
)
from trading.research.evidence.superior_ability import (
    tested_rows as rows_tested,
)

DAYS = 120


def market(
    rng: np.random.Generator, trials: int = 100, correlation: float = 0.5, days: int = DAYS
) -> np.ndarray:
    """Daily returns of trials that move together, without any edge, ``[trial, day]``."""
    own = rng.standard_normal((trials, days)) * math.sqrt(1.0 - correlation)
    return 0.01 * (own + math.sqrt(correlation) * rng.standard_normal(days))


def p_of(returns: np.ndarray, seed: int = 0, samples: int = 1_000) -> float:
    return superior_ability(returns, np.random.default_rng(seed), samples).p_value


@pytest.mark.parametrize("edge", [0.0, 0.05, 0.1, 0.2])
def test_it_agrees_with_an_independent_library(edge: float) -> None:
    from arch.bootstrap import SPA

    returns = market(np.random.default_rng(7)) + edge * 0.01
    ours = superior_ability(returns, np.random.default_rng(1), 4_000, block=5.0)
    theirs = SPA(np.zeros(DAYS), -returns.T, block_size=5, reps=4_000, seed=2)
    theirs.compute()
    assert ours.p_value == pytest.approx(float(theirs.pvalues["consistent"]), abs=0.06)


@pytest.mark.parametrize("correlation", [0.5, 0.9])
def test_it_believes_noise_in_about_one_search_of_twenty(correlation: float) -> None:
    rng = np.random.default_rng(11)
    believed = sum(p_of(market(rng, 40, correlation), n, 400) <= 0.05 for n in range(200))
    assert believed <= 20  # 10 expected; more than 20 of 200 has a chance below 0.2 %


def test_serial_correlation_and_fat_tails_do_not_make_it_believe() -> None:
    rng = np.random.default_rng(5)
    believed = 0
    for n in range(100):
        shocks = rng.standard_t(3, size=(20, DAYS + 1)) * 0.01
        believed += p_of(shocks[:, 1:] + 0.3 * shocks[:, :-1], n, 400) <= 0.05
    assert believed <= 12


def seldom(rng: np.random.Generator, trades: int, trials: int = 12) -> np.ndarray:
    """Returns of trials that win 1 % in three of four trades and else lose 3 %: no edge."""
    returns = np.zeros((trials, DAYS))
    for row in returns:
        held = rng.choice(DAYS, trades, replace=False)
        row[held] = np.where(rng.random(trades) < 0.75, 0.01, -0.03)
    return returns


@pytest.mark.parametrize("cash", [0.0, 1e-4])
def test_a_handful_of_trades_that_all_won_proves_nothing(cash: float) -> None:
    won = np.zeros((1, DAYS))
    won[0, ::20] = 0.01 + 0.001 * np.arange(6)
    assert p_of(won - cash) == 1.0
    assert not superior_trials(won - cash, np.random.default_rng(0), 0.05, 1_000).any()
    often = np.zeros((1, DAYS))
    often[0, ::4] = 0.01 + 0.001 * np.arange(30)
    assert p_of(often - cash) < 0.01


@pytest.mark.parametrize("trades", [5, 10, 19, 25, 40])
def test_searches_that_trade_seldom_are_not_believed_more_often(trades: int) -> None:
    rng = np.random.default_rng(3)
    believed = sum(p_of(seldom(rng, trades), n, 400) <= 0.05 for n in range(100))
    assert believed <= 12


@pytest.mark.parametrize("memory", [0.0, 0.3, 0.7])
def test_its_blocks_are_as_long_as_an_independent_library_chooses(memory: float) -> None:
    from arch.bootstrap import optimal_block_length

    rng = np.random.default_rng(9)
    shocks = rng.standard_normal((15, 400))
    returns = shocks.copy()
    for day in range(1, 400):
        returns[:, day] += memory * returns[:, day - 1]
    theirs = np.median([optimal_block_length(row)["stationary"].iloc[0] for row in returns])
    assert block_length(returns) == pytest.approx(2.0 * max(1.0, float(theirs)), rel=0.3, abs=0.8)


SHAPES = {
    "an edge that every trial shares": slice(None),
    "one trial alone": slice(0, 1),
    "five of a hundred": slice(0, 5),
}


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("correlation", [0.5, 0.9])
def test_it_finds_a_real_edge_in_every_shape(shape: str, correlation: float) -> None:
    rng = np.random.default_rng(3)
    found = 0
    for n in range(20):
        returns = market(rng, correlation=correlation)
        # A Sharpe ratio of 0.45 a day: 5 times its standard error after 120 days.
        returns[SHAPES[shape]] += 0.45 * 0.01
        found += p_of(returns, n, 1_000) <= 0.05
    assert found >= 19


def test_a_poor_trial_among_the_good_costs_no_power() -> None:
    rng = np.random.default_rng(2)
    returns = market(rng, 5) + 0.0025
    poor = market(rng, 300, 0.0) - 0.02
    alone = p_of(returns, 1, 4_000)
    among = p_of(np.concatenate((returns, poor)), 1, 4_000)
    assert among == pytest.approx(alone, abs=0.02)


def test_trials_that_never_trade_or_only_lose_prove_nothing() -> None:
    assert p_of(np.zeros((3, DAYS))) == 1.0
    losing = market(np.random.default_rng(1)) - 0.05
    assert p_of(losing) == 1.0


def test_the_best_trial_is_named_by_its_row() -> None:
    returns = market(np.random.default_rng(1), 10)
    returns[0] = 0.0
    returns[7] += 0.01
    assert superior_ability(returns, np.random.default_rng(1), 100).best == 7


def test_a_threshold_can_be_reached_by_the_samples_taken_for_it() -> None:
    for alpha in (0.05, 0.004, 0.0005):
        returns = market(np.random.default_rng(1), 5) + 0.01
        assert p_of(returns, samples=samples_for(alpha)) < alpha


def test_too_short_a_span_is_refused_with_its_length() -> None:
    with pytest.raises(DataError, match="10 periods, was 2 trials and 9 periods"):
        p_of(np.zeros((2, 9)))


def test_a_trial_is_tested_from_twenty_days_that_moved_on_or_all_but_one() -> None:
    long, short = np.zeros((2, DAYS)), np.tile(np.arange(13.0), (2, 1))
    long[0, :19], long[1, :20] = 0.01, 0.01
    short[0, 5] = short[0, 6]  # as usual on two days, not on one
    assert rows_tested(long).tolist() == [1]
    assert rows_tested(short).tolist() == [1]
