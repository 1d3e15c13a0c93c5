"""The risk of a run by its days and trades, against figures worked out by hand."""

from __future__ import annotations

import pytest

from trading.research.day_risk import day_risk, quality_number, run_up, sharpe, value_at_risk


def test_the_run_up_is_from_a_low_to_a_later_high() -> None:
    assert run_up((1.0, 0.8, 1.2, 0.9, 1.1)) == pytest.approx(0.5)
    assert run_up((1.0, 0.5)) == 0.0


def test_the_quality_number_of_ten_trades() -> None:
    # Five of +3 % and five of -1 %: mean 1 %, squares 10 × (2 %)², deviation √(0.004/9).
    assert quality_number([0.03, -0.01] * 5) == pytest.approx(1.5)
    assert quality_number([0.03, -0.01] * 4) is None
    assert quality_number([0.01] * 10) is None


def test_the_value_at_risk_is_the_twentieth_worst_share_of_days() -> None:
    # 21 days: the quantile of 5 % is the second worst; beyond it lie -10 % and -4 %.
    returns = [-0.10, -0.04, *[0.01] * 19]
    assert value_at_risk(returns) == pytest.approx((-0.04, -0.07))


@pytest.mark.parametrize(
    ("days", "trades", "carried"), [(20, 10, True), (19, 10, False), (20, 9, False)]
)
def test_what_too_few_days_or_trades_carry_is_none(days: int, trades: int, carried: bool) -> None:
    found = day_risk(
        [0.01, -0.02] * 9 + [0.02] * (days - 18), [0.01, -0.02] * 4 + [0.1] * (trades - 8)
    )
    assert found is not None
    assert [one is not None for one in found[4:7]] == [carried] * 3
    assert (found.quality is not None) == (trades >= 10)


def test_days_and_trades_are_counted_as_they_are() -> None:
    found = day_risk([0.01, -0.02], [0.01, -0.02])
    assert found is not None
    assert (found.best_day, found.worst_day, found.days_won, found.days) == (0.01, -0.02, 1, 2)
    assert found.run_up == pytest.approx(0.01)
    assert day_risk([], [0.1]) is None
    assert day_risk([0.1], []) is None


def test_days_without_a_change_have_no_ratio() -> None:
    assert sharpe([0.0] * 30) == 0.0
    assert sharpe([0.01] * 30) == 0.0
