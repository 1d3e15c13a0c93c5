"""The budget of looks: whatever happens, all looks together spend no more than alpha."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from trading.errors import DataError
from trading.research.evidence.budget import NEW_DAYS, share_of_budget, spent_by_look


def test_the_first_look_spends_half_of_the_share_and_later_ones_less() -> None:
    assert [spent_by_look(0.012, look) for look in (1, 2, 3)] == pytest.approx(
        [0.006, 0.002, 0.001]
    )


def test_the_strategies_of_the_first_night_share_most_of_the_budget() -> None:
    assert share_of_budget(0.05, 0.0, 4, 4) == pytest.approx(0.01)
    assert share_of_budget(0.05, 0.04, 1, 5) == pytest.approx(0.008)


def test_a_late_strategy_gets_no_more_than_the_others_got() -> None:
    # Three of four were opened; the fourth alone does not take what is left for all.
    assert share_of_budget(0.05, 0.03, 1, 4) == pytest.approx(0.01)


def test_an_empty_budget_gives_nothing() -> None:
    assert share_of_budget(0.05, 0.06, 1, 1) == 0.0


@given(
    nights=st.lists(st.integers(1, 20), min_size=1, max_size=30),
    looks=st.integers(1, 200),
    alpha=st.floats(0.001, 0.5),
)
def test_all_looks_of_all_strategies_together_spend_at_most_alpha(
    nights: list[int], looks: int, alpha: float
) -> None:
    spent = opened = 0.0
    for opening in nights:
        opened += opening
        share = share_of_budget(alpha, spent, opening, int(opened))
        assert share > 0.0
        assert sum(spent_by_look(share, look + 1) for look in range(looks)) < share
        spent += share * opening
    assert spent <= alpha


@pytest.mark.parametrize("alpha", [0.0, 1.0])
def test_a_budget_that_is_no_chance_is_refused(alpha: float) -> None:
    with pytest.raises(DataError, match="between 0 and 1"):
        share_of_budget(alpha, 0.0, 1, 1)


def test_there_is_no_look_before_the_first() -> None:
    with pytest.raises(DataError, match="from 1"):
        spent_by_look(0.05, 0)


def test_a_second_look_needs_a_month_of_new_days() -> None:
    assert NEW_DAYS == 30
