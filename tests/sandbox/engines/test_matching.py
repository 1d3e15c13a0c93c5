"""Accounts trade with each other: price, then time; the market stays the counterparty."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager
from decimal import Decimal
from itertools import pairwise
from pathlib import Path

import aiohttp
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sandbox.engines.common.error_codes import ExchangeError
from sandbox.engines.common.instruments import BUILT_IN
from sandbox.engines.spot.engine import SpotEngine
from sandbox.engines.spot.model import SpotOrderRequest as SpotNewOrder
from sandbox.engines.usdm.engine import UsdmEngine
from sandbox.engines.usdm.model import UsdmAccount
from sandbox.market.displayed_book import DisplayedBook
from sandbox.market.spot_instruments import BUILT_IN as SPOT_BUILT_IN
from sandbox.server.server import SandboxServer
from tests.sandbox.helpers import START, RestClient, in_words, limit, market

D = Decimal
Serving = Callable[..., AbstractAsyncContextManager[SandboxServer]]
TWO = """
[[account]]
name = "one"
key = "one"
secret = "sandbox"
usdm = {USDT = "10000"}

[[account]]
name = "two"
key = "sandbox"
secret = "sandbox"
usdm = {USDT = "10000"}
"""


@pytest.fixture
def other(engine: UsdmEngine) -> UsdmAccount:
    """Open a second account with 10000 USDT."""
    found = engine.open_account("other", {"USDT": D(10_000)})
    engine.take_events()
    return found


def test_crossing_orders_of_two_accounts_trade_at_the_resting_price(
    engine: UsdmEngine, account: UsdmAccount, other: UsdmAccount
) -> None:
    rests = engine.place(account, limit("SELL", "0.010", "100000.0"))
    takes = engine.place(other, limit("BUY", "0.004", "100000.1"))
    (made,), (taken,) = account.fills, other.fills
    assert (rests.status, takes.status) == ("PARTIALLY_FILLED", "FILLED")
    assert (made.trade_id, made.price, made.quantity) == (taken.trade_id, D("100000.0"), D("0.004"))
    assert (made.maker, taken.maker) == (True, False)
    assert (made.fee, taken.fee) == (D("0.08"), D("0.2"))
    assert account.position("BTCUSDT").amount == -other.position("BTCUSDT").amount
    assert in_words(engine.take_events()) == [
        "order NEW",
        "order NEW",
        "order TRADE",
        "order TRADE",
    ]


def test_better_price_fills_first_then_the_older_order_then_the_market(
    engine: UsdmEngine, account: UsdmAccount, other: UsdmAccount
) -> None:
    third = engine.open_account("third", {"USDT": D(10_000)})
    older = engine.place(account, limit("SELL", "0.002", "100000.1"))
    younger = engine.place(other, limit("SELL", "0.002", "100000.1"))
    better = engine.place(other, limit("SELL", "0.002", "100000.0"))
    engine.place(third, market("BUY", "0.003"))
    assert (better.filled, older.filled, younger.filled) == (D("0.002"), D("0.001"), D(0))
    engine.place(third, market("BUY", "0.010"))
    assert (older.status, younger.status) == ("FILLED", "FILLED")
    assert third.fills[-1].quantity == D("0.007")
    assert third.position("BTCUSDT").amount == D("0.013")


def test_amended_order_queues_behind_the_others(
    engine: UsdmEngine, account: UsdmAccount, other: UsdmAccount
) -> None:
    first = engine.place(account, limit("SELL", "0.002", "100000.1"))
    second = engine.place(other, limit("SELL", "0.002", "100000.1"))
    engine.amend(account, first, D("0.003"), D("100000.1"))
    third = engine.open_account("third", {"USDT": D(10_000)})
    engine.place(third, market("BUY", "0.002"))
    assert (first.filled, second.filled) == (D(0), D("0.002"))
    engine.amend(account, first, D("0.002"), D("100000.1"))
    later = engine.place(other, limit("SELL", "0.002", "100000.1"))
    engine.place(third, market("BUY", "0.002"))
    assert (first.filled, later.filled) == (D("0.002"), D(0))


@pytest.mark.parametrize(
    ("mode", "resting", "taking"),
    [
        ("EXPIRE_MAKER", "EXPIRED_IN_MATCH", "FILLED"),
        ("EXPIRE_TAKER", "NEW", "EXPIRED_IN_MATCH"),
        ("EXPIRE_BOTH", "EXPIRED_IN_MATCH", "EXPIRED_IN_MATCH"),
        ("NONE", "FILLED", "FILLED"),
    ],
)
def test_account_does_not_trade_with_itself_unless_it_requests_so(
    engine: UsdmEngine, account: UsdmAccount, mode: str, resting: str, taking: str
) -> None:
    rests = engine.place(account, limit("SELL", "0.002", "100000.1"))
    takes = engine.place(account, limit("BUY", "0.002", "100000.1", prevention=mode))
    assert (rests.status, takes.status) == (resting, taking)


def test_post_only_and_fill_or_kill_see_the_other_accounts(
    engine: UsdmEngine, account: UsdmAccount, other: UsdmAccount
) -> None:
    engine.place(account, limit("SELL", "0.002", "100000.0"))
    with pytest.raises(ExchangeError, match="-5022"):
        engine.place(other, limit("BUY", "0.002", "100000.0", tif="GTX"))
    with pytest.raises(ExchangeError, match="-5021"):
        engine.place(other, limit("BUY", "0.003", "100000.0", tif="FOK"))
    filled = engine.place(other, limit("BUY", "0.002", "100000.0", tif="FOK"))
    assert filled.status == "FILLED"


def test_spot_accounts_trade_with_each_other_and_no_asset_is_created() -> None:
    engine = SpotEngine(SPOT_BUILT_IN.values())
    engine.set_time(START)
    seller = engine.open_account("seller", {"BTC": D(1)})
    buyer = engine.open_account("buyer", {"USDT": D(100_000)})
    engine.set_price("BTCUSDT", D("100000.00"))
    price = D("100000.00")
    rests = engine.place(seller, SpotNewOrder("BTCUSDT", "SELL", "LIMIT", D("0.01"), price=price))
    engine.place(buyer, SpotNewOrder("BTCUSDT", "BUY", "LIMIT", D("0.004"), price=price))
    assert (rests.filled, seller.fills[0].maker, buyer.fills[0].maker) == (D("0.004"), True, False)
    assert seller.totals["BTC"] + buyer.totals["BTC"] == D(1) - buyer.fills[0].fee
    assert seller.totals["USDT"] + buyer.totals["USDT"] == D(100_000) - seller.fills[0].fee
    assert seller.locked["BTC"] == D("0.006")


SIDES = st.sampled_from(["BUY", "SELL"])
TICKS = st.integers(999_970, 1_000_030).map(lambda n: D(n) / 10)
STEPS = st.one_of(
    st.tuples(st.just("price"), TICKS),
    st.tuples(
        st.just("order"), st.integers(0, 2), SIDES, st.integers(2, 30), TICKS,
        st.sampled_from(["GTC", "GTC", "IOC", "FOK", "GTX"]),
    ),
    st.tuples(st.just("market"), st.integers(0, 2), SIDES, st.integers(2, 30)),
    st.tuples(st.just("amend"), st.integers(0, 2), st.integers(2, 30), TICKS),
    st.tuples(st.just("supply"), st.one_of(st.none(), st.integers(0, 40))),
)  # fmt: skip


def step(engine: UsdmEngine, accounts: list[UsdmAccount], action: tuple[object, ...]) -> None:
    match action:
        case ("price", Decimal() as price):
            engine.on_price("BTCUSDT", price)
        case (
            "order",
            int() as who,
            str() as side,
            int() as size,
            Decimal() as price,
            str() as tif,
        ):
            quantity = f"{D(size) / 1000}"
            engine.place(accounts[who], limit(side, quantity, f"{price}", tif=tif))
        case ("market", int() as who, str() as side, int() as size):
            engine.place(accounts[who], market(side, f"{D(size) / 1000}"))
        case ("amend", int() as who, int() as size, Decimal() as price):
            found = next(iter(accounts[who].open_orders.values()), None)
            engine.amend(accounts[who], found, D(size) / 1000, price)
        case (_, None | int() as size):
            engine.supply("BTCUSDT", None if size is None else D(size) / 1000)


def test_book_hides_the_levels_that_a_waiting_order_crosses(
    engine: UsdmEngine, account: UsdmAccount
) -> None:
    engine.on_price("BTCUSDT", D("100010.0"))
    engine.supply("BTCUSDT", D(0))
    engine.place(account, limit("SELL", "0.002", "100000.0"))
    listed, displayed_book = engine.core.markets["BTCUSDT"], DisplayedBook()
    displayed_book.rested = engine.resting("BTCUSDT")
    bids, asks = displayed_book.sides(listed.instrument, listed.bid, listed.ask, 5)
    assert list(bids) == ["99999.90", "99999.80", "99999.70", "99999.60", "99999.50"]
    assert next(iter(asks)) == "100000.00"


@settings(max_examples=150, deadline=None)
@given(st.lists(STEPS, min_size=1, max_size=40))
def test_book_never_crosses_and_every_trade_has_two_equal_sides(
    actions: list[tuple[object, ...]],
) -> None:
    engine, displayed_book = UsdmEngine(BUILT_IN.values()), DisplayedBook()
    engine.set_time(START)
    accounts = [engine.open_account(name, {"USDT": D(100_000)}) for name in "abc"]
    engine.on_price("BTCUSDT", D("100000.0"))
    for action in actions:
        try:
            step(engine, accounts, action)
        except ExchangeError:
            continue
        bids, asks = engine.resting("BTCUSDT")
        assert not bids or not asks or max(bids) < min(asks)
        listed = engine.core.markets["BTCUSDT"]
        displayed_book.rested = (bids, asks)
        shown = displayed_book.sides(listed.instrument, listed.bid, listed.ask, 50)
        prices = [[D(text) for text in side] for side in shown]
        assert all(a > b for a, b in pairwise(prices[0]))
        assert all(a < b for a, b in pairwise(prices[1]))
        assert prices[0][0] < prices[1][0]
    trades: dict[int, list[tuple[str, Decimal, Decimal, bool]]] = {}
    for account in accounts:
        assert all(order.filled <= order.quantity for order in account.orders.values())
        for fill in account.fills:
            row = (fill.side, fill.price, fill.quantity, fill.maker)
            trades.setdefault(fill.trade_id, []).append(row)
    for sides in trades.values():
        if len(sides) == 2:
            (side, price, quantity, maker), other = sides
            opposite = "SELL" if side == "BUY" else "BUY"
            assert other == (opposite, price, quantity, not maker)


@pytest.fixture
async def served(serving: Serving, tmp_path: Path) -> AsyncIterator[SandboxServer]:
    """Serve two accounts; the key ``sandbox`` belongs to the second."""
    accounts = tmp_path / "accounts.toml"
    accounts.write_text(TWO)
    async with serving(accounts=accounts, clock="lockstep") as server:
        yield server


async def test_streams_show_resting_orders_and_a_client_can_rebuild_the_book(
    served: SandboxServer,
) -> None:
    url = served.url
    streams = f"{url.replace('http', 'ws')}/public/stream?streams=btcusdt@depth/btcusdt@bookTicker"
    async with aiohttp.ClientSession() as session, session.ws_connect(streams) as socket:
        client = RestClient(session, url)
        _, book = await client.plain("GET", "/fapi/v1/depth?symbol=BTCUSDT&limit=50")
        sides = {"b": dict(book["bids"]), "a": dict(book["asks"])}
        last = book["lastUpdateId"]
        status, _ = await client.signed(
            "POST", "/fapi/v1/order", symbol="BTCUSDT", side="BUY", type="LIMIT",
            timeInForce="GTC", quantity="0.005", price="100000.0",
        )  # fmt: skip
        assert status == 200
        async with asyncio.timeout(5):
            first, second = [(await socket.receive_json())["data"] for _ in range(2)]
        ticker, change = sorted((first, second), key=lambda data: str(data["e"]))
        assert (ticker["b"], ticker["B"], ticker["a"]) == ("100000.00", "0.005", "100000.10")
        assert (change["U"], change["pu"], change["u"]) == (last + 1, last, last + 1)
        for name in ("b", "a"):
            for price, quantity in change[name]:
                sides[name][price] = quantity
                if quantity == "0.000":
                    del sides[name][price]
        _, book = await client.plain("GET", "/fapi/v1/depth?symbol=BTCUSDT&limit=50")
        assert (dict(book["bids"]), dict(book["asks"])) == (sides["b"], sides["a"])
