"""Re-anchored windows: exact, the same whatever was seen before, and cheap."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from trading.compiled import twin
from trading.surge.windows import moments_size, moments_step

SPAN = 7


def told(turns, values, span=SPAN):
    state = [0.0] * moments_size(span)
    return [moments_step(state, 0, span, turn, v) for turn, v in zip(turns, values, strict=True)]


def test_mean_and_variance_are_those_of_the_last_values():
    random = np.random.default_rng(5)
    values = (100.0 + np.cumsum(random.normal(0, 0.4, 400))).tolist()
    for span in (2, 5, 20, 80):
        for i, (mean, variance) in enumerate(told(range(1_000, 1_400), values, span)):
            if i < span - 1:
                assert math.isnan(mean)
                assert math.isnan(variance)
            else:
                window = values[i + 1 - span : i + 1]
                assert mean == pytest.approx(np.mean(window), rel=1e-12)
                assert variance == pytest.approx(np.var(window), rel=1e-9, abs=1e-9)


def test_a_flat_market_has_its_price_as_the_mean_and_no_variance():
    for mean, variance in told(range(40), [0.1] * 40)[SPAN - 1 :]:
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
    late = told(turns[start:], values[start:])[SPAN - 1 :]
    assert late == told(turns, values)[start + SPAN - 1 :]


def test_compiled_and_plain_windows_are_equal_to_the_bit():
    random = np.random.default_rng(6)
    values = (0.3 + np.cumsum(random.normal(0, 0.001, 3_000))).tolist()
    fast, state = twin(moments_step), np.zeros(moments_size(480))
    found = [fast(state, 0, 480, turn, value) for turn, value in enumerate(values)]
    plain = told(range(3_000), values, 480)
    assert np.array(found).tobytes() == np.array(plain).tobytes()


def test_the_state_does_not_grow_and_a_candle_costs_the_same_in_a_longer_window():
    """Work is counted, not timed: numbers read and written a candle."""

    class Counting(list):
        uses = 0

        def __getitem__(self, place):
            self.uses += 1
            return super().__getitem__(place)

        def __setitem__(self, place, value):
            self.uses += 1
            super().__setitem__(place, value)

    uses = []
    for span in (50, 500):
        state = Counting([0.0] * moments_size(span))
        for turn in range(5_000):
            moments_step(state, 0, span, turn, 100.0 + turn % 7)
        assert len(state) == moments_size(span)
        uses.append(state.uses / 5_000)
    assert uses[1] < 1.1 * uses[0] < 50
