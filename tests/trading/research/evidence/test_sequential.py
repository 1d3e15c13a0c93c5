"""Evidence from unseen days: it may be looked at daily, and noise hardly ever convinces it."""

from __future__ import annotations

import math

import numpy as np
import pytest

from trading.errors import DataError
from trading.research.evidence.ruin import ruin_risk
from trading.research.evidence.sequential import (
    FULL_SIZE_AT,
    decay,
    e_process,
    size_share,
    stakes_for,
)

DAILY = 0.02


def noise(rng: np.random.Generator, days: int, mean: float = 0.0) -> np.ndarray:
    return mean * DAILY + DAILY * rng.standard_normal(days)


def test_a_candidate_without_an_edge_is_confirmed_in_fewer_than_one_life_of_twenty() -> None:
    rng = np.random.default_rng(1)
    confirmed = 0
    for _ in range(400):
        stakes = stakes_for(noise(rng, 60))
        confirmed += e_process(noise(rng, 1_000), stakes).max() >= FULL_SIZE_AT
    assert confirmed <= 30  # Ville: at most 20 expected


def test_days_that_depend_on_each_other_change_nothing_about_that() -> None:
    rng = np.random.default_rng(2)
    confirmed = 0
    for _ in range(200):
        # The volatility of a day depends on the days before; its mean stays zero.
        shocks = rng.standard_normal(600)
        level = np.exp(np.convolve(np.abs(shocks), np.full(10, 0.1))[:600] - 1.0)
        returns = DAILY * np.concatenate(([0.0], shocks[1:] * level[:-1]))
        confirmed += e_process(returns, stakes_for(noise(rng, 60))).max() >= FULL_SIZE_AT
    assert confirmed <= 17


def test_a_real_edge_is_confirmed_in_time() -> None:
    rng = np.random.default_rng(3)
    days, confirmed = 700, 0
    sharpe = 4.6 / math.sqrt(days)  # a yearly Sharpe ratio times the root of the years
    for _ in range(200):
        evidence = e_process(noise(rng, days, sharpe), stakes_for(noise(rng, 60)))
        confirmed += evidence.max() >= FULL_SIZE_AT
    assert confirmed >= 190


def test_a_ruinous_day_ends_the_bet() -> None:
    stakes = stakes_for(noise(np.random.default_rng(1), 60) / 10)
    assert stakes.values[-1] == 4.0
    evidence = e_process(np.array([0.01, -0.3, 0.05]), stakes)
    assert evidence[0] > 1.0
    assert evidence[1] < evidence[0]


def test_the_bets_are_as_large_as_what_is_at_stake_allows() -> None:
    returns = noise(np.random.default_rng(1), 60) / 10
    assert stakes_for(returns, at_stake=0.2).values[-1] == pytest.approx(20.0)
    assert max(stakes_for(returns * 100, at_stake=0.2).values) < 4.0


def test_decay_is_noticed_soon_and_seldom_without_cause() -> None:
    rng = np.random.default_rng(4)
    stakes = stakes_for(noise(rng, 100))
    alarms = delays = 0
    for _ in range(100):
        good = noise(rng, 300, 0.15)
        alarms += decay(good, stakes).max() >= 365.0
        both = np.concatenate((good, noise(rng, 400, -0.2)))
        passed = np.flatnonzero(decay(both, stakes)[300:] >= 365.0)
        delays += passed[0] if len(passed) else 400
    assert alarms <= 2
    assert delays / 100 < 250


def test_size_grows_from_probation_to_all_of_the_limits() -> None:
    assert size_share(0.5, 0.25) == 0.25
    assert size_share(1.0, 0.25) == 0.25
    assert 0.25 < size_share(3.0, 0.25) < size_share(10.0, 0.25) < 1.0
    assert size_share(FULL_SIZE_AT, 0.25) == 1.0
    assert size_share(1e6, 0.25) == 1.0


def test_returns_that_never_move_cannot_be_followed() -> None:
    with pytest.raises(DataError, match="never move"):
        stakes_for(np.zeros(30))


def test_risk_of_ruin_follows_from_the_returns() -> None:
    rng = np.random.default_rng(5)
    calm = ruin_risk(noise(rng, 300, 0.1) / 10, rng, limit=0.2)
    wild = ruin_risk(noise(rng, 300, -0.1), rng, limit=0.2)
    assert calm.probability < 0.01
    assert wild.probability > 0.9
    assert calm.envelope < wild.envelope <= 1.0


def test_a_steady_loss_of_one_percent_passes_a_limit_on_the_day_arithmetic_says() -> None:
    losing = np.full(20, -0.01)
    rng = np.random.default_rng(6)
    assert ruin_risk(losing, rng, limit=0.05, days=5).probability == 0.0  # 4.9 %
    assert ruin_risk(losing, rng, limit=0.05, days=6).probability == 1.0  # 5.9 %
