"""Live against research: equal decisions, and a gap that is attributed to the last part."""

from __future__ import annotations

from dataclasses import replace

import pytest

from trading.research.evidence.parity import (
    MadeDecision,
    MadeFill,
    MadeTrade,
    compare_decisions,
    compare_trades,
    funding_paid,
)
from trading.research.evidence.sequential import Stakes
from trading.research.evidence.unseen_days import Frozen, UnseenDay, follow

ENTRY = MadeDecision(60_000, "enter", 1, 100.0, atr=2.0, stop=95.0)
BAND = 0.005


def test_equal_decisions_are_equal_and_rounding_is_no_difference() -> None:
    close = replace(ENTRY, atr=2.0 * (1 + 1e-9))
    (found,) = compare_decisions([ENTRY], [close])
    assert (found.verdict, found.reason) == ("equal", "")


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"side": -1}, "side 1 live, -1 in the replay"),
        ({"stop": None}, "stop 95 live, none in the replay"),
        ({"price": 101.0}, "price 100 live, 101 in the replay"),
    ],
)
def test_another_value_is_a_difference_that_names_it(change: dict[str, float], reason: str) -> None:
    (found,) = compare_decisions([ENTRY], [replace(ENTRY, **change)])  # type: ignore[arg-type]
    assert (found.verdict, found.reason) == ("different", reason)


def test_a_decision_of_one_side_only_is_a_difference() -> None:
    (ours,) = compare_decisions([ENTRY], [])
    (theirs,) = compare_decisions([], [ENTRY])
    assert ours.verdict == theirs.verdict == "different"
    assert ours.reason == "the executor decided to enter long at 100, the replay does not"
    assert theirs.reason == "the replay decides to enter long at 100, the executor did not"


def test_a_decision_that_could_not_be_heard_is_explained() -> None:
    (found,) = compare_decisions([], [replace(ENTRY, unheard="the executor was killed")])
    assert (found.verdict, found.reason) == ("explained", "the executor was killed")


def trade(
    entry: float, end: float, *, late_ms: int = 0, ended: str = "take_profit", side: int = 1
) -> MadeTrade:
    """Ten units in and out; fees of 0.05 %."""
    fills = (
        MadeFill(60_000 + late_ms, "", 10.0, entry),
        MadeFill(600_000 + late_ms, ended, -10.0, end),
    )
    return MadeTrade(side, fills, ended, (entry + end) * 10 * 0.0005, 0.0)


def test_an_equal_trade_leaves_nothing_to_attribute() -> None:
    found = compare_trades(trade(100.0, 103.0), trade(100.0, 103.0), BAND)
    assert found.verdict == "equal"
    assert (found.gap, found.fees, found.slippage, found.latency, found.rest) == (0, 0, 0, 0, 0)


@pytest.mark.parametrize("side", [1, -1])
def test_the_gap_is_the_sum_of_its_parts(side: int) -> None:
    live = replace(trade(100.1, 102.8, side=side), fees=1.5, funding=0.4)
    found = compare_trades(live, trade(100.0, 103.0, side=side), BAND)
    parts = found.fees + found.funding + found.slippage + found.latency + found.rest
    assert found.gap == pytest.approx(parts, abs=1e-15)
    assert found.funding == pytest.approx(-0.4 / 1001)
    assert found.slippage == pytest.approx(-side * 0.003)
    assert abs(found.rest) < 1e-4  # second order: both are fractions of their own entry


def test_worse_prices_of_late_fills_are_latency() -> None:
    found = compare_trades(trade(100.1, 102.9, late_ms=1_500), trade(100.0, 103.0), BAND)
    assert found.slippage == 0.0
    assert found.latency == pytest.approx(-0.002)
    assert found.delay_ms == 1_500


def test_a_gap_beyond_the_band_is_a_difference() -> None:
    found = compare_trades(trade(100.0, 102.0), trade(100.0, 103.0), BAND)
    assert found.verdict == "different"
    assert found.reason == "the prices lie 100.0 bp apart; the band is 50 bp"


def test_another_end_within_the_band_is_explained_and_beyond_it_different() -> None:
    near = compare_trades(
        trade(100.0, 99.9, ended="trailing_stop"), trade(100.0, 99.8, ended="stop_loss"), BAND
    )
    far = compare_trades(
        trade(100.0, 103.0, ended="take_profit"), trade(100.0, 97.0, ended="stop_loss"), BAND
    )
    assert near.verdict == "explained"
    assert far.verdict == "different"
    assert far.reason.startswith("ended by take_profit live, by stop_loss in the replay")


def test_an_operators_close_is_explained_whatever_it_cost() -> None:
    found = compare_trades(trade(100.0, 90.0, ended="operator"), trade(100.0, 103.0), BAND)
    assert found.verdict == "explained"
    assert "operator" in found.reason


def test_a_replay_that_is_still_open_is_valued_at_its_last_price() -> None:
    still = replace(
        trade(100.0, 100.0), fills=(MadeFill(60_000, "", 10.0, 100.0),), ended="", last_price=104.0
    )
    assert still.gross_return == pytest.approx(0.04)
    assert compare_trades(trade(100.0, 99.0), still, BAND).verdict == "different"


def test_funding_is_paid_on_what_is_held_at_its_time() -> None:
    fills = (MadeFill(10, "", 2.0, 100.0), MadeFill(30, "take_profit", -2.0, 101.0))
    rates, prices = {5: 0.1, 20: 0.01, 40: 0.1}, {5: 99.0, 20: 100.0, 40: 102.0}
    assert funding_paid(1, fills, rates, prices) == pytest.approx(2.0)
    assert funding_paid(-1, fills, rates, prices) == pytest.approx(-2.0)


def test_a_day_that_differs_takes_one_state_away_whatever_it_earned() -> None:
    frozen = Frozen(Stakes((1.0,)), envelope=0.5)
    days = [UnseenDay(day, 0.001, 0.001, 1) for day in range(3)]
    days[1] = replace(days[1], difference="breakout BTCUSDT 14:45: the replay does not")
    followed = follow(frozen, days, alpha=0.05)
    assert [day.state for day in followed] == ["proven", "unproven"]
    assert followed[1].demoted
    assert followed[1].reason == (
        "live trading differs from its replay: breakout BTCUSDT 14:45: the replay does not"
    )
