"""A position: its levels, the order of the checks, and the path within a candle."""

from __future__ import annotations

import math

import pytest

from tests.trading.walked_position import WalkedPosition
from trading.candles import DAY_MS
from trading.market.rows import Rows
from trading.positions.position import (
    BEST,
    EMERGENCY,
    ENTRY,
    POSITION_SIZE,
    REASONS,
    SIDE,
    STOP,
    TARGET,
    TRAIL,
    Exit,
    ExitRules,
    Position,
)
from trading.simulation.engines.plain_trades import row_exit

RULES = ExitRules(take_profit=0.1, stop_loss=0.02, trailing_stop=0.03, emergency_stop=0.05)


def long(rules: ExitRules = RULES, atr: float = math.nan) -> Position:
    return Position(1, 100.0, 2.0, 0, rules, atr)


def short(rules: ExitRules = RULES, atr: float = math.nan) -> Position:
    return Position(-1, 100.0, 2.0, 0, rules, atr)


def test_levels_of_a_long_position():
    position = long()
    assert position.stop_price == 98.0
    assert position.emergency_price == 95.0
    assert position.take_profit_price == pytest.approx(110.0)
    assert position.protective_price == 98.0
    assert position.protective_reason == "stop_loss"
    assert position.trailing_price is None


def test_levels_of_a_short_position():
    position = short()
    assert position.stop_price == 102.0
    assert position.emergency_price == 105.0
    assert position.take_profit_price == 90.0
    assert position.protective_price == 102.0


def test_the_emergency_stop_rests_when_it_is_nearer_than_the_stop():
    position = long(ExitRules(stop_loss=0.08, emergency_stop=0.05))
    assert position.protective_price == 95.0
    assert position.protective_reason == "emergency_stop"


def test_the_atr_stop_lies_its_multiple_away():
    rules = ExitRules(stop_loss=0.0, atr_multiplier=2.5)
    assert long(rules, atr=2.0).stop_price == 95.0
    assert short(rules, atr=2.0).stop_price == 105.0
    assert long(rules, atr=math.nan).stop_price is None


def test_rules_that_are_off_have_no_levels():
    position = long(ExitRules())
    assert position.protective_price is None
    assert position.take_profit_price is None
    assert position.on_price(0.01, 0) is None
    assert position.on_price(1e9, 0) is None


def test_when_all_checks_are_true_they_decide_in_their_order():
    # No market makes all of them true at once: the state is written so that a price of 100 does.
    state = [0.0] * POSITION_SIZE
    state[SIDE], state[ENTRY], state[EMERGENCY], state[STOP] = 1.0, 95.0, 101.0, 101.0
    state[TARGET], state[TRAIL], state[BEST] = 90.0, 0.01, 103.0
    reasons = []
    for check in (EMERGENCY, STOP, TARGET, TRAIL, None):
        code = row_exit(state, Rows([0], *[[100.0]] * 5, []), 0, 1, True, True)
        reasons.append(REASONS[code])
        if check is not None:
            state[check] = 0.0 if check == TRAIL else math.nan
    assert reasons == [
        "emergency_stop",
        "stop_loss",
        "take_profit",
        "trailing_stop",
        "strategy_exit",
    ]


def test_only_a_profit_arms_the_trailing_stop():
    position = long()
    assert position.on_price(102.0, 0) is None
    assert position.trailing_price is None
    assert position.on_price(104.0, 0) is None
    assert position.trailing_price == pytest.approx(100.88)
    assert position.on_price(100.9, 0) is None
    assert position.on_price(100.8, 0) == Exit("trailing_stop", pytest.approx(100.88))


def test_a_short_trails_its_lowest_price():
    position = short()
    assert position.on_price(95.0, 0) is None
    assert position.trailing_price == pytest.approx(97.85)
    assert position.on_price(98.0, 0) == Exit("trailing_stop", pytest.approx(97.85))


def test_a_restored_position_keeps_its_best_price():
    position = long()
    position.on_price(104.0, 0)
    restored = Position(1, 100.0, 2.0, 0, RULES, best_price=position.best_price)
    assert restored.trailing_price == position.trailing_price


@pytest.mark.parametrize(
    ("path", "reason", "price"),
    [
        ((100, 101, 97, 100), "stop_loss", 98.0),
        ((100, 101, 94, 100), "stop_loss", 98.0),  # on the way down the stop is met first
        ((94, 94, 90, 94), "emergency_stop", 95.0),  # the gap jumped over both
        ((97, 97, 96, 97), "stop_loss", 98.0),
        ((100, 111, 97, 100), "stop_loss", 98.0),  # the adverse extreme comes first
        ((100, 111, 99, 105), "take_profit", 110.0),
        ((100, 108, 99, 104), "trailing_stop", 104.76),  # after its high the candle fell back
    ],
)
def test_the_path_of_a_candle_decides_for_a_long_position(path, reason, price):
    assert WalkedPosition(1, 100.0, RULES).candle(*path) == Exit(reason, pytest.approx(price))


@pytest.mark.parametrize(
    ("path", "reason", "price"),
    [
        ((100, 103, 99, 100), "stop_loss", 102.0),
        ((106, 107, 106, 106), "emergency_stop", 105.0),
        ((100, 103, 85, 100), "stop_loss", 102.0),
        ((100, 101, 85, 95), "take_profit", 90.0),
        ((100, 101, 92, 96), "trailing_stop", 94.76),
    ],
)
def test_the_path_of_a_candle_decides_for_a_short_position(path, reason, price):
    assert WalkedPosition(-1, 100.0, RULES).candle(*path) == Exit(reason, pytest.approx(price))


def test_an_armed_trail_is_met_before_the_stop():
    position = WalkedPosition(1, 100.0, RULES)
    assert position.candle(100, 105, 100, 104) is None
    exit_ = position.candle(103, 103, 90, 91)
    assert exit_ == Exit("trailing_stop", pytest.approx(101.85))


def test_the_day_end_closes_at_the_close_after_all_else():
    rules = ExitRules(stop_loss=0.02, day_end=True)
    quiet, falling = (100, 101, 99, 100.5), (100, 101, 97, 100.5)

    def met(path: tuple[float, ...], rules: ExitRules, last_of_day: bool) -> Exit | None:
        return WalkedPosition(1, 100.0, rules).candle(*path, last_of_day=last_of_day)

    assert met(quiet, rules, True) == Exit("day_end", 100.5)
    assert met(falling, rules, True) == Exit("stop_loss", 98.0)
    assert met(quiet, rules, False) is None
    assert met(quiet, RULES, True) is None


def test_a_price_of_the_next_day_ends_the_day():
    position = long(ExitRules(day_end=True))
    assert position.on_price(100.0, DAY_MS - 1) is None
    assert position.on_price(100.0, DAY_MS) == Exit("day_end", None)


@pytest.mark.parametrize(
    ("rules", "touch", "reason"),
    [
        (ExitRules(stop_loss=0.25), 75.0, "stop_loss"),
        (ExitRules(emergency_stop=0.5), 50.0, "emergency_stop"),
        (ExitRules(take_profit=0.5), 150.0, "take_profit"),
    ],
)
def test_a_level_is_met_by_the_touch_of_a_price_or_of_a_candle(rules, touch, reason):
    inside = touch + 0.5 if touch < 100.0 else touch - 0.5
    assert long(rules).on_price(inside, 0) is None
    walked = WalkedPosition(1, 100.0, rules)
    assert walked.candle(100, max(100, inside), min(100, inside), 100) is None
    assert long(rules).on_price(touch, 0) == Exit(reason, touch)
    met = walked.candle(100, max(100, touch), min(100, touch), 100)
    assert met == Exit(reason, touch)


# Shares of powers of two: every level is met to the last digit.


@pytest.mark.parametrize(("side", "near", "armed"), [(1, 191.0, 192.0), (-1, 65.0, 64.0)])
def test_the_trailing_stop_is_armed_by_the_profit_to_the_last_digit(side, near, armed):
    position = Position(side, 128.0, 1.0, 0, ExitRules(trailing_stop=0.25, trailing_arm=0.5))
    assert position.on_price(near, 0) is None
    assert position.trailing_price is None
    assert position.on_price(armed, 0) is None
    level = armed * (1.0 - side * 0.25)
    assert position.trailing_price == level
    assert position.watched_prices == [level]
    assert position.on_price(level + side * 0.5, 0) is None
    assert position.on_price(level, 0) == Exit("trailing_stop", level)


def test_a_trailing_stop_at_the_entry_takes_no_profit():
    rules = ExitRules(trailing_stop=0.25)
    position = Position(1, 96.0, 1.0, 0, rules)
    assert position.on_price(128.0, 0) is None
    assert position.trailing_price is None  # it would lie at 96, the entry
    assert position.on_price(129.0, 0) is None
    assert position.trailing_price == 96.75
    from_entry = Position(1, 96.0, 1.0, 0, ExitRules(trailing_stop=0.25, trailing_from="entry"))
    assert from_entry.trailing_price == 72.0
    assert from_entry.on_price(72.0, 0) == Exit("trailing_stop", 72.0)
    short = Position(-1, 96.0, 1.0, 0, ExitRules(trailing_stop=0.25, trailing_from="entry"))
    assert short.trailing_price == 120.0


@pytest.mark.parametrize(("side", "touch"), [(1, 72.0), (-1, 120.0)])
def test_a_candle_that_opens_or_closes_on_the_trailing_stop_meets_it(side, touch):
    rules = ExitRules(trailing_stop=0.25, trailing_from="entry")
    beyond, before = touch - side, touch + side
    for path in (
        (touch, before, beyond, before),
        (before, before, touch, before),
        (before, 96.0, touch, 96.0),
    ):
        first, one, other, close = path
        walked = WalkedPosition(side, 96.0, rules)
        met = walked.candle(first, max(one, other), min(one, other), close)
        assert met == Exit("trailing_stop", touch)
    walked = WalkedPosition(side, 96.0, rules)
    assert walked.candle(before, max(96.0, before), min(96.0, before), before) is None


def test_levels_at_one_price_are_met_in_the_order_of_their_checks():
    both = ExitRules(stop_loss=0.25, emergency_stop=0.25, trailing_stop=0.25, trailing_from="entry")
    for side, touch in ((1, 72.0), (-1, 120.0)):
        walked = WalkedPosition(side, 96.0, both)
        far = 96.0 - side * 48.0
        assert walked.candle(96, max(96, far), min(96, far), 96) == Exit("emergency_stop", touch)
        assert WalkedPosition(side, 96.0, both).price(touch) == Exit("emergency_stop", touch)
        no_emergency = ExitRules(stop_loss=0.25, trailing_stop=0.25, trailing_from="entry")
        walked = WalkedPosition(side, 96.0, no_emergency)
        assert walked.candle(96, max(96, far), min(96, far), 96) == Exit("stop_loss", touch)


def test_an_average_range_of_nothing_gives_no_stop():
    assert long(ExitRules(atr_multiplier=2.0), atr=0.0).stop_price is None
    assert long(ExitRules(atr_multiplier=0.5), atr=0.5).stop_price == 99.75
    assert long(ExitRules(stop_loss=0.25, atr_multiplier=2.0), atr=1.0).stop_price == 75.0
    assert long(ExitRules(stop_loss=0.5)).best_price == 100.0


def test_a_stop_of_no_true_ranges_is_none():
    assert Position(1, 100.0, 1.0, 0, ExitRules(), atr=2.0).stop_price is None
    assert Position(1, 100.0, 1.0, 0, ExitRules(atr_multiplier=0.5), atr=2.0).stop_price == 99.0
