"""Sizing of the surge strategy: its bound, refused parameters, and two worked scenarios."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.trading.account_runs import run_account
from trading.candles import MINUTE_MS, CandleColumns
from trading.errors import ParameterError
from trading.jit.kernel import Buffer, kernel
from trading.market.rows import Bar
from trading.positions.candle_path import CandleTurn, live_row
from trading.positions.lifecycle import CASH, LIFE_SIZE, MOST_FILLS, QUANTITY, Entry, begin_life
from trading.positions.staged_position import StagedEntry, StagedPosition
from trading.simulation import Costs, backtest, fast_trades
from trading.simulation.account.simulation import AccountLimits, TradedStrategy
from trading.strategies.layout import ACTION, ENTER, EXIT, HOLD, REASON
from trading.strategies.registry import get_strategy
from trading.strategies.surge.sizing import SurgeSizing
from trading.strategies.surge.strategy import Surge

SURGE = Surge()
PARAMS = SURGE.resolve({})
RULES = SURGE.exit_rules(PARAMS)
NAN = float("nan")


def plan(**values) -> SurgeSizing:
    return SurgeSizing.of(SURGE.resolve(values))


def test_a_symbol_costs_one_and_a_half_two_and_two_percent():
    assert plan().stage_shares == pytest.approx((0.015, 0.02, 0.02))
    assert plan().used == pytest.approx(0.55)
    assert plan().stage_losses == pytest.approx((0.0015, 0.00245, 0.00275))
    assert plan().bound == pytest.approx(0.0275)
    assert SURGE.sizing(PARAMS).share == pytest.approx(0.015)
    assert [RULES.stop_loss, *(a.stop for a in RULES.additions)] == [0.10, 0.07, 0.05]
    assert [a.fall for a in RULES.additions] == [0.03, 0.06]
    assert (RULES.emergency_stop, RULES.half_close) == (0.12, 0.10)


def test_weights_read_as_margin_have_their_own_bound_and_must_be_confirmed():
    values = {"weight_basis": "margin"}
    with pytest.raises(ParameterError, match=r"can lose 19\.25% of the account by their stops"):
        SURGE.resolve(values)
    params = SURGE.resolve(values | {"margin_confirmed": "yes"})
    confirmed = SurgeSizing.of(params)
    assert confirmed.bound == pytest.approx(0.1925)
    assert confirmed.used == pytest.approx(0.55)
    assert SURGE.sizing(params).share == pytest.approx(0.105)
    # The figures of the source, at a leverage of 10: 15 % in an entry of ten symbols' 1.5 %.
    source = SurgeSizing(0.055, leverage=10.0, basis="margin")
    assert source.bound == pytest.approx(0.275)
    assert source.stage_shares[0] == pytest.approx(0.15)


def test_without_additions_an_entry_takes_the_whole_size():
    off = {"add_first_at": 0, "add_second_at": 0}
    assert plan(**off).stage_shares == pytest.approx((0.055,))
    assert plan(**off).bound == pytest.approx(0.055)
    breakout = get_strategy("breakout")
    assert breakout.sizing(breakout.resolve({})).share == 0.2
    averaged = breakout.resolve({"add_first_at": 0.01, "add_first_weight": 3})
    assert breakout.sizing(averaged).share == 0.05


@pytest.mark.parametrize(
    ("values", "sentence"),
    [
        (
            {"max_position_size": 0.1},
            "10 symbols of max_position_size = 0.1 use 100.0% of the account as notional, and 55% "
            "is the most; give 0.055 or less",
        ),
        ({"most_symbols": 11}, "11 symbols of max_position_size = 0.055 use 60.5%"),
        ({"emergency_stop": 0.1}, "emergency_stop = 0.1 is not wider than the widest stop of 0.1"),
        (
            {"leverage": 10},
            "surge: leverage = 10 liquidates 9.6% from the entry, and the widest stop of 12.0% "
            "must lie 1% before that; give a leverage of 7 or less",
        ),
    ],
)
def test_sizes_that_break_a_bound_are_refused_in_one_sentence(values, sentence):
    with pytest.raises(ParameterError, match=sentence) as refused:
        SURGE.resolve(values)
    assert "\n" not in str(refused.value)


# The bound: ten symbols on arbitrary paths.


def halfway(last: float, price: float) -> float:
    """Return an open between the closes.

    The path of a candle visits both its extremes, so one that opened at the last close would return
    there.
    """
    return (last + price) / 2.0


def loss_of(path: list[float], *, jumps: bool = True) -> float:
    """Return the loss, a share of the account, of a symbol entered at 100 that follows ``path``."""
    rules = RULES.layout()
    life, notes = [0.0] * LIFE_SIZE, [0.0] * (4 * (MOST_FILLS + 1))
    quantity = plan().stage_shares[0] / 100.0
    begin_life(life, rules, 0, Entry(1.0, 100.0, quantity, NAN, NAN, NAN, 0, 1.0, NAN))
    last = 100.0
    for row, price in enumerate(path):
        first = halfway(last, price) if jumps else last
        opened, high, low = MINUTE_MS * (row - 1), max(first, price), min(first, price)
        bar = Bar(opened, MINUTE_MS, first, high, low, price, 0.0)
        if live_row(life, rules, 0, bar, CandleTurn(row, 0, False), notes):
            return -life[CASH]
        last = price
    return -(life[CASH] + life[QUANTITY] * last)


moves = st.lists(st.floats(-0.06, 0.05), min_size=1, max_size=40)


@settings(max_examples=60, deadline=None)
@given(st.lists(moves, min_size=10, max_size=10))
def test_ten_symbols_never_lose_more_than_the_bound_before_costs(paths):
    total = 0.0
    for path in paths:
        # The worst end: the market falls through every stop.
        walked = [*(100.0 * np.cumprod(1.0 + np.array(path))).tolist(), 1.0]
        loss = loss_of(walked, jumps=False)
        assert loss <= 0.00275 * (1 + 1e-9)
        total += loss
    assert total <= 0.0275 * (1 + 1e-9)


def test_the_bound_is_reached_when_all_are_stopped_at_the_last_stage():
    assert 10 * loss_of([97.0, 94.0, 80.0]) == pytest.approx(0.0275)
    assert 10 * loss_of([97.0, 80.0]) < 0.0275  # an open that jumps over the stop adds nothing


# The worked scenarios: a strategy that enters on the first candle and leaves on a given one.


@kernel
def once_step(
    state: Buffer,
    par: Buffer,  # noqa: ARG001 - every step has the same arguments
    out: Buffer,
    bar: Bar,
) -> None:
    """Enter on the first candle; a volume of 2 is the technical exit."""
    out[ACTION] = ENTER if state[0] == 0.0 else HOLD
    if bar.volume == 2.0:
        out[ACTION] = EXIT
    out[REASON] = 1.0
    state[0] = 1.0


class Once(Surge):
    """The surge strategy's exits behind a plain entry."""

    name = "once"
    step = staticmethod(once_step)
    reasons: ClassVar[Mapping[int, str]] = {1: "once"}

    def state_size(self, params):
        del params
        return 1

    def more_tfs(self, params):
        del params
        return {}


PROFIT = [100, 100, 97, 94, 97, 100, 103, 107, 105, 105]
LOSS = [100, 100, 97, 94, 92, 88]


def columns(closes: list[float], exit_at: int | None = None) -> CandleColumns:
    volumes = [2.0 if exit_at is not None and row >= exit_at else 1.0 for row in range(len(closes))]
    opens = [halfway(*pair) for pair in zip([closes[0], *closes], closes, strict=False)]
    times = [60_000 * row for row in range(len(closes))]
    highs, lows = np.maximum(opens, closes), np.minimum(opens, closes)
    return CandleColumns.of(times, opens, highs, lows, closes, volumes)


def lived(
    closes: list[float],
    exit_at: int | None = None,
    *,
    compiled: bool = True,
    values: Mapping[str, float] = {},
):
    candles = columns(closes, exit_at)
    run = backtest(Once(), candles, values, Costs(0), compiled=compiled)
    trades, fills = fast_trades(Once(), candles, values, Costs(0), compiled=compiled)
    assert trades.net_return.tobytes() == run.trades.net_return.tobytes()
    assert fills.value.tobytes() == run.fills.value.tobytes()
    return run


WEIGHTS = (3 / 11, 4 / 11, 4 / 11)  # of the plan: 1.5, 2 and 2 of 5.5
AVERAGE = 1.0 / (WEIGHTS[0] / 100 + WEIGHTS[1] / 97 + WEIGHTS[2] / 94)


@pytest.mark.parametrize("compiled", [True, False])
def test_the_profit_scenario(compiled):
    run = lived(PROFIT, exit_at=8, compiled=compiled)
    fills = list(zip(run.fills.reason.tolist(), run.fills.price.tolist(), strict=True))
    half = AVERAGE * 1.10
    assert [name for name, _ in fills] == [
        "add_first",
        "add_second",
        "return_to_first",
        "return_to_initial",
        "half_close",
        "strategy_exit",
    ]
    assert [price for _, price in fills] == pytest.approx([97, 94, 97, 100, half, 105])
    first, second = WEIGHTS[1] / 97, WEIGHTS[2] / 94
    rest = WEIGHTS[0] / 100 / 2
    won = second * 3 + first * 3 + rest * (half - 100) + rest * 5
    assert run.trades.net_return.tolist() == pytest.approx([won])


@pytest.mark.parametrize("compiled", [True, False])
def test_the_loss_scenario(compiled):
    run = lived(LOSS, compiled=compiled)
    assert run.fills.reason.tolist() == ["add_first", "add_second", "stop_loss"]
    assert run.fills.price.tolist() == pytest.approx([97, 94, AVERAGE * 0.95])
    # 5 % of the plan of 5.5 % of the account.
    assert run.trades.net_return.tolist() == pytest.approx([-0.05])


@pytest.mark.parametrize("compiled", [True, False])
def test_the_technical_exit_counts_after_the_half_close_only(compiled):
    """The exit signal comes from the third candle on; half is sold on the sixth."""
    run = lived([100, 100, 100, 105, 104, 111, 109, 108], exit_at=2, compiled=compiled)
    assert run.fills.reason.tolist() == ["half_close", "strategy_exit"]
    assert run.fills.price.tolist() == pytest.approx([110, 110])
    never = lived([100, 100, 100, 105, 104, 103], exit_at=2, compiled=compiled)
    assert never.fills.reason.tolist() == ["end_of_data"]


def test_without_a_half_close_the_exit_counts_at_once():
    rules = SURGE.exit_rules(SURGE.resolve({"half_close": 0}))
    assert StagedPosition(StagedEntry(1, 100.0, 1.0, 0), rules).heeds_exit
    assert not StagedPosition(StagedEntry(1, 100.0, 1.0, 0), RULES).heeds_exit


def test_the_account_simulation_waits_for_the_half_close_too():
    candles = {"S": columns([100, 100, 100, 105, 104, 111, 109, 108], exit_at=2)}
    run = run_account([TradedStrategy(Once(), "S")], candles, Costs(0), AccountLimits())
    assert run.reason.tolist() == ["strategy_exit"]
    assert run.exit_price.tolist() == pytest.approx([110])  # half at 110, the rest at the open


def test_a_trailing_stop_of_the_rest_once_half_is_sold():
    values = {"trailing_stop": 0.05, "trailing_arm": 0.10}
    run = lived([100, 100, 111, 120, 115, 113], values=values)
    assert run.fills.reason.tolist() == ["half_close", "trailing_stop"]
    assert run.fills.price.tolist() == pytest.approx([110, 114])


def test_the_executors_position_takes_the_same_steps():
    position = StagedPosition(StagedEntry(1, 100.0, 1.0, 0), RULES)
    assert position.protective_price == pytest.approx(90.0)
    done = []
    for price in (97.0, 94.0, 97.0, 100.0, 107.0):
        while (action := position.on_price(price, 0)) is not None:
            done.append(action.reason)
            position.filled(action, action.quantity, price)
    assert done == ["add_first", "add_second", "return_to_first", "return_to_initial", "half_close"]
    assert position.average_price == pytest.approx(AVERAGE)
    assert position.stop_price == pytest.approx(AVERAGE * 0.95)


def test_ten_symbols_on_one_account_lose_the_bound_when_all_are_stopped_at_the_last_stage():
    closes = [100, 100, 97, 94, 92, 91.8, 91]  # no open jumps over a level
    candles = {f"S{place}": columns(closes) for place in range(10)}
    traded = [TradedStrategy(Once(), symbol) for symbol in candles]
    limits = AccountLimits(max_positions=10, max_exposure=1.0, daily_loss=1.0)
    run = run_account(traded, candles, Costs(0), limits)
    assert run.reason.tolist() == ["stop_loss"] * 10
    assert run.wallet == pytest.approx(10_000.0 * (1 - 0.0275))
    assert run.equity.min() >= 10_000.0 * (1 - 0.0275) - 1e-6
