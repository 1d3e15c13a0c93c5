"""The grid of an exchange in floats, digit for digit as in decimals."""

from __future__ import annotations

import math
from decimal import Decimal

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from executor.model import Instrument
from sandbox.engines.common.money import money
from sandbox.market.price_path import next_stop
from trading.simulation.account.exchange_fills import (
    in_cents,
    nearer,
    nearest_tick,
    quote,
    tick_above,
    tick_below,
    whole_steps,
)

TICKS = {10.0: Decimal("0.1"), 100.0: Decimal("0.01"), 10_000.0: Decimal("0.0001")}
ticks_a_unit = st.sampled_from(sorted(TICKS))
prices = st.floats(0.01, 200_000.0, allow_nan=False)
counts = st.integers(1, 2_000_000)
HALVES = st.integers(1, 4_000_000).map(lambda n: n / 20.0)  # on ticks of 0.1, and between two


def exact(value: float) -> Decimal:
    return Decimal(repr(value))


def instrument(tick: Decimal, step: str = "0.001") -> Instrument:
    return Instrument("X", tick, Decimal(step), Decimal(0), Decimal(10**9), Decimal(0))


@given(prices | HALVES, ticks_a_unit)
@example(2457.15, 10.0)
@example(2457.05, 10.0)
def test_an_order_rests_where_the_executor_rounds_it_to(price: float, ticks: float) -> None:
    rests = nearest_tick(price, ticks) / ticks
    assert rests == float(instrument(TICKS[ticks]).round_price(price))


@given(prices | HALVES, ticks_a_unit)
def test_a_level_lies_between_its_two_ticks(price: float, ticks: float) -> None:
    tick = TICKS[ticks]
    assert tick_below(price, ticks) == math.floor(exact(price) / tick)
    assert tick_above(price, ticks) == math.ceil(exact(price) / tick)


@pytest.mark.parametrize(
    ("price", "ticks", "below", "above"),
    [
        (0.29, 100.0, 29.0, 29.0),  # 0.29 × 100 is less than 29
        (math.nextafter(0.3, 0.0), 10.0, 2.0, 3.0),  # and this × 10 is 3
        (0.5, 10.0, 5.0, 5.0),
        (0.25, 10.0, 2.0, 3.0),
        (1e-8, 1e8, 1.0, 1.0),
        (1_000_000.1, 10.0, 10_000_001.0, 10_000_001.0),
    ],
)
def test_a_price_lies_on_its_tick_or_between_two(
    price: float, ticks: float, below: float, above: float
) -> None:
    assert (tick_below(price, ticks), tick_above(price, ticks)) == (below, above)


@given(counts, counts, st.lists(prices | HALVES, max_size=4), ticks_a_unit)
def test_a_path_stops_where_the_sandboxs_stops(
    start: int, goal: int, levels: list[float], ticks: float
) -> None:
    price, end = start / ticks, goal / ticks
    found = end
    for level in levels:
        found = nearer(found, level, price, ticks)
    tick = TICKS[ticks]
    there = next_stop(start * tick, goal * tick, [exact(level) for level in levels], tick)
    assert exact(found) == there


@given(st.integers(1, 10**9), counts, st.sampled_from([5, 4, 2]))
def test_a_fee_is_cut_to_eight_decimals_as_the_wallets(size: int, price: int, rate: int) -> None:
    """Products of up to nine decimals: halves of the last one are common."""
    quantity = size / 1_000.0
    if quantity * price / 100.0 * rate / 10_000.0 > 10_000.0:
        return
    fee = money(exact(quantity) * exact(price / 100.0) * Decimal(rate) / 10_000)
    assert in_cents(quantity * (price / 100.0) * (rate / 10_000.0)) == float(fee)


@given(st.floats(0.001, 100_000.0, allow_nan=False))
def test_a_quantity_is_cut_to_the_executors_steps(quantity: float) -> None:
    wanted = Decimal(f"{quantity:.10g}")
    steps = wanted * 1_000
    if 0 < math.ceil(steps) - steps < Decimal("0.001"):
        return  # a hair below a step: ten digits cannot tell which of the two it is
    assert whole_steps(quantity, 1_000.0) == float(instrument(TICKS[10.0]).floor_quantity(wanted))


@pytest.mark.parametrize(("direction", "paid"), [(1.0, 50_000.2), (-1.0, 50_000.0)])
def test_the_market_gives_a_tick_less_than_its_price(direction: float, paid: float) -> None:
    assert quote(50_000.1, direction, 10.0) == paid
