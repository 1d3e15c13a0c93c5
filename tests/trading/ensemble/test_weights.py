"""Weights of an ensemble: by results, within bounds, step by step."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from trading.ensemble.weights import WeightRules, ensemble_weights, member_score, regime_weights
from trading.errors import ParameterError

GOOD = [0.01, 0.02, 0.01, 0.02] * 10
FAIR = [0.01, -0.005, 0.01, -0.005] * 10
BAD = [-0.01, 0.005, -0.02, 0.001] * 10


def test_steadier_earnings_weigh_more_and_every_weight_is_within_the_bounds():
    weights = ensemble_weights({"a": GOOD, "b": FAIR, "c": BAD})
    assert weights == {"a": 0.5, "b": pytest.approx(0.45), "c": 0.05}


def test_without_results_the_weights_are_equal():
    assert ensemble_weights({"a": [], "b": [0.01], "c": BAD, "d": []}) == dict.fromkeys(
        "abcd", 0.25
    )


def test_few_days_count_less_than_many():
    assert 0.0 < member_score(FAIR[:4], 20.0) < member_score(FAIR, 20.0)
    assert member_score(BAD, 20.0) == 0.0


def test_weights_move_part_of_the_way_each_time():
    rules = WeightRules(least=0.0, most=1.0, step=0.5)
    weights = ensemble_weights({"a": GOOD, "b": BAD}, {"a": 0.5, "b": 0.5}, rules)
    assert weights == {"a": 0.75, "b": 0.25}
    assert ensemble_weights({"a": GOOD, "b": BAD}, weights, rules) == {"a": 0.875, "b": 0.125}


def test_weight_taken_by_a_regime_stays_in_cash():
    weights = {"breakout": 0.4, "rsi_bollinger": 0.6}
    factors = {"crash": {"breakout": 0.0}, "up_trend": {"rsi_bollinger": 0.5}}
    assert regime_weights(weights, factors, "crash") == {"breakout": 0.0, "rsi_bollinger": 0.6}
    assert regime_weights(weights, factors, "range") == weights
    with pytest.raises(ParameterError, match="factor of breakout in regime crash is 2"):
        regime_weights(weights, {"crash": {"breakout": 2}}, "crash")


def test_bounds_that_contradict_each_other_are_refused():
    with pytest.raises(ParameterError, match=r"least = 0\.6 and most = 0\.5"):
        WeightRules(least=0.6)


MEMBERS = st.dictionaries(
    st.sampled_from("abcdefghijklmnopqrstuvwxyz"),
    st.lists(st.floats(-0.1, 0.1), max_size=8),
    min_size=1,
)


@given(MEMBERS, MEMBERS)
def test_weights_always_add_up_to_one_within_the_bounds(returns, earlier):
    rules = WeightRules()
    weights = ensemble_weights(returns, ensemble_weights(earlier, None, rules), rules)
    assert sum(weights.values()) == pytest.approx(1.0)
    least, most = min(rules.least, 1 / len(returns)), max(rules.most, 1 / len(returns))
    assert all(least - 1e-9 <= weight <= most + 1e-9 for weight in weights.values())


def test_members_below_their_least_weight_take_from_the_others_in_proportion():
    rules = WeightRules(least=0.2, most=0.9, step=1.0)
    weights = ensemble_weights({"a": GOOD, "b": FAIR, "c": FAIR, "d": BAD}, None, rules)
    assert weights["d"] == 0.2
    assert min(weights.values()) == 0.2
    assert sum(weights.values()) == pytest.approx(1.0)
    assert max(weights, key=lambda name: weights[name]) == "a"


def test_the_side_that_is_further_out_is_cut_first():
    # 0.1 above the most, 0.01 below the least: cut, the first lifts the last within its bounds.
    before = {"a": 0.7, "b": 0.21, "c": 0.09}
    rules = WeightRules(least=0.1, most=0.6, step=1e-9)
    found = ensemble_weights({"a": GOOD, "b": FAIR, "c": BAD}, before, rules)
    assert found == pytest.approx({"a": 0.6, "b": 0.28, "c": 0.12})
