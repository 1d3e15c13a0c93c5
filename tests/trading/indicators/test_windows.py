"""Re-anchored windows: exact, and independent of what came before."""

from __future__ import annotations

import math
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from trading.indicators.windows import moments_size, moments_step
from trading.jit.compiler import twin

SPAN = 7


def moments_of(turns, values, span=SPAN):
    state = [0.0] * moments_size(span)
    return [moments_step(state, 0, span, turn, v) for turn, v in zip(turns, values, strict=True)]


def test_mean_and_variance_are_those_of_the_last_values():
    random = np.random.default_rng(5)
    values = (100.0 + np.cumsum(random.normal(0, 0.4, 400))).tolist()
    for span in (2, 5, 20, 80):
        for i, (mean, variance) in enumerate(moments_of(range(1_000, 1_400), values, span)):
            if i < span - 1:
                assert math.isnan(mean)
                assert math.isnan(variance)
            else:
                window = values[i + 1 - span : i + 1]
                assert mean == pytest.approx(np.mean(window), rel=1e-12)
                assert variance == pytest.approx(np.var(window), rel=1e-9, abs=1e-9)


def test_a_flat_market_has_its_price_as_the_mean_and_no_variance():
    for mean, variance in moments_of(range(40), [0.1] * 40)[SPAN - 1 :]:
        assert (mean, variance) == (0.1, 0.0)


@st.composite
def histories(draw: st.DrawFn):
    count = draw(st.integers(SPAN + 1, 60))
    gaps = draw(st.lists(st.sampled_from([1, 1, 1, 2, 9]), min_size=count, max_size=count))
    turns = np.cumsum(gaps).tolist()
    values = draw(st.lists(st.floats(0.01, 1e5), min_size=count, max_size=count))
    return turns, values, draw(st.integers(1, count - SPAN))


@settings(max_examples=200, deadline=None)
@given(histories())
def test_a_later_start_gives_the_same_bits_after_one_window(history):
    turns, values, start = history
    late = moments_of(turns[start:], values[start:])[SPAN - 1 :]
    assert late == moments_of(turns, values)[start + SPAN - 1 :]


def test_compiled_and_plain_windows_are_equal_to_the_bit():
    random = np.random.default_rng(6)
    values = (0.3 + np.cumsum(random.normal(0, 0.001, 3_000))).tolist()
    fast, state = twin(moments_step), np.zeros(moments_size(480))
    found = [fast(state, 0, 480, turn, value) for turn, value in enumerate(values)]
    plain = moments_of(range(3_000), values, 480)
    assert np.array(found).tobytes() == np.array(plain).tobytes()


MARKETS = {
    "a coin of 1e-8": (1e-8, 1e-11),
    "volumes of 1e13": (1e13, 4e12),
    "hardly moving": (60_000.0, 1e-6),
}


def exact(window):
    """Mean and variance without rounding."""
    numbers = [Fraction(value) for value in window]
    mean = sum(numbers) / len(numbers)
    return mean, sum((number - mean) ** 2 for number in numbers) / len(numbers)


@pytest.mark.parametrize("market", MARKETS)
def test_the_size_of_the_numbers_costs_no_precision(market):
    size, deviation = MARKETS[market]
    values = np.abs(np.random.default_rng(7).normal(size, deviation, 700)).tolist()
    found = moments_of(range(700), values, 480)
    for i in range(0, 221, 17):
        mean, variance = found[i + 479]
        true_mean, true_variance = exact(values[i : i + 480])
        assert abs(Fraction(mean) / true_mean - 1) < 1e-14
        assert abs(Fraction(variance) / true_variance - 1) < 1e-9


def test_one_huge_volume_leaves_nothing_behind():
    """Sums that run across it would keep its rounding errors."""
    values = [3.0, 5.0, 1e13, 4.0, 7.0, 2.0] + [float(1 + i % 3) for i in range(30)]
    found = moments_of(range(len(values)), values, 5)
    for i in range(4, len(values)):
        mean, variance = exact(values[i - 4 : i + 1])
        largest = max(values[i - 4 : i + 1])
        assert abs(found[i][0] - mean) <= 1e-15 * largest
        assert abs(found[i][1] - variance) <= 1e-15 * largest**2
