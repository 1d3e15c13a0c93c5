"""A position of small quantities, as the executor sees it, through all of its stages."""

from __future__ import annotations

import math

import pytest

from trading.positions.exit_rules import Addition, ExitRules
from trading.positions.staged_position import Action, StagedEntry, StagedPosition

RULES = ExitRules(
    stop_loss=0.5,
    emergency_stop=0.625,
    half_close=0.5,
    additions=(Addition(0.125, 1.0, 0.375), Addition(0.25, 1.0, 0.25)),
)
ENTRY = StagedEntry(1, 128.0, 0.25, 0)


def done(position: StagedPosition, price: float, kind: str, reason: str) -> Action:
    """Let the price act and fill all of it there."""
    action = position.on_price(price, 0)
    assert action is not None
    assert (action.kind, action.reason) == (kind, reason)
    position.filled(action, action.quantity, price)
    return action


def test_additions_of_less_than_one_coin_reach_their_stages_and_return():
    position = StagedPosition(ENTRY, RULES)
    assert (position.stage, position.stop_price, position.emergency_price) == (
        "initial",
        64.0,
        48.0,
    )
    assert done(position, 112.0, "add", "add_first").quantity == pytest.approx(0.25 * 128 / 112)
    assert position.stage == "first"
    average = 64.0 / position.quantity
    assert position.average_price == pytest.approx(average)
    assert position.stop_price == pytest.approx(average * 0.625)
    done(position, 96.0, "add", "add_second")
    assert position.stage == "second"
    assert position.quantity == pytest.approx(32.0 / 128 + 32.0 / 112 + 32.0 / 96)
    done(position, 112.0, "reduce", "return_to_first")
    assert position.stage == "second_returned"
    done(position, 128.0, "reduce", "return_to_initial")
    assert position.stage == "all_returned"
    assert position.quantity == pytest.approx(0.25)
    last = position.on_price(1.0, 0)
    assert last is not None
    assert last.kind == "close"
    position.filled(last, position.quantity, 1.0)
    assert (position.stage, position.quantity) == ("flat", 0.0)


def test_a_first_addition_that_returned_is_a_stage_of_its_own():
    position = StagedPosition(ENTRY, RULES)
    done(position, 112.0, "add", "add_first")
    done(position, 128.0, "reduce", "return_to_initial")
    assert position.stage == "first_returned"
    done(position, 96.0, "add", "add_second")
    assert position.stage == "second_alone"


def test_the_nearest_stop_rests_and_is_named():
    position = StagedPosition(ENTRY, RULES)
    assert (position.protective_price, position.protective_reason) == (64.0, "stop_loss")
    wide = StagedPosition(ENTRY, ExitRules(stop_loss=0.5, emergency_stop=0.25))
    assert (wide.protective_price, wide.protective_reason) == (96.0, "emergency_stop")
    short = StagedPosition(StagedEntry(-1, 128.0, 0.25, 0), ExitRules(stop_loss=0.5))
    assert (short.protective_price, short.protective_reason) == (192.0, "stop_loss")
    guarded = ExitRules(leverage=4.0, liquidation_guard=0.5, maintenance=0.0)
    held = StagedPosition(ENTRY, guarded)
    # Liquidated at 96: three quarters of the entry; half of the way is left at 112.
    assert held.protective_price == pytest.approx(112.0)
    assert held.protective_reason == "liquidation_guard"
    assert StagedPosition(ENTRY, ExitRules()).protective_price is None


def test_levels_in_the_market_replace_those_of_the_rules():
    entry = StagedEntry(1, 128.0, 0.25, 0, math.nan, 100.0, 160.0)
    position = StagedPosition(entry, ExitRules(stop_loss=0.5, take_profit=0.5, tolerance=0.25))
    assert (position.stop_price, position.take_profit_price) == (75.0, 160.0)


def test_a_restored_position_keeps_its_best_price():
    rules = ExitRules(trailing_stop=0.25)
    position = StagedPosition(ENTRY, rules, best_price=256.0)
    assert position.best_price == 256.0
    assert position.watched_prices == [192.0]
    position.best_price = 512.0
    assert position.watched_prices == [384.0]


def test_steps_of_the_ladder_that_are_too_small_are_passed_over():
    rules = ExitRules(partials=((0.25, 0.1), (0.5, 0.4), (0.75, 0.1)))
    position = StagedPosition(ENTRY, rules)
    assert position.watched_prices == [160.0]
    position.pass_over(0.025)
    assert position.watched_prices == [160.0]  # a tenth of 0.25 is just enough
    position.pass_over(0.026)
    assert position.watched_prices == [192.0]
    assert done(position, 192.0, "reduce", "partial_take_profit").quantity == pytest.approx(0.1)
    position.pass_over(1.0)
    assert position.watched_prices == []
