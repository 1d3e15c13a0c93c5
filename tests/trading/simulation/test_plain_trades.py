"""The range in which a candle changes nothing: levels of a long position to the last digit."""

from __future__ import annotations

import math

import pytest

from trading.positions.exit_rules import ExitRules
from trading.positions.position import BEST, POSITION_SIZE, open_position
from trading.simulation.engines.plain_trades import (
    EARLY,
    arming_price,
    calm_range,
    growth_of,
    nearest_stop,
)


def opened(rules: ExitRules, best: float = 128.0) -> list[float]:
    state = [0.0] * POSITION_SIZE
    open_position(state, 1, 128.0, math.nan, rules.shares)
    state[BEST] = best
    return state


@pytest.mark.parametrize(
    ("rules", "arms_at"),
    [
        (ExitRules(trailing_stop=0.5), 256.0),  # half of it is the entry
        (ExitRules(trailing_stop=0.5, trailing_arm=0.5), 256.0),
        (ExitRules(trailing_stop=0.5, trailing_arm=2.0), 384.0),
        (ExitRules(trailing_stop=0.5, trailing_from="entry"), 128.0),
        (ExitRules(trailing_stop=0.5, trailing_from="entry", trailing_arm=0.25), 160.0),
    ],
)
def test_the_trailing_stop_is_armed_by_its_profit_and_beyond_the_entry(rules, arms_at):
    assert arming_price(opened(rules)) == arms_at - EARLY * 128.0
    assert 0.0 < EARLY < 1e-6


@pytest.mark.parametrize(
    ("rules", "best", "lower", "upper"),
    [
        (ExitRules(stop_loss=0.25, take_profit=0.5), 128.0, 96.0, 192.0),
        (ExitRules(stop_loss=0.25, emergency_stop=0.125, take_profit=0.5), 128.0, 112.0, 192.0),
        (ExitRules(stop_loss=0.125, emergency_stop=0.25, take_profit=0.5), 128.0, 112.0, 192.0),
        (ExitRules(emergency_stop=0.25, take_profit=0.5), 128.0, 96.0, 192.0),
        # An armed trailing stop: every new best price matters.
        (ExitRules(stop_loss=0.25, trailing_stop=0.5), 512.0, 256.0, 512.0),
        (ExitRules(trailing_stop=0.5), 512.0, 256.0, 512.0),
        (ExitRules(take_profit=1.0, trailing_stop=0.5), 128.0, math.nan, 256.0),
        (ExitRules(take_profit=3.5, trailing_stop=0.5), 512.0, 256.0, 512.0),
    ],
)
def test_between_the_levels_a_candle_changes_nothing(rules, best, lower, upper):
    assert calm_range(opened(rules, best)) == pytest.approx((lower, upper), nan_ok=True)


def test_the_nearest_stop_is_the_higher_one_of_a_long():
    assert math.isnan(nearest_stop(opened(ExitRules())))
    assert nearest_stop(opened(ExitRules(stop_loss=0.25))) == 96.0


def test_growth_takes_the_fees_of_both_fills():
    assert growth_of(100.0, 150.0, 0.0) == 1.5
    assert growth_of(100.0, 150.0, 0.01) == pytest.approx(1.5 * 0.99 / 1.01)
