"""Sums that grow by a day agree with the definitions over all days, and read each day once."""

from __future__ import annotations

import math
import statistics
from collections import Counter
from collections.abc import Mapping, Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from trading.ensemble.learned_weights import LEAST_DAYS, weigh_days, weight_evidence
from trading.ensemble.weights import WeightRules, ensemble_weights, member_score

RETURNS = st.floats(-0.5, 0.5, allow_subnormal=False)
DAYS = st.integers(0, 32).flatmap(lambda days: st.lists(
    st.lists(RETURNS, min_size=days, max_size=days), min_size=1, max_size=5
))  # fmt: skip


def plain_score(returns: Sequence[float], prior_days: float) -> float:
    """Mean over deviation, by the statistics of Python, which are exact."""
    if len(returns) < 2 or math.fsum(returns) <= 0.0:
        return 0.0
    deviation = math.sqrt(statistics.variance(returns))
    share = len(returns) / (len(returns) + prior_days)
    return statistics.fmean(returns) / deviation * share if deviation else 0.0


def plain_t_value(gains: Sequence[float]) -> float:
    """Mean over its error by Newey and West, written as in the paper."""
    count = len(gains)
    mean = math.fsum(gains) / count
    off = [value - mean for value in gains]
    total = math.fsum(value * value for value in off)
    for lag in range(1, min(5, count - 1) + 1):
        shared = math.fsum(off[place] * off[place - lag] for place in range(lag, count))
        total += 2.0 * (1.0 - lag / 6) * shared
    error = math.sqrt(max(total, 0.0)) / count
    return mean / error if error > 1e-12 else 0.0


def plain_walk(
    returns: Mapping[str, Sequence[float]], helps: Sequence[bool]
) -> tuple[list[dict[str, float]], list[float]]:
    """Weigh each day by all days before it, read again, learning on the days that ``helps``."""
    rules, learnt, used = WeightRules(), {}, {}
    weights, gains = [], []
    for day, learned in enumerate(helps):
        before = {name: own[:day] for name, own in returns.items()}
        learnt = ensemble_weights(before, learnt, rules)
        used = ensemble_weights(before, used, rules, learned=learned)
        weights.append(used)
        today = [own[day] for own in returns.values()]
        earned = math.fsum(learnt[name] * own[day] for name, own in returns.items())
        gains.append(earned - math.fsum(today) / len(today))
    return weights, gains


@given(st.lists(RETURNS, max_size=40), st.sampled_from([1.0, 20.0]))
def test_a_score_is_mean_over_deviation(returns: list[float], prior: float) -> None:
    assert member_score(returns, prior) == pytest.approx(plain_score(returns, prior), rel=1e-9)


@given(st.floats(1e-6, 0.5), st.integers(2, 60))
def test_the_same_return_every_day_scores_nothing(value: float, days: int) -> None:
    assert member_score([value] * days, 20.0) == 0.0


@given(st.lists(st.floats(0.001, 0.5) | st.floats(-0.5, -0.001), min_size=1, max_size=40))
def test_an_error_of_the_mean_is_that_of_newey_and_west(gains: list[float]) -> None:
    found = weight_evidence(gains, 2.0)
    assert found.gain == pytest.approx(math.fsum(gains) / len(gains), rel=1e-12, abs=1e-18)
    plain = plain_t_value(gains)
    # Where the error itself is rounding, so is the ratio.
    if abs(plain) < 1e6 and abs(found.t_value) < 1e6:
        assert found.t_value == pytest.approx(plain, rel=1e-6, abs=1e-9)


@given(DAYS)
def test_each_day_is_weighed_as_by_all_days_before_it(own: list[list[float]]) -> None:
    returns = {f"m{number}": days for number, days in enumerate(own)}
    rules = WeightRules()
    days = len(own[0])
    found = weigh_days(returns, rules)
    # The evidence of each day decides in both alike, so that rounding cannot turn a verdict.
    helps = [weigh_days({name: days_of[:day] for name, days_of in returns.items()}, rules)
             .evidence.learned for day in range(days)]  # fmt: skip
    weights, gains = plain_walk(returns, helps)
    assert found.evidence.days == days
    for mine, plain in zip(found.weights, weights, strict=True):
        assert mine == pytest.approx(plain, rel=1e-9)
    assert found.evidence.gain == pytest.approx(statistics.fmean(gains or [0.0]), abs=1e-12)
    if days >= LEAST_DAYS and abs(plain_t_value(gains) - rules.least_t) > 1e-6:
        assert found.evidence.learned == (plain_t_value(gains) >= rules.least_t)


def test_each_return_is_read_once_however_many_days_follow() -> None:
    reads: Counter[str] = Counter()

    class Return(float):
        """A return that counts how often its value is taken."""

        def as_integer_ratio(self) -> tuple[int, int]:
            reads["ratio"] += 1
            return super().as_integer_ratio()

    returns = {name: [Return(0.001 * (day % 7 - 2)) for day in range(50)] for name in "abc"}
    weigh_days(returns, WeightRules())
    assert reads["ratio"] == 150
