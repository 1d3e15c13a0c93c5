"""Declarations of strategies, and their decisions on closed candles."""

from __future__ import annotations

import math

import pytest

from tests.trading.quick_values import quick_values
from trading.candles import DAY_MS, HOUR_MS, Candle
from trading.errors import ParameterError
from trading.strategies.decider import Decider
from trading.strategies.registry import get_strategy, strategy_names

BREAKOUT = get_strategy("breakout")
RSI_BOLLINGER = get_strategy("rsi_bollinger")


TECHNICAL = {
    "bb_breakout",
    "breakout",
    "combined",
    "dynamic_breakout",
    "momentum",
    "pullback",
    "rsi_bollinger",
    "wave",
}


def test_the_technical_strategies_are_known_by_name():
    assert set(strategy_names()) >= TECHNICAL
    assert [get_strategy(name).name for name in strategy_names()] == strategy_names()


def test_an_unknown_strategy_is_refused_with_the_known_names():
    with pytest.raises(
        ParameterError,
        match=r"'breakut' is not known \(did you mean 'breakout'\?\); known are .*breakout, comb",
    ):
        get_strategy("breakut")


@pytest.mark.parametrize("name", strategy_names())
def test_a_strategy_gives_a_reason_for_every_decision_on_real_candles(name, bitcoin):
    decider = Decider(get_strategy(name), quick_values(name), 60_000)
    seen = [decider.on_candle(bitcoin.candle(row)) for row in range(4_000)]
    assert all(decision.reason.strip() for decision in seen)
    assert len({decision.reason.split()[0] for decision in seen}) > 1
    entered = [decision for decision in seen if decision.action == "enter"]
    assert all(decision.values for decision in entered)


def test_resolve_adds_defaults_and_parses_text():
    params = BREAKOUT.resolve({"k": "0.35", "filters": "off"})
    assert params["k"] == 0.35
    assert params["filters"] == "off"
    assert params["take_profit"] == 0.05
    assert params["signal_tf"] == "1h"
    assert params["filter_tf"] == "4h"


@pytest.mark.parametrize(
    ("values", "sentence"),
    [
        ({"k": 7}, "breakout: k = 7 is out of bounds; give a number between 0 and 2"),
        ({"k": "nan"}, "breakout: k = nan is out of bounds"),
        ({"k": "much"}, "breakout: k = 'much' is not a number"),
        ({"depth": 1}, "breakout has no parameter 'depth'; it has k, trigger, take_profit"),
        ({"filters": "maybe"}, "breakout: filters = 'maybe' is not one of on, off"),
        ({"signal_tf": "7m"}, "breakout: signal_tf = 7m does not divide a day"),
        ({"signal_tf": "fast"}, "interval 'fast' is not known"),
        ({"trend_span": 2.5}, "breakout: trend_span = 2.5 is not a whole number"),
    ],
)
def test_a_wrong_parameter_is_refused_in_one_sentence(values, sentence):
    with pytest.raises(ParameterError) as refused:
        BREAKOUT.resolve(values)
    assert str(refused.value).startswith(sentence)
    assert "\n" not in str(refused.value)


def test_without_filters_there_is_neither_trailing_nor_emergency_stop():
    values = {"trailing_stop": 0.02, "emergency_stop": 0.05}
    guarded = BREAKOUT.exit_rules(BREAKOUT.resolve(values))
    bare = BREAKOUT.exit_rules(BREAKOUT.resolve(values | {"filters": "off"}))
    assert (guarded.trailing_stop, guarded.emergency_stop) == (0.02, 0.05)
    assert (bare.trailing_stop, bare.emergency_stop) == (0.0, 0.0)
    assert guarded.day_end
    assert not RSI_BOLLINGER.exit_rules(RSI_BOLLINGER.resolve({})).day_end


def hourly(prices: list[float], start: int = 0) -> list[Candle]:
    return [Candle(start + i * HOUR_MS, p, p + 1.0, p - 1.0, p) for i, p in enumerate(prices)]


def decisions(strategy, values, candles):
    decider = Decider(strategy, values, HOUR_MS)
    return [decider.on_candle(candle) for candle in candles]


def test_breakout_gives_its_reasons_to_enter_and_to_hold():
    yesterday = hourly([100.0] * 24)  # range 2, target = open + 1
    today = hourly([100.0, 101.0, 101.5, 102.0], DAY_MS)
    out = decisions(BREAKOUT, {"filters": "off"}, yesterday + today)
    assert out[5].reason == "no target: the calendar day before is not whole"
    assert [d.action for d in out[24:]] == ["hold", "hold", "enter", "hold"]
    assert out[25].reason == "close 101 not above target 101"
    assert out[26].reason == "entered: close 101.5 above target 101"
    assert out[27].reason == "entered today already: close 102 above target 101"
    crossing = decisions(BREAKOUT, {"filters": "off", "trigger": "cross"}, yesterday + today)
    assert crossing[27].reason == "no new cross: last close 101.5 already above target 101"
    assert out[26].values == {"seen": 101.5, "limit": 101.0}


def test_the_range_of_a_day_in_which_the_candles_begin_is_no_yesterdays_range():
    """The day's first hour moved by 40: its range is not known to one who came an hour late."""
    first = [*hourly([140.0]), *hourly([100.0] * 23, HOUR_MS)]
    second = hourly([100.0, 103.0, *[100.0] * 22], DAY_MS)
    third = hourly([100.0, 103.0], 2 * DAY_MS)
    late = decisions(BREAKOUT, {"filters": "off"}, [*first[1:], *second, *third])
    assert [d.action for d in late].index("enter") == 23 + 24 + 1
    assert late[23 + 1].reason == "no target: the calendar day before is not whole"
    whole = decisions(BREAKOUT, {"filters": "off", "k": 0.05}, [*first, *second, *third])
    assert [d.action for d in whole].index("enter") == 24 + 1


def test_breakout_holds_on_the_last_candle_of_a_day():
    yesterday = hourly([100.0] * 24)
    today = hourly([100.0] * 23 + [105.0], DAY_MS)
    out = decisions(BREAKOUT, {"filters": "off"}, yesterday + today)
    assert out[-1].reason == "entry held: the day's last candle"


def test_rsi_bollinger_buys_weakness_and_sells_strength():
    falling = [100.0 + (i % 2) for i in range(30)] + [90.0]
    rising = [100.0 + (i % 2) for i in range(30)] + [120.0]
    values = {"filters": "off", "rsi_span": 5}
    bought = decisions(RSI_BOLLINGER, values, hourly(falling))[-1]
    sold = decisions(RSI_BOLLINGER, values, hourly(rising))[-1]
    assert bought.action == "enter"
    assert bought.reason.startswith("entered: RSI ")
    assert sold.action == "exit"
    assert sold.reason.startswith("exit: RSI ")


FILTERED = {"signal_tf": "1h", "filter_tf": "1h", "trend_span": 5}


def last_filtered(strength: float, noise: float, **values: float | str):
    """Return the last decision of a rise by ``strength`` with ``noise``, then a breakout."""
    prices = [200.0 + strength * i + noise * (i % 2) for i in range(99)]
    return decisions(BREAKOUT, FILTERED | values, hourly([*prices, prices[-1] + 60.0]))[-1]


def test_a_breakout_passes_the_filters_in_a_lively_rise():
    decision = last_filtered(8.0, 0.0, k=0.2)
    assert decision.action == "enter", decision.reason
    assert decision.atr > 8.0


@pytest.mark.parametrize(
    ("strength", "noise", "values", "reason"),
    [
        (8.0, 0.0, {"min_volatility": 0.1}, "entry held: ATR/price 1."),
        (0.0, 40.0, {"min_volatility": 0.0}, "entry held: ADX "),
        (8.0, 20.0, {"min_adx": 100.0, "min_volatility": 0.0}, "entry held: ADX "),
    ],
)
def test_a_filter_that_holds_an_entry_gives_its_value(strength, noise, values, reason):
    decision = last_filtered(strength, noise, k=0.2, **values)
    assert decision.action == "hold"
    assert decision.reason.startswith(reason), decision.reason


def test_the_filters_hold_until_they_are_warm():
    decider = Decider(BREAKOUT, FILTERED | {"min_volatility": 0.0, "min_adx": 0.0}, HOUR_MS)
    reasons = {decider.on_candle(c).reason for c in hourly([100.0 + i for i in range(30)])}
    assert not any(reason.startswith("entered") for reason in reasons)


def test_an_atr_stop_needs_an_atr_even_without_filters():
    yesterday = hourly([100.0] * 24)
    today = hourly([100.0, 103.0], DAY_MS)
    values = {"filters": "off", "stop_loss": 0, "filter_tf": "4h"}
    held = decisions(BREAKOUT, values, yesterday + today)[-1]
    assert held.reason == "entry held: no ATR for stop or size"
    ready = decisions(BREAKOUT, values | {"filter_tf": "1h"}, yesterday + today)[-1]
    assert ready.action == "enter"
    assert math.isfinite(ready.atr)


@pytest.mark.parametrize(
    "values", [{"sizing": "turtle"}, {"sizing": "volatility"}, {"stop_loss": 0}]
)
def test_a_market_that_has_not_moved_has_no_size_and_no_stop_by_its_range(values):
    """By a range of nothing any size would do, and the stop would lie at the entry."""
    flat = [Candle(HOUR_MS * i, 100.0, 100.0, 100.0, 100.0, 10.0) for i in range(24 * 16)]
    jump = [Candle(DAY_MS * 16 + HOUR_MS * i, p, p, p, p, 10.0) for i, p in enumerate((100.0, 103))]
    settings = {"filters": "off", "filter_tf": "1d"} | values
    held = decisions(BREAKOUT, settings, flat + jump)[-1]
    assert held.action == "hold"
    assert held.reason == "entry held: no ATR for stop or size"
