"""Smart order routing: better prices of interchangeable quotes fill an order as allocations."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sandbox.engines.common.error_codes import ExchangeError
from sandbox.engines.spot import order_routes
from sandbox.engines.spot.engine import SpotEngine
from sandbox.engines.spot.model import SpotAccount, SpotOrderRequest
from sandbox.market.spot_instruments import BUILT_IN

D = Decimal
USDT, USDC = "BTCUSDT", "BTCUSDC"


def trading(usdt: Decimal, usdc: Decimal) -> tuple[SpotEngine, SpotAccount]:
    """Return an engine with both markets at these prices, and ETHUSDT alone."""
    first = BUILT_IN[USDT]
    second = replace(first, symbol=USDC, quote="USDC")
    engine = SpotEngine([first, second, BUILT_IN["ETHUSDT"]])
    engine.open_account("main", {"USDT": D(10_000), "BTC": D("0.1")})
    engine.on_price(USDT, usdt)
    engine.on_price(USDC, usdc)
    return engine, engine.core.accounts["main"]


def order(side: str, kind: str, size: str, price: str = "0", tif: str = "GTC") -> SpotOrderRequest:
    return SpotOrderRequest(USDT, side, kind, D(size), price=D(price), tif=tif)


def test_symbols_with_interchangeable_quotes_are_routed() -> None:
    engine, _ = trading(D(100_000), D(99_000))
    assert order_routes.routes(engine.core) == {"BTC": [USDC, USDT]}


def test_a_better_price_elsewhere_is_an_allocation_in_the_orders_own_assets() -> None:
    engine, account = trading(D(100_000), D(99_000))
    placed = engine.place_routed(account, order("BUY", "MARKET", "0.05"))
    (fill,) = account.fills
    assert (placed.status, placed.floor) == ("FILLED", "SOR")
    assert (fill.price, fill.allocation, fill.symbol) == (D("99000.01"), 0, USDT)
    assert account.totals["USDT"] == D(10_000) - D("0.05") * D("99000.01")
    assert account.totals["USDC"] == 0


def test_the_rest_goes_to_the_orders_own_book() -> None:
    engine, account = trading(D(100_000), D(99_000))
    engine.supply(USDC, D("0.02"))
    engine.on_price(USDC, D(99_000))
    placed = engine.place_routed(account, order("BUY", "LIMIT", "0.05", "100500"))
    first, second = account.fills
    assert (first.allocation, second.allocation) == (0, -1)
    assert first.price < second.price == D("100000.01")
    assert first.quantity + second.quantity == D("0.05")
    assert (placed.status, placed.floor) == ("FILLED", "EXCHANGE")


def test_a_worse_or_equal_price_elsewhere_changes_nothing() -> None:
    for other in (D(100_000), D(101_000)):
        engine, account = trading(D(100_000), other)
        engine.place_routed(account, order("BUY", "MARKET", "0.05"))
        assert [fill.allocation for fill in account.fills] == [-1]


def test_a_market_in_a_break_gives_nothing() -> None:
    engine, account = trading(D(100_000), D(99_000))
    engine.set_status(USDC, "BREAK")
    engine.place_routed(account, order("BUY", "MARKET", "0.05"))
    assert [fill.allocation for fill in account.fills] == [-1]


def test_a_sale_takes_the_highest_bid() -> None:
    engine, account = trading(D(100_000), D(101_000))
    engine.place_routed(account, order("SELL", "MARKET", "0.05"))
    assert [(f.price, f.allocation) for f in account.fills] == [(D("100999.99"), 0)]


def test_a_limit_holds_in_every_book() -> None:
    engine, account = trading(D(100_000), D(99_000))
    placed = engine.place_routed(account, order("BUY", "LIMIT", "0.05", "98000"))
    assert (placed.status, account.fills) == ("NEW", [])


def test_a_symbol_without_interchangeable_quotes_is_refused() -> None:
    engine, account = trading(D(100_000), D(99_000))
    other = SpotOrderRequest("ETHUSDT", "BUY", "MARKET", D("0.1"))
    with pytest.raises(ExchangeError, match="-1013"):
        engine.place_routed(account, other)
    assert account.orders == {}


ORDERS = st.lists(
    st.tuples(
        st.sampled_from(["BUY", "SELL"]),
        st.sampled_from(["GTC", "IOC", "FOK"]),
        st.integers(1, 60).map(lambda n: D(n) / 1000),
        st.integers(985, 1_015).map(lambda n: D(n) * 100),
        st.integers(985, 1_015).map(lambda n: D(n) * 100),
    ),
    min_size=1,
    max_size=15,
)


@settings(max_examples=60, deadline=None)
@given(ORDERS)
def test_money_is_neither_made_nor_lost(
    placed: list[tuple[str, str, Decimal, Decimal, Decimal]],
) -> None:
    engine, account = trading(D(100_000), D(100_000))
    for side, tif, size, price, other in placed:
        engine.supply(USDC, D("0.03"))
        engine.on_price(USDC, other)
        try:
            engine.place_routed(account, order(side, "LIMIT", str(size), str(price), tif))
        except ExchangeError:
            continue
        assert all(D(0) <= account.locked[a] <= account.totals[a] for a in account.totals)
    signs = [1 if fill.side == "BUY" else -1 for fill in account.fills]
    bought = sum((s * f.quantity for s, f in zip(signs, account.fills, strict=True)), D(0))
    paid = sum((s * f.quantity * f.price for s, f in zip(signs, account.fills, strict=True)), D(0))
    fees = {
        asset: sum((f.fee for f in account.fills if f.fee_asset == asset), D(0))
        for asset in ("BTC", "USDT")
    }
    assert account.totals["BTC"] == D("0.1") + bought - fees["BTC"]
    assert account.totals["USDT"] == D(10_000) - paid - fees["USDT"]
    assert account.totals["USDC"] == 0
