"""The table of an order's states."""

from __future__ import annotations

import itertools

import pytest

from executor.model import NEXT_STATES, OPEN_STATES, OrderState, may_follow

S = OrderState
WALKS = [
    (S.INTENT, S.SENT, S.ACCEPTED, S.PARTLY_FILLED, S.FILLED),
    (S.INTENT, S.SENT, S.ACCEPTED, S.CANCELLED),
    (S.INTENT, S.SENT, S.ACCEPTED, S.PARTLY_FILLED, S.EXPIRED),
    (S.INTENT, S.SENT, S.UNKNOWN, S.ACCEPTED, S.FILLED),
    (S.INTENT, S.SENT, S.UNKNOWN, S.DEAD),
    (S.INTENT, S.REJECTED, S.INTENT),
    (S.INTENT, S.ACCEPTED),  # a crash between the request and its note
    (S.CANCELLED, S.FILLED),  # the trade is reported after the end
]
NEVER = [
    (S.FILLED, S.ACCEPTED),
    (S.CANCELLED, S.ACCEPTED),
    (S.REJECTED, S.ACCEPTED),
    (S.PARTLY_FILLED, S.ACCEPTED),
    (S.ACCEPTED, S.INTENT),
    (S.SENT, S.INTENT),
    (S.ACCEPTED, S.DEAD),
]


@pytest.mark.parametrize("walk", WALKS)
def test_an_order_may_walk(walk: tuple[OrderState, ...]) -> None:
    assert all(may_follow(a, b) for a, b in itertools.pairwise(walk))


@pytest.mark.parametrize(("before", "after"), NEVER)
def test_an_order_never_goes_back(before: OrderState, after: OrderState) -> None:
    assert not may_follow(before, after)


def test_every_state_is_in_the_table_and_can_be_reached_from_the_intent() -> None:
    assert set(NEXT_STATES) == set(OrderState)
    reached, found = set(), {OrderState.INTENT}
    while found - reached:
        reached |= found
        found = set().union(*(NEXT_STATES[state] for state in reached))
    assert reached == set(OrderState)


def test_unknown_lies_between_any_two_states_of_an_open_order() -> None:
    for state in OPEN_STATES - {OrderState.UNKNOWN}:
        assert may_follow(state, OrderState.UNKNOWN)
