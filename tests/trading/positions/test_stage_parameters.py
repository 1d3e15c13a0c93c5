"""The parameters of positions that change in stages, which every strategy has."""

from __future__ import annotations

import pytest

from trading.errors import ParameterError
from trading.positions.exit_rules import Addition
from trading.positions.liquidation import liquidation_distance
from trading.research.grid import parse_grid
from trading.simulation import Costs, backtest, search
from trading.strategies.registry import get_strategy, strategy_names
from trading.strategies.shared_parameters import STAGED

BREAKOUT = get_strategy("breakout")


def rules(**values):
    return BREAKOUT.exit_rules(BREAKOUT.resolve(values))


def test_they_are_off_by_default():
    assert not rules().is_staged
    assert BREAKOUT.optional == {parameter.name for parameter in STAGED}
    having = {name for name in strategy_names() if get_strategy(name).has("half_close")}
    staged = {name for name in having if get_strategy(name).optional != BREAKOUT.optional}
    assert staged <= {"surge"}
    assert len(having - staged) >= 8


def test_each_becomes_its_exit_rule():
    made = rules(
        partial_take_profit=" 0.02:0.5, 0.04:0.25 ",
        half_close=0.03,
        time_exit=1.5,
        trailing_arm=0.01,
        leverage=5,
        liquidation_guard=0.2,
        target_volatility=0.02,
        add_first_at=0.01,
        add_first_weight=2,
        add_first_stop=0.015,
        add_second_at=0.02,
    )
    assert made.partials == ((0.02, 0.5), (0.04, 0.25))
    assert (made.half_close, made.time_exit_ms, made.trailing_arm) == (0.03, 5_400_000, 0.01)
    assert (made.leverage, made.liquidation_guard, made.target_volatility) == (5.0, 0.2, 0.02)
    assert made.additions == (Addition(0.01, 2.0, 0.015), Addition(0.02, 1.0, 0.0))


def test_a_position_from_before_they_existed_has_none():
    params = BREAKOUT.resolve({})
    older = {name: value for name, value in params.items() if name not in BREAKOUT.optional}
    # But for the trailing stop, which took profits only.
    profit = {**params, "trailing_from": "profit"}
    assert BREAKOUT.exit_rules(older) == BREAKOUT.exit_rules(profit)


@pytest.mark.parametrize(
    ("values", "sentence"),
    [
        ({"partial_take_profit": "0.02"}, "partial_take_profit = '0.02' is no ladder; write"),
        ({"partial_take_profit": "a:b"}, "partial_take_profit = 'a:b' is no ladder"),
        ({"partial_take_profit": "nan:1"}, "has a number that is not finite"),
        ({"partial_take_profit": "0.02:0.9,0.04:0.9"}, "shares .* with a sum up to 1"),
        ({"add_second_at": 0.06}, "breakout: add_second_at is set without add_first_at"),
        ({"add_first_at": 0.06, "add_second_at": 0.03}, "falls .* do not ascend"),
        ({"leverage": 0.5}, "leverage = 0.5 is out of bounds"),
        (
            {"leverage": 20, "emergency_stop": 0.05},
            "breakout: leverage = 20 liquidates 4.6% from the entry, and the widest stop of 5.0% "
            "must lie 1% before that; give a leverage of 15 or less",
        ),
    ],
)
def test_impossible_values_are_refused_in_one_sentence(values, sentence):
    with pytest.raises(ParameterError, match=sentence) as refused:
        BREAKOUT.resolve(values)
    assert "\n" not in str(refused.value)


def test_the_proposed_leverage_is_the_largest_that_is_accepted():
    values = {"emergency_stop": 0.05, "stop_loss": 0.02}
    assert rules(leverage=15, **values).leverage == 15.0
    with pytest.raises(ParameterError, match="give a leverage of 15 or less"):
        rules(leverage=16, **values)
    assert liquidation_distance(15, 0.004) > 0.06 > liquidation_distance(16, 0.004)


BARE = {"filters": "off", "signal_tf": "15m", "k": 0.2}


@pytest.mark.parametrize(
    "axis", ["half_close=0:0.01:0.005", "partial_take_profit=;0.002:0.5;0.002:0.5,0.004:0.25"]
)
def test_a_search_varies_them_and_finds_what_backtests_find(axis, bitcoin):
    candles = bitcoin.rows(0, 15_000)
    grid = parse_grid([axis, "add_first_at=0,0.004"], BREAKOUT).combinations()
    assert len(grid) == 6
    found = search(BREAKOUT, candles, grid, BARE, Costs(5))
    assert len({result.metrics.total_return for result in found.results}) == 6
    for values, result in zip(grid, found.results, strict=True):
        assert backtest(BREAKOUT, candles, {**BARE, **values}, Costs(5)).metrics == result.metrics


def test_a_ladder_that_is_set_sells_in_parts(bitcoin):
    values = BARE | {"partial_take_profit": "0.002:0.5,0.004:0.25"}
    fills = backtest(BREAKOUT, bitcoin.rows(0, 15_000), values, Costs(5)).fills
    assert "partial_take_profit" in fills.reason.tolist()
