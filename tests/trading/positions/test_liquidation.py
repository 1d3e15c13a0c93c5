"""Liquidation by maintenance brackets of several tiers: the kernels, both engines, the account."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sandbox.engines.common.instruments import MAJOR_BRACKETS
from tests.trading import engines
from tests.trading.account_runs import run_account
from trading.candles import CandleColumns
from trading.errors import ParameterError
from trading.positions.exit_rules import Addition, ExitRules, MarginTerms, dynamic_leverage
from trading.positions.lifecycle import (
    LIFE_SIZE,
    LIQUIDATED,
    QUANTITY,
    Entry,
    apply_fill,
    begin_life,
    change_of,
)
from trading.positions.liquidation import (
    MAJOR,
    Margin,
    bracket_at,
    brackets_of,
    liquidation_price,
)
from trading.positions.position import ADD_FIRST, ENTRY, PARTIAL_TAKE_PROFIT
from trading.simulation import Costs
from trading.simulation.account.simulation import SymbolFilters, TradedStrategy
from trading.simulation.backtest import decide
from trading.strategies.layout import ATR
from trading.strategies.technical.breakout import Breakout
from trading.strategies.technical.rsi_bollinger import RsiBollinger

STEEP = brackets_of([(20, 10_000, 0.005), (10, 40_000, 0.03), (5, 100_000, 0.08)])


class Life:
    """A life under ``rules`` in :data:`STEEP` brackets, 100 paid for each of ``quantity``."""

    def __init__(self, rules: ExitRules, quantity: float, side: int = 1, worth: float = 1.0):
        self.rules = rules.layout(side, margin=MarginTerms(brackets=Margin(1.0, STEEP).tiers))
        self.life = [0.0] * LIFE_SIZE
        nan = math.nan
        entry = Entry(float(side), 100.0, quantity, nan, nan, nan, 0, worth, nan)
        begin_life(self.life, self.rules, 0, entry)

    def fill(self, code: int, price: float) -> None:
        change = change_of(self.life, self.rules, 0, code, price)
        apply_fill(self.life, self.rules, 0, code, change, price)

    def expected(self, side: int, leverage: float, worth: float = 1.0) -> float:
        """Return the plain formula for the open quantity."""
        held = self.life[QUANTITY] * worth
        margin = held * self.life[ENTRY] / leverage
        return liquidation_price(side, held, self.life[ENTRY], margin, STEEP)


@settings(max_examples=200, deadline=None)
@given(
    st.sampled_from([1, -1]),
    st.floats(1.0, 2_000.0),
    st.floats(1.5, 20.0),
    st.sampled_from([1.0, 0.01, 250.0]),
)
def test_the_kernel_finds_the_price_of_the_plain_formula(side, quantity, leverage, worth):
    life = Life(ExitRules(leverage=leverage), quantity / worth, side, worth)
    level = life.life[LIQUIDATED]
    assert level == pytest.approx(life.expected(side, leverage, worth), rel=1e-12)
    bracket = bracket_at(STEEP, quantity * level)
    left = quantity * 100.0 / leverage + side * quantity * (level - 100.0)
    needed = quantity * level * bracket.rate - bracket.cum
    assert left == pytest.approx(needed, abs=1e-9 * quantity * 100.0)


def test_an_addition_that_crosses_into_the_second_bracket_brings_the_liquidation_nearer():
    rules = ExitRules(stop_loss=0.05, leverage=5.0, additions=(Addition(0.02, 2.0, 0.02),))
    small, large = Life(rules, 1.0), Life(rules, 90.0)
    assert small.life[LIQUIDATED] == large.life[LIQUIDATED]  # 9,000 is in the first bracket
    small.fill(ADD_FIRST, 98.0)
    large.fill(ADD_FIRST, 98.0)  # 27,000 is in the second
    assert large.life[LIQUIDATED] == pytest.approx(large.expected(1, 5.0), rel=1e-12)
    assert small.life[LIQUIDATED] == pytest.approx(small.expected(1, 5.0), rel=1e-12)
    assert large.life[LIQUIDATED] > small.life[LIQUIDATED] + 0.5


def test_a_part_sold_goes_back_into_the_first_bracket():
    life = Life(ExitRules(leverage=5.0, partials=((0.01, 0.8),)), 300.0)
    before = life.life[LIQUIDATED]
    life.fill(PARTIAL_TAKE_PROFIT, 101.0)
    assert life.life[LIQUIDATED] == Life(ExitRules(leverage=5.0), 1.0).life[LIQUIDATED] < before


def test_the_brackets_are_those_of_the_simulated_exchange():
    for ours, theirs in zip(MAJOR, MAJOR_BRACKETS, strict=True):
        assert (ours.cap, ours.leverage) == (theirs.cap, theirs.leverage)
        assert (ours.rate, ours.cum) == pytest.approx((float(theirs.ratio), float(theirs.cum)))


def test_an_account_without_money_and_too_many_brackets_are_refused():
    with pytest.raises(ParameterError, match="capital = 0 is out of bounds"):
        Margin(0.0)
    with pytest.raises(ParameterError, match="13 margin brackets are given; give 1 to 12"):
        Margin(brackets=(MAJOR[0], *MAJOR))


# Whole runs: breakout enters at the open after the candle that closes above its target.

DAY = 1440


def days_of(marks: dict[tuple[int, int], tuple[str, float]]) -> CandleColumns:
    """Return four days of one-minute candles at 100, with a high of 104 each.

    ``marks`` by (day, minute) give a low, a high, or a close that holds for half an hour.
    """
    closes = np.full(4 * DAY, 100.0)
    lows, highs = closes.copy(), closes.copy()
    highs[10::DAY] = 104.0
    for (day, minute), (what, price) in marks.items():
        at = day * DAY + minute
        if what == "close":
            closes[at : at + 30] = price
        else:
            {"low": lows, "high": highs}[what][at] = price
    opens = np.append(100.0, closes[:-1])
    lows = np.minimum(lows, np.minimum(opens, closes))
    highs = np.maximum(highs, np.maximum(opens, closes))
    times = 60_000 * np.arange(4 * DAY)
    return CandleColumns.of(times, opens, highs, lows, closes, np.ones(4 * DAY))


def dips(price: float) -> CandleColumns:
    """On each day but the first an entry at 101, and a low an hour later."""
    return days_of(
        {(day, 60): ("close", 101.0) for day in (1, 2, 3)}
        | {(day, 120): ("low", price) for day in (1, 2, 3)}
    )


TARGETS = {"filters": "off", "signal_tf": "1m", "k": 0.1}


def run(candles: CandleColumns, capital: float, *, compiled: bool = True, **rules):
    """Both engines (which must agree) in :data:`STEEP` brackets at a leverage of 10."""
    strategy = engines.with_rules(Breakout, ExitRules(leverage=10.0, **rules))
    costs = Costs(0.0, margin=Margin(capital, STEEP))
    return engines.compare(strategy, candles, TARGETS, costs, compiled=compiled).full.trades


@pytest.mark.parametrize("compiled", [True, False])
def test_a_position_in_the_second_bracket_is_liquidated_where_a_smaller_one_survives(compiled):
    # Entered at 101: the first bracket liquidates at 91.36, the second (39,000) at 93.05.
    small = run(dips(92.0), 9_000.0, compiled=compiled)
    large = run(dips(92.0), 39_000.0, compiled=compiled)
    assert set(small.reason) == {"day_end"}
    assert set(large.reason) == {"liquidation"}
    assert large.net_return == pytest.approx([-0.1])


@pytest.mark.parametrize("compiled", [True, False])
def test_profits_grow_a_position_into_the_second_bracket(compiled):
    # The first trade earns 60 %. The second is entered at 108: 9,000 would be liquidated at 97.69,
    # the 14,400 into which they have grown at 98.27.
    candles = days_of(
        {
            (1, 60): ("close", 101.0),
            (1, 120): ("high", 170.0),
            (2, 60): ("close", 108.0),
            (2, 120): ("low", 98.0),
        }
    )
    grown = run(candles, 9_000.0, compiled=compiled, take_profit=0.6)
    assert grown.reason.tolist() == ["take_profit", "liquidation"]
    poorer = run(candles, 4_000.0, compiled=compiled, take_profit=0.6)
    assert poorer.reason.tolist() == ["take_profit", "day_end"]


@pytest.mark.parametrize("side", [1, -1])
@pytest.mark.parametrize("compiled", [True, False])
def test_the_leverage_follows_the_atr_at_the_entry(side, compiled, bitcoin):
    rules = ExitRules(leverage=125.0, target_volatility=0.2, take_profit=0.006)
    strategy = engines.with_rules(RsiBollinger, rules, side)
    params = engines.REVERSION | {"stop_loss": 0.0, "filter_tf": "15m"}
    candles = bitcoin if compiled else bitcoin.rows(0, 9_000)
    trades = engines.compare(strategy, candles, params, Costs(0.0), compiled=compiled).full.trades
    assert len(trades) >= (20 if compiled else 3)
    lost = trades.reason == "liquidation"
    # A liquidation takes the margin, so its fill gives the leverage.
    share = side * (1.0 - trades.exit_price[lost] / trades.entry_price[lost])
    leverages = 1.0 / share
    np.testing.assert_allclose(leverages, np.round(leverages), rtol=1e-9)
    assert np.round(leverages).max() <= 125.0
    assert len(np.unique(np.round(leverages))) >= (5 if compiled else 2)
    if compiled:
        decided = np.searchsorted(candles.open_time, trades.signal_time[lost])
        atr = decide(strategy, candles, params)[decided, ATR]
        expected = [
            dynamic_leverage(a, p, 0.2, 125.0)
            for a, p in zip(atr.tolist(), trades.entry_price[lost].tolist(), strict=True)
        ]
        np.testing.assert_allclose(leverages, expected, rtol=1e-9)


def test_the_account_liquidates_by_the_brackets_of_the_symbol():
    traded = TradedStrategy(
        engines.with_rules(Breakout, ExitRules(leverage=10.0)),
        "ANY",
        TARGETS | {"max_position_size": 1.0},
    )
    for compiled in (True, False):
        runs = [
            run_account(
                [traded],
                {"ANY": dips(92.0)},
                Costs(0.0),
                balance=balance,
                filters={"ANY": SymbolFilters(brackets=STEEP)},
                compiled=compiled,
            )
            for balance in (9_000.0, 39_000.0)
        ]
        assert set(runs[0].reason) == {"day_end"}
        assert set(runs[1].reason) == {"liquidation"}
        assert runs[1].profit[0] == pytest.approx(-3_900.0)


# The venue allows a leverage up to the cap of the last bracket that has it.


@pytest.mark.parametrize(
    ("brackets", "leverage", "most"),
    [
        (MAJOR, 125.0, 300_000.0),
        (MAJOR, 10.0, 230_000_000.0),
        (MAJOR, 7.0, 230_000_000.0),
        (MAJOR, 1.0, 1_800_000_000.0),
        (STEEP, 10.5, 10_000.0),
        (STEEP, 10.0, 40_000.0),
        (STEEP, 2.0, 100_000.0),
    ],
)
def test_the_last_bracket_that_gives_the_leverage_caps_the_notional(brackets, leverage, most):
    assert Margin(1.0, brackets).most_notional(leverage) == most


def test_a_leverage_that_no_bracket_allows_is_refused():
    with pytest.raises(ParameterError, match=r"leverage = 25 is more than the venue gives.* 20"):
        Margin(1.0, STEEP).most_notional(25.0)


@pytest.mark.parametrize("compiled", [True, False])
def test_a_position_is_no_larger_than_the_venue_allows_at_its_leverage(compiled):
    # Entered at 101 and closed at 100 each day; at a leverage of 10 the most is 40,000.
    lost = 1.0 / 101.0
    small = run(dips(95.0), 40_000.0, compiled=compiled)
    np.testing.assert_allclose(small.net_return, -lost, rtol=1e-12)
    capped = run(dips(95.0), 100_000.0, compiled=compiled)
    equity, expected = 100_000.0, []
    for _ in range(3):
        expected.append(-40_000.0 * lost / equity)
        equity -= 40_000.0 * lost
    np.testing.assert_allclose(capped.net_return, expected, rtol=1e-12)


def test_additions_that_may_be_made_count_towards_what_the_venue_allows():
    additions = (Addition(0.2, 3.0, 0.3),)
    (first, *_) = run(dips(95.0), 100_000.0, additions=additions).net_return
    assert first == pytest.approx(-0.1 / 101.0, rel=1e-12)  # 10,000 now, 30,000 later


@pytest.mark.parametrize("compiled", [True, False])
def test_the_account_trades_no_more_than_the_venue_allows(compiled):
    strategy = engines.with_rules(Breakout, ExitRules(leverage=10.0))
    traded = run_account(
        [TradedStrategy(strategy, "ANY", TARGETS | {"max_position_size": 1.0})],
        {"ANY": dips(95.0)},
        Costs(0.0),
        balance=100_000.0,
        filters={"ANY": SymbolFilters(step=0.001, brackets=STEEP)},
        compiled=compiled,
    )
    assert len(traded) == 3
    np.testing.assert_allclose(traded.quantity, 396.039, rtol=1e-12)  # 40,000 / 101, cut
