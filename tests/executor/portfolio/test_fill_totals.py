"""The totals of a position: long and short, with fees in the coin, and what closed too much."""

from __future__ import annotations

from decimal import Decimal

import pytest

from executor.model import VenueFill, instrument_id
from executor.portfolio.fill_totals import own_totals, part_of, total_fills

D = Decimal
BTC = instrument_id("BTCUSDT", "binance_usdm")


def fill(side: str, quantity: str, price: int, time: int, **more: object) -> VenueFill:
    pnl = more.pop("pnl", None)
    return VenueFill(
        BTC, str(time), "1", side, D(price), D(quantity), D("0.1"), "USDT", pnl, time, **more
    )  # type: ignore[arg-type]


LONG = [
    fill("BUY", "1", 100, 20, fee_quote=D("0.1")),
    fill("BUY", "3", 104, 10, fee_quote=D("0.3")),
    fill("SELL", "2", 110, 30, fee_quote=D("0.2")),
]


def test_a_long_is_added_up_with_prices_weighted_by_quantity() -> None:
    found = total_fills(1, LONG)
    assert (found.quantity, found.entered, found.flat) == (D(2), D(4), False)
    assert (found.entry_price, found.exit_price) == (103.0, 110.0)
    assert (found.realized_pnl, found.fees) == (D(14), D("0.6"))
    assert (found.opened_at, found.last_at) == (10, 30)


def test_a_short_earns_when_it_is_bought_back_lower() -> None:
    found = total_fills(-1, [fill("SELL", "2", 100, 1), fill("BUY", "2", 90, 2)])
    assert (found.realized_pnl, found.flat, found.quantity) == (D(20), True, D(0))
    assert (found.entry_price, found.exit_price) == (100.0, 90.0)


def test_what_the_venue_says_was_earned_counts_where_it_says_so_of_every_trade() -> None:
    both = [fill("BUY", "1", 100, 1, pnl=D(0)), fill("SELL", "1", 110, 2, pnl=D(9))]
    assert total_fills(1, both).realized_pnl == D(9)
    one = [fill("BUY", "1", 100, 1), fill("SELL", "1", 110, 2, pnl=D(9))]
    assert total_fills(1, one).realized_pnl == D(10)


def test_a_fee_in_the_coin_lowers_what_is_held() -> None:
    found = total_fills(1, [fill("BUY", "1", 100, 1, fee_base=D("0.001"))])
    assert (found.quantity, found.entered, found.entry_price) == (D("0.999"), D("0.999"), 100.0)


def test_without_trades_everything_is_zero() -> None:
    found = total_fills(1, [])
    assert (found.quantity, found.entry_price, found.exit_price, found.flat) == (0, 0.0, 0.0, False)
    assert (found.opened_at, found.last_at, found.fees, found.realized_pnl) == (0, 0, 0, 0)
    assert total_fills(1, [fill("SELL", "1", 50, 3)]).realized_pnl == 0


@pytest.mark.parametrize("side", [1, -1])
def test_what_closes_more_than_is_held_does_not_count(side: int) -> None:
    into, out = ("BUY", "SELL") if side > 0 else ("SELL", "BUY")
    fills = [
        fill(into, "2", 100, 1),
        fill(out, "1.5", 110, 2, fee_quote=D("0.3")),
        fill(out, "2", 110, 3, fee_quote=D("0.4")),
        fill(out, "1", 110, 4, fee_quote=D("0.5")),
    ]
    found = own_totals(side, fills)
    assert (found.quantity, found.flat) == (D(0), True)
    assert found.realized_pnl == side * D(20)
    assert found.fees == D("0.4")  # 0.3 and a quarter of 0.4
    assert found.last_at == 3


def test_a_part_of_a_trade_has_its_part_of_fee_and_result() -> None:
    whole = fill("SELL", "4", 110, 2, fee_quote=D("0.4"), fee_base=D("0.8"), pnl=D(8))
    assert part_of(whole, D(4)) is whole
    part = part_of(whole, D(1))
    assert (part.quantity, part.fee, part.fee_quote) == (D(1), D("0.025"), D("0.1"))
    assert (part.fee_base, part.realized_pnl) == (D("0.2"), D(2))
    bare = part_of(fill("SELL", "4", 110, 2), D(1))
    assert (bare.fee_quote, bare.realized_pnl) == (None, None)
