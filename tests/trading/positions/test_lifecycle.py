"""The whole life of a position: every stage, every event, and the money of averaging."""

from __future__ import annotations

import math
from dataclasses import replace
from pathlib import Path

import pytest

from trading.candles import DAY_MS, HOUR_MS, MINUTE_MS
from trading.errors import ParameterError
from trading.market.rows import Bar
from trading.positions.candle_path import CandleTurn, live_row, settle
from trading.positions.exit_rules import (
    LADDER_STEPS,
    R_GAP,
    Addition,
    ExitRules,
    FillRates,
    dynamic_leverage,
)
from trading.positions.lifecycle import (
    AMBIGUOUS,
    CASH,
    FILLS,
    LIFE_SIZE,
    MOST_FILLS,
    QUANTITY,
    Entry,
    begin_life,
    level_of,
)
from trading.positions.position import ENTRY, REASONS
from trading.positions.staged_position import StagedEntry, StagedPosition, stage_name

NAN = math.nan
SURGE = ExitRules(
    stop_loss=0.10,
    emergency_stop=0.12,
    half_close=0.10,
    additions=(Addition(0.03, 4 / 3, 0.07), Addition(0.06, 4 / 3, 0.05)),
)
DOCUMENT = Path(__file__).parents[3] / "docs" / "simulation.md"


class Life:
    """A life of one unit at 100 in plain Python, with its fills by name."""

    def __init__(self, rules: ExitRules = SURGE, side: int = 1, fee: float = 0.0) -> None:
        self.rules = rules.layout(side, FillRates(fee))
        self.state = [0.0] * LIFE_SIZE
        self.notes = [0.0] * (4 * (MOST_FILLS + 1))
        begin_life(
            self.state, self.rules, 0, Entry(float(side), 100.0, 1.0, NAN, NAN, NAN, 0, 1.0, NAN)
        )

    def candle(
        self, first: float, high: float, low: float, close: float, *, day_ends: int = 0, at: int = 0
    ) -> str:
        """Return the reason of the end within the candle of ``at`` ms; empty if it goes on."""
        bar = Bar(at, MINUTE_MS, first, high, low, close, 0.0)
        turn = CandleTurn(0, day_ends, False)
        return REASONS[live_row(self.state, self.rules, 0, bar, turn, self.notes)]

    def do(self, code: int, price: float) -> str:
        return REASONS[settle(self.state, self.rules, 0, code, price, 0, self.notes)]

    @property
    def stage(self) -> str:
        return stage_name(self.state)

    def level(self, reason: str) -> float:
        return level_of(self.state, self.rules, 0, REASONS.index(reason))

    @property
    def fills(self) -> list[tuple[str, float, float]]:
        count = int(self.state[FILLS])
        rows = (self.notes[4 * i : 4 * i + 4] for i in range(count))
        return [
            (REASONS[int(code)], round(size, 9), round(price, 9)) for _, code, size, price in rows
        ]


# How each stage is reached from the initial one.
WAYS = {
    "initial": (),
    "first": ("add_first",),
    "first_returned": ("add_first", "return_to_initial"),
    "second": ("add_first", "add_second"),
    "second_returned": ("add_first", "add_second", "return_to_first"),
    "second_alone": ("add_first", "return_to_initial", "add_second"),
    "all_returned": ("add_first", "add_second", "return_to_first", "return_to_initial"),
}
PARTS = (
    "add_first",
    "add_second",
    "return_to_first",
    "return_to_initial",
    "partial_take_profit",
    "half_close",
)
CLOSING = (
    "liquidation",
    "liquidation_guard",
    "emergency_stop",
    "stop_loss",
    "take_profit",
    "trailing_stop",
    "time_exit",
    "day_end",
    "strategy_exit",
    "end_of_data",
)
WITH_ALL = replace(
    SURGE,
    take_profit=0.5,
    trailing_stop=0.1,
    partials=((0.2, 0.1), (0.3, 0.1)),
    liquidation_guard=0.2,
    leverage=2.0,
)


def documented_table() -> dict[tuple[str, str], str]:
    """Return the state table of the document: (stage, event) -> stage."""
    section = DOCUMENT.read_text(encoding="utf-8").split("## The state table")[1]
    lines = [line for line in section.splitlines() if line.startswith("|")]
    _, *events = [cell.strip() for cell in lines[0].strip("|").split("|")]
    table = {}
    for line in lines[2 : 2 + len(WAYS)]:
        stage, *cells = [cell.strip() for cell in line.strip("|").split("|")]
        table |= {(stage, event): cell for event, cell in zip(events, cells, strict=True)}
    return table


def reached(stage: str, side: int) -> Life:
    life = Life(WITH_ALL, side)
    for event in WAYS[stage]:
        life.do(REASONS.index(event), life.level(event))
    assert life.stage == stage
    return life


@pytest.mark.parametrize("side", [1, -1])
@pytest.mark.parametrize("stage", WAYS)
def test_every_event_in_every_stage_does_what_the_document_says(stage, side):
    table = documented_table()
    assert {known for known, _ in table} == set(WAYS)
    for event in PARTS:
        life = reached(stage, side)
        level = life.level(event)
        expected = table[stage, event]
        assert math.isnan(level) == (expected == "-"), event
        if expected != "-":
            assert life.do(REASONS.index(event), level) == ""
            assert life.stage == expected
            assert math.isnan(life.level(event)) == (event != "partial_take_profit")
    for event in CLOSING:
        life = reached(stage, side)
        assert life.do(REASONS.index(event), 100.0) == event
        assert life.stage == table[stage, "everything else"] == "flat"


def test_every_reason_is_covered():
    assert set(REASONS[1:]) == set(PARTS) | set(CLOSING)


def test_averaging_lowers_the_price_and_tightens_the_stop():
    life = Life()
    assert (life.level("stop_loss"), life.level("emergency_stop")) == (90.0, 88.0)
    assert life.candle(99, 99.5, 96.5, 96.5) == ""
    average = (100 + 4 / 3 * 100) / (1 + 4 / 3 * 100 / 97)
    assert life.state[ENTRY] == pytest.approx(average)
    assert life.level("stop_loss") == pytest.approx(average * 0.93)
    assert life.candle(96.5, 96.5, 93.5, 94) == ""
    assert [name for name, _, _ in life.fills] == ["add_first", "add_second"]
    assert life.level("stop_loss") == pytest.approx(life.state[ENTRY] * 0.95)


def test_returns_sell_what_was_added():
    life = Life()
    assert life.candle(96.9, 96.9, 93.5, 94) == ""  # both additions within one candle
    assert life.candle(94, 98, 94, 98) == ""
    assert life.candle(98, 101, 98, 100.5) == ""
    first, second = 4 / 3 * 100 / 97, 4 / 3 * 100 / 94
    assert life.fills == [
        ("add_first", round(first, 9), 97.0),
        ("add_second", round(second, 9), 94.0),
        ("return_to_first", -round(second, 9), 97.0),
        ("return_to_initial", -round(first, 9), 100.0),
    ]
    assert life.state[QUANTITY] == pytest.approx(1.0)


def test_half_is_closed_once():
    life = Life()
    assert life.candle(100, 111, 100, 111) == ""
    assert life.candle(111, 115, 111, 115) == ""
    assert life.fills == [("half_close", -0.5, 110.0)]


def test_a_ladder_sells_shares_of_all_and_its_last_step_ends():
    life = Life(ExitRules(partials=((0.01, 0.25), (0.02, 0.75)), stop_loss=0.05))
    assert life.candle(100, 101.5, 100, 101.2) == ""
    assert life.candle(101.2, 102, 101, 102) == "partial_take_profit"
    assert life.fills == [
        ("partial_take_profit", -0.25, 101.0),
        ("partial_take_profit", -0.75, 102.0),
    ]
    assert life.state[CASH] == pytest.approx(0.25 * 1 + 0.75 * 2)


def test_the_stop_comes_before_the_ladder_within_a_candle_and_is_counted():
    life = Life(ExitRules(partials=((0.01, 0.5),), stop_loss=0.02))
    assert life.candle(100, 102, 97, 101) == "stop_loss"
    assert life.fills == [("stop_loss", -1.0, 98.0)]
    assert life.state[AMBIGUOUS] == 1.0


def test_a_time_limit_ends_at_the_close():
    life = Life(ExitRules(time_exit_ms=60_000))
    assert life.candle(100, 101, 99, 100.5) == "time_exit"
    assert life.fills == [("time_exit", -1.0, 100.5)]


def test_the_guard_closes_before_the_liquidation():
    rules = ExitRules(leverage=10.0, liquidation_guard=0.2, maintenance=0.004)
    life = Life(rules)
    liquidation = 100 * 0.9 / 0.996
    assert life.level("liquidation") == pytest.approx(liquidation)
    assert life.level("liquidation_guard") == pytest.approx(liquidation + 0.2 * (100 - liquidation))
    assert life.candle(100, 100, 91, 91) == "liquidation_guard"
    assert Life(rules).candle(90, 90, 89, 89) == "liquidation"  # the open jumped over both
    short = Life(rules, side=-1)
    assert short.level("liquidation") == pytest.approx(100 * 1.1 / 1.004)


def test_a_liquidation_takes_the_margin_and_no_more():
    life = Life(ExitRules(leverage=10.0, maintenance=0.004))
    assert life.candle(100, 100, 80, 85) == "liquidation"
    assert life.state[CASH] == pytest.approx(-10.0)


def test_a_structural_stop_and_a_level_target_replace_the_shares():
    entry = StagedEntry(-1, 100.0, 1.0, 0, structural_stop=103.0, target_price=94.0)
    position = StagedPosition(entry, ExitRules(stop_loss=0.05, tolerance=0.002))
    assert position.stop_price == pytest.approx(103.0 * 1.002)
    assert position.take_profit_price == 94.0


def test_after_an_addition_the_trailing_stop_waits_for_a_profit_of_the_new_average():
    rules = ExitRules(trailing_stop=0.01, emergency_stop=0.3, additions=(Addition(0.03, 1.0, 0.2),))
    life = Life(rules)
    assert life.candle(100, 101, 98, 98) == ""
    # At 97 the same amount is bought again. 1 % below the best price of 101 is above the mean of
    # 98.48, but no profit on that mean has been seen.
    assert life.candle(98, 98, 97, 97.2) == ""
    assert life.candle(97.2, 99, 97, 98.9) == ""
    assert life.candle(98.9, 99.8, 98.9, 99.8) == ""
    assert life.candle(99.8, 99.8, 98.5, 98.6) == "trailing_stop"
    assert [(name, price) for name, _, price in life.fills] == [
        ("add_first", 97.0),
        ("trailing_stop", 98.802),
    ]


def test_the_trailing_stop_waits_for_its_arming_profit():
    life = Life(ExitRules(trailing_stop=0.01, trailing_arm=0.05))
    assert life.candle(100, 104, 100, 100.5) == ""
    assert life.candle(101, 105.5, 101, 105) == ""
    assert life.candle(105, 105, 104, 104) == "trailing_stop"
    assert life.fills == [("trailing_stop", -1.0, round(105.5 * 0.99, 9))]


@pytest.mark.parametrize(("best", "ended"), [(104.99, ""), (105.0, "trailing_stop")])
def test_the_arming_profit_itself_arms_the_trailing_stop(best, ended):
    life = Life(ExitRules(trailing_stop=0.01, trailing_arm=0.05))
    assert life.candle(100, best, 100, 104.9) == ""
    assert life.candle(104.9, 104.9, 103.9, 103.9) == ended


def test_the_worst_case_of_ten_symbols_is_what_the_weights_say():
    """1.5 %, 2 % and 2 % of the account as notional, ten symbols, stopped at the last stage."""
    life = Life()
    assert life.candle(96.9, 96.9, 93.9, 93.9) == ""
    stop = life.level("stop_loss")
    assert life.candle(93.9, 93.9, stop, stop) == "stop_loss"
    loss_of_weight = life.state[CASH] / 100.0 * 0.015
    assert 10 * loss_of_weight == pytest.approx(-0.0275)


def test_the_executor_gets_actions_and_reports_what_was_filled():
    position = StagedPosition(StagedEntry(1, 100.0, 3.0, 0), SURGE)
    action = position.on_price(96.9, 1_000)
    assert action is not None
    assert (action.kind, action.reason, action.price) == ("add", "add_first", 97.0)
    assert position.on_price(96.9, 1_500) == action  # nothing changes before the fill
    position.filled(action, 4.0, 96.8)
    assert (position.stage, position.quantity) == ("first", 7.0)
    assert position.average_price == pytest.approx((300 + 4 * 96.8) / 7)
    assert position.protective_price == position.stop_price
    assert position.on_price(97.0, 2_000) is None
    back = position.on_price(100.2, 2_000)
    assert back is not None
    assert (back.kind, back.reason, back.quantity) == ("reduce", "return_to_initial", 4.0)
    position.filled(back, 4.0, 100.1)
    stop = position.on_price(80.0, 3_000)
    assert stop is not None
    assert (stop.kind, stop.reason) == ("close", "emergency_stop")


@pytest.mark.parametrize(
    ("atr", "leverage"), [(0.2, 10.0), (0.5, 4.0), (1.0, 2.0), (5.0, 1.0), (NAN, 1.0)]
)
def test_leverage_follows_the_volatility(atr, leverage):
    assert dynamic_leverage(atr, 100.0) == leverage


@pytest.mark.parametrize(
    ("fields", "sentence"),
    [
        ({"partials": ((0.02, 0.5), (0.01, 0.5))}, "do not ascend"),
        ({"partials": ((0.01, 0.8), (0.02, 0.5))}, "with a sum up to 1"),
        ({"partials": ((0.01, 0.1),) * (LADDER_STEPS + 1)}, "is too long"),
        ({"additions": (Addition(0.06, 1, 0.05), Addition(0.03, 1, 0.05))}, "do not ascend"),
        ({"additions": (Addition(0.06, 0, 0.05),)}, "has no weight"),
        ({"leverage": 0.5}, "leverage = 0.5 is out of bounds"),
        ({"leverage": 500.0, "liquidation_guard": 0.2}, "liquidates at the entry price"),
    ],
)
def test_contradictory_rules_are_refused(fields, sentence):
    with pytest.raises(ParameterError, match=sentence):
        ExitRules(**fields)


def test_the_documented_example_is_what_the_kernels_do():
    rules = ExitRules(take_profit=0.04, stop_loss=0.02, partials=((0.01, 0.25), (0.02, 0.25)))
    life = Life(rules)
    section = DOCUMENT.read_text(encoding="utf-8").split("## A worked example")[1]
    rows = [line.strip("|").split("|") for line in section.splitlines() if line.startswith("|")]
    for candle, _, held, cash in rows[2:5]:
        ended = life.candle(*(float(price) for price in candle.split(",")))
        assert life.state[QUANTITY] == pytest.approx(float(held))
        assert life.state[CASH] + life.state[QUANTITY] * 100 == pytest.approx(float(cash))
        assert ended == ("stop_loss" if float(held) == 0.0 else "")
    assert life.state[AMBIGUOUS] == 1.0


def test_steps_of_the_ladder_that_sell_too_little_are_skipped():
    rules = ExitRules(stop_loss=0.1, partials=((0.01, 0.1), (0.02, 0.2), (0.03, 0.5)))
    position = StagedPosition(StagedEntry(1, 100.0, 0.006, 0), rules)
    position.pass_over(0.001)
    second = position.on_price(102.5, 0)
    assert second is not None
    assert second.quantity == pytest.approx(0.0012)
    position.filled(second, 0.001, 102.5)
    position.pass_over(0.001)
    assert position.on_price(102.5, 0) is None
    third = position.on_price(103.0, 0)
    assert third is not None
    assert third.quantity == pytest.approx(0.003)
    position.filled(third, 0.003, 103.0)
    position.pass_over(0.001)
    assert position.on_price(109.0, 0) is None


@pytest.mark.parametrize(
    ("rules", "at", "reason"),
    [
        (ExitRules(time_exit_ms=HOUR_MS), HOUR_MS + MINUTE_MS, "time_exit"),
        (ExitRules(day_end=True), DAY_MS + MINUTE_MS, "day_end"),
    ],
)
def test_an_exit_that_fell_due_in_missing_minutes_is_made_at_the_first_price_after_them(
    rules, at, reason
):
    life = Life(rules)
    assert life.candle(100, 101, 99, 100) == ""
    assert life.candle(103, 110, 90, 95, at=at) == reason
    assert life.fills == [(reason, -1.0, 103.0)]


@pytest.mark.parametrize(("gap", "price"), [(True, 80.0), (False, 90.0)])
def test_an_open_beyond_the_stop_fills_there_if_gaps_count_even_where_the_strategy_leaves(
    gap, price
):
    life = Life(ExitRules(stop_loss=0.1))
    life.rules[R_GAP] = float(gap)
    bar = Bar(MINUTE_MS, MINUTE_MS, 80.0, 81.0, 79.0, 80.0, 0.0)
    live_row(life.state, life.rules, 0, bar, CandleTurn(1, 0, True), life.notes)
    assert life.fills == [("stop_loss", -1.0, price)]
