"""The market-maker grid: its quotes, when it stops, and its results in a replay."""

from __future__ import annotations

from dataclasses import replace

import pytest

from trading.candles import DAY_MS, MINUTE_MS, CandleColumns
from trading.errors import ParameterError
from trading.market_making.backtest import simulate_maker
from trading.market_making.quoting import (
    BUY,
    SELL,
    Lot,
    MakerRules,
    MarketView,
    Quote,
    QuotePlan,
    plan,
)

RULES = MakerRules()
CALM = MarketView(now_ms=0, bid=99.99, ask=100.01, updated_ms=0, volatility=1.0, day_return=0.0)
LONG = Lot(0, BUY, 99.8, 0)


def prices(quotes: tuple[Quote, ...], side: int) -> list[float]:
    return [round(quote.price, 6) for quote in quotes if quote.side == side]


def at(minutes: int, **changes: float) -> MarketView:
    now = minutes * MINUTE_MS
    return replace(CALM, now_ms=now, updated_ms=now, **changes)


def test_three_levels_a_side_lie_around_the_mid():
    wanted = plan(RULES, CALM, (), ())
    assert prices(wanted.place, BUY) == [99.8, 99.6, 99.4]
    assert prices(wanted.place, SELL) == [100.2, 100.4, 100.6]
    assert (wanted.cancel, wanted.market, wanted.reason) == ((), (), "")


def test_a_quote_that_would_take_liquidity_is_not_placed():
    wide = replace(CALM, bid=99.0, ask=101.0)  # mid 100: the first levels lie within the spread
    assert len(plan(RULES, wide, (), ()).place) == 6
    crossed = replace(CALM, bid=100.3, ask=99.7)  # a book read in the middle of a change
    assert prices(plan(RULES, crossed, (), ()).place, BUY) == [99.6, 99.4]


def test_quotes_stay_where_they_are_until_they_are_half_an_hour_old():
    resting = plan(RULES, CALM, (), ()).place
    assert plan(RULES, at(29, bid=100.29, ask=100.31), resting, ()) == QuotePlan()
    renewed = plan(RULES, at(30, bid=100.29, ask=100.31), resting, ())
    assert renewed.cancel == resting
    assert prices(renewed.place, BUY) == [100.0994, 99.8988, 99.6982]


def test_a_filled_level_gets_a_closing_quote_and_leaves_room_for_two_more():
    resting = tuple(q for q in plan(RULES, CALM, (), ()).place if (q.side, q.level) != (BUY, 1))
    wanted = plan(RULES, at(1), resting, (LONG,))
    closing = [quote for quote in wanted.place if quote.purpose == "close"]
    # The market is beyond the target of 99.9996: the quote joins the book.
    assert [(q.side, q.price, q.lot) for q in closing] == [(SELL, 100.01, 0)]
    assert sorted((quote.side, quote.level) for quote in wanted.cancel) == [(SELL, 3), (BUY, 3)]


def test_with_three_lots_there_is_no_opening_quote():
    lots = tuple(Lot(n, BUY, 99.8, 0) for n in range(3))
    wanted = plan(RULES, at(1), (), lots)
    assert {quote.purpose for quote in wanted.place} == {"close"}
    assert [quote.lot for quote in wanted.place] == [0, 1, 2]


def test_a_closing_quote_is_renewed_at_its_target_and_withdrawn_with_its_lot():
    closing = Quote(SELL, 0, 100.0, 0, "close", 0)
    low = at(31, bid=99.49, ask=99.51)
    renewed = plan(RULES, low, (closing,), (LONG,))
    assert renewed.cancel == (closing,)
    placed = tuple(quote for quote in renewed.place if quote.purpose == "close")
    assert prices(placed, SELL) == [99.9996]
    assert [quote.level for quote in placed] == [0]
    assert plan(RULES, at(1), (closing,), ()).cancel == (closing,)


@pytest.mark.parametrize(
    ("view", "reason"),
    [
        (at(1, volatility=3.0), "quoting stopped: volatility 3.00 times the usual"),
        (at(1, volatility=float("nan")), "quoting stopped: volatility not known yet"),
        (at(1, day_return=-0.016), "quoting stopped: day at -1.60%, near the limit of -2.00%"),
    ],
)
def test_opening_quotes_are_withdrawn_and_closing_quotes_stay(view, reason):
    opening = Quote(BUY, 1, 99.8, 0)
    closing = Quote(SELL, 0, 100.0, 0, "close", 0)
    wanted = plan(RULES, view, (opening, closing), (LONG,))
    assert wanted == QuotePlan(cancel=(opening,), reason=reason)


def test_on_a_stale_stream_quotes_are_only_withdrawn():
    opening = Quote(BUY, 1, 99.8, 0)
    lost = Lot(0, BUY, 200.0, 0)
    stale = replace(CALM, now_ms=10_001)
    wanted = plan(RULES, stale, (opening,), (lost,))
    reason = "quoting stopped: nothing heard of the book for 10.0 s"
    assert wanted == QuotePlan(cancel=(opening,), reason=reason)


def test_a_lot_at_its_emergency_stop_closes_at_the_market():
    closing = Quote(SELL, 0, 100.0, 0, "close", 0)
    wanted = plan(RULES, at(1, bid=94.8, ask=94.9), (closing,), (LONG,))
    assert wanted.market == (LONG,)
    assert wanted.cancel == (closing,)
    assert wanted.place == ()


def test_invalid_rules_are_refused():
    with pytest.raises(ParameterError, match="maker: size = 0 is not above 0"):
        MakerRules(size=0)
    with pytest.raises(ParameterError, match=r"3 levels of 0\.2 reach half of the price"):
        MakerRules(spacing=0.2)


# Replays: 70 quiet minutes make the volatility known, then come the candles of the test.

QUIET = 70


def replayed(*candles: tuple[float, float, float, float], gap: int = 0, start: int = 0):
    rows = [(100.0, 100.05, 99.95, 100.0)] * QUIET + list(candles)
    times = [start + (i + (gap if i >= QUIET else 0)) * MINUTE_MS for i in range(len(rows))]
    prices = zip(*rows, strict=True)
    return simulate_maker(CandleColumns.of(times, *prices, [1.0] * len(rows), MINUTE_MS))


def test_a_touch_does_not_fill_but_a_trade_through_does():
    assert replayed((100.0, 100.0, 99.8, 99.9)).lots == ()
    through = replayed((100.0, 100.0, 99.79, 99.9))
    assert [(lot.side, round(lot.price, 6)) for lot in through.lots] == [(BUY, 99.8)]


def test_a_fill_and_its_close_earn_the_spacing_less_two_maker_fees():
    result = replayed((100.0, 100.0, 99.79, 99.9), (99.9, 100.1, 99.9, 100.0))
    (trade,) = result.trades
    assert (trade.side, trade.reason) == (BUY, "take_profit")
    assert trade.net_return == pytest.approx(0.002 - 0.0002 - 0.0002 * 1.002)
    assert result.account_return == pytest.approx(0.02 * trade.net_return)


def test_a_lot_is_not_closed_in_the_candle_that_opened_it():
    result = replayed((100.0, 100.15, 99.79, 100.1))
    assert (len(result.trades), len(result.lots)) == (0, 1)


def test_a_fall_through_all_levels_leaves_three_lots_and_then_their_stops():
    result = replayed((100.0, 100.0, 99.0, 99.0), (99.0, 99.0, 90.0, 90.0))
    assert result.most_lots == 3
    assert [trade.reason for trade in result.trades] == ["emergency_stop"] * 3
    assert {round(trade.exit_price, 4) for trade in result.trades} == {94.81, 94.62, 94.43}
    assert result.account_return == pytest.approx(-3 * 0.02 * 0.0507, abs=1e-5)


def test_a_gap_in_the_candles_withdraws_the_quotes():
    assert replayed((100.0, 100.0, 99.0, 99.9), gap=5).lots == ()


def test_a_spike_stops_quoting_with_a_reason():
    result = replayed((100.0, 102.0, 98.0, 100.0), (100.0, 101.5, 98.5, 100.0))
    assert result.stops["volatility"] >= 60
    assert result.most_lots <= 3


def test_the_real_sample_is_quoted_within_the_limits(bitcoin):
    result = simulate_maker(bitcoin.rows(0, 25 * 1440))
    assert len(result.trades) > 100
    assert result.most_lots == 3
    assert {trade.reason for trade in result.trades} == {"take_profit", "emergency_stop"}
    # Every take-profit earns the spacing or more, less its fees.
    earned = [trade.net_return for trade in result.trades if trade.reason == "take_profit"]
    assert min(earned) >= 0.002 - 0.000401
    assert len({trade.opened_ms // DAY_MS for trade in result.trades}) > 10


def test_later_candles_change_no_earlier_trade(bitcoin):
    whole = simulate_maker(bitcoin.rows(0, 6_000)).trades
    for end in (2_000, 4_321):
        cut = simulate_maker(bitcoin.rows(0, end)).trades
        assert cut == whole[: len(cut)]
        assert len(cut) > 0
