"""Learnt weights replace equal ones where they helped on days that they had not seen."""

from __future__ import annotations

import numpy as np
import pytest

from trading.ensemble.learned_weights import LEAST_DAYS, weigh_days, weight_evidence
from trading.ensemble.weights import WeightRules
from trading.errors import ParameterError

RULES = WeightRules()
ALWAYS = WeightRules(least_t=0.0)


def members(seed: int, days: int, edge: float = 0.0) -> dict[str, list[float]]:
    """Four members with a market in common; the first earns ``edge`` a day more."""
    draws = np.random.default_rng(seed)
    own = 0.01 * draws.standard_normal((4, days)) + 0.006 * draws.standard_normal(days)
    own[0] += edge
    return {name: row.tolist() for name, row in zip("abcd", own, strict=True)}


def test_no_day_changes_its_own_weights_or_earlier_ones():
    given = members(3, 40, 0.012)
    whole = weigh_days(given, RULES).weights
    for cut in (1, 19, 21, 39):
        changed = {
            name: [*own[:cut], *(-9.0 * v for v in own[cut:])] for name, own in given.items()
        }
        assert weigh_days(changed, RULES).weights[: cut + 1] == whole[: cut + 1]


def test_weights_stay_equal_on_noise_and_are_learnt_where_one_member_earns_more():
    noise = [weigh_days(members(seed, 30), RULES).evidence.learned for seed in range(200)]
    assert np.mean(noise) <= 0.08
    edge = [weigh_days(members(seed, 30, 0.012), RULES).evidence.learned for seed in range(50)]
    assert np.mean(edge) >= 0.9


def test_weights_that_are_not_learnt_are_equal_on_every_day():
    found = weigh_days(members(1, 30), WeightRules(least_t=100.0))
    assert {weight for day in found.weights for weight in day.values()} == {0.25}
    assert found.evidence.days == 30
    assert not found.evidence.learned


def test_weights_that_are_always_learnt_are_those_of_the_days_before():
    found = weigh_days(members(1, 30, 0.02), ALWAYS)
    assert set(found.weights[1].values()) == {0.25}
    assert found.weights[-1]["a"] > 0.3
    assert found.evidence.learned


def test_the_gain_is_that_over_equal_weights_in_standard_errors():
    gains = [0.01, 0.03] * 10
    found = weight_evidence(gains, 2.0)
    assert found.gain == pytest.approx(0.02)
    # Newey and West by hand: autocorrelations −1, +1, … of a deviation of 0.01 over 20 days.
    spread = 20 + 2 * sum((1 - lag / 6) * (-1) ** lag * (20 - lag) for lag in range(1, 6))
    assert found.t_value == pytest.approx(0.02 / (0.01 * spread**0.5 / 20))
    assert found.learned
    assert not weight_evidence(gains[: LEAST_DAYS - 1], 2.0).learned
    assert not weight_evidence([-gain for gain in gains], 2.0).learned
    assert weight_evidence([0.0] * 30, 2.0).t_value == 0.0
    assert not weight_evidence([], 2.0).learned


def test_no_evidence_below_nothing_is_needed():
    with pytest.raises(ParameterError, match="least_t = -1"):
        WeightRules(least_t=-1)
