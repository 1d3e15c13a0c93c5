"""The step of a price depends on its band, and the neighbours of a price are on the grid."""

from __future__ import annotations

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sandbox.engines.upbit.price_steps import BANDS, above, below, step_of

D = Decimal


@pytest.mark.parametrize(
    ("price", "step"),
    [
        ("158000000", "1000"), ("1000000", "1000"), ("999500", "500"), ("500000", "500"),
        ("499900", "100"), ("100000", "100"), ("99950", "50"), ("50000", "50"), ("49990", "10"),
        ("10000", "10"), ("9995", "5"), ("5000", "5"), ("4999", "1"), ("100", "1"),
        ("99.9", "0.1"), ("9.99", "0.01"), ("0.999", "0.001"), ("0.0999", "0.0001"),
    ],
)  # fmt: skip
def test_step_of_each_band(price: str, step: str) -> None:
    assert step_of("KRW-BTC", D(price)) == D(step)


def test_some_assets_have_half_a_won() -> None:
    assert step_of("KRW-USDT", D(999)) == D("0.5")
    assert step_of("KRW-USDT", D(1_000)) == D(1)


@given(
    st.sampled_from([start for start, _ in BANDS]),
    st.integers(0, 10_000),
)
def test_neighbours_are_on_the_grid_of_their_own_band(start: Decimal, number: int) -> None:
    price = start + number * step_of("KRW-BTC", start)
    price -= price % step_of("KRW-BTC", price)
    lower, higher = below("KRW-BTC", price), above("KRW-BTC", price)
    assert lower < price < higher
    assert lower % step_of("KRW-BTC", lower) == 0
    assert higher % step_of("KRW-BTC", higher) == 0
    assert above("KRW-BTC", lower) == price
    assert below("KRW-BTC", higher) == price
