"""Self-trade prevention on spot leaves prevented matches: queried, in responses and in events."""

from __future__ import annotations

import sqlite3
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, closing
from decimal import Decimal
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from sandbox.server.server import SandboxServer
from tests.sandbox.helpers import RestClient

Serving = Callable[..., AbstractAsyncContextManager[SandboxServer]]
D = Decimal
ORDER, MATCHES = "/api/v3/order", "/api/v3/myPreventedMatches"
LIMIT = {"symbol": "BTCUSDT", "type": "LIMIT", "timeInForce": "GTC", "newOrderRespType": "FULL"}


@pytest.fixture
async def server(serving: Serving) -> AsyncIterator[SandboxServer]:
    """Serve spot with 1 BTC and 100,000 USDT; BTCUSDT stands near 100,000."""
    balances = {"USDT": D(100_000), "BTC": D(1)}
    async with serving(venue="spot", clock="stepped", balances=balances) as made:
        yield made


@pytest.fixture
async def rest(server: SandboxServer) -> AsyncIterator[RestClient]:
    """Return a signed client."""
    async with aiohttp.ClientSession() as session:
        yield RestClient(session, server.url)


async def send(rest: RestClient, side: str, quantity: str, price: str, mode: str) -> Any:
    """Place a limit order beyond the recorded market; return the response."""
    more = {"side": side, "quantity": quantity, "price": price, "selfTradePreventionMode": mode}
    status, body = await rest.signed("POST", ORDER, **LIMIT, **more)
    assert status == 200, body
    return body


async def matches(rest: RestClient, **query: Any) -> Any:
    """Return the prevented matches of BTCUSDT."""
    status, body = await rest.signed("GET", MATCHES, symbol="BTCUSDT", **query)
    assert status == 200, body
    return body


# The maker rests above the recorded ask, so the taker reaches it after the market's own level.
@pytest.mark.parametrize(
    ("mode", "taker_lost", "maker_lost"),
    [
        ("EXPIRE_MAKER", None, "0.01"),
        ("EXPIRE_TAKER", "0.02", None),
        ("EXPIRE_BOTH", "0.02", "0.01"),
    ],
)
async def test_a_prevented_match_names_both_orders_and_what_each_lost(
    server: SandboxServer,
    rest: RestClient,
    mode: str,
    taker_lost: str | None,
    maker_lost: str | None,
) -> None:
    server.venues.first.engine.supply("BTCUSDT", D(0))  # the recorded market offers nothing
    maker = await send(rest, "SELL", "0.01", "100500", "NONE")
    taker = await send(rest, "BUY", "0.02", "100500", mode)
    (match,) = await matches(rest, orderId=taker["orderId"])
    lost = {
        name: amount
        for name, amount in (
            ("takerPreventedQuantity", taker_lost),
            ("makerPreventedQuantity", maker_lost),
        )
        if amount is not None
    }
    assert {name: D(match[name]) for name in match if "Quantity" in name} == {
        name: D(amount) for name, amount in lost.items()
    }
    assert (match["takerOrderId"], match["makerOrderId"]) == (taker["orderId"], maker["orderId"])
    assert (match["selfTradePreventionMode"], D(match["price"])) == (mode, D(100_500))
    (shown,) = taker["preventedMatches"]
    assert (shown["makerOrderId"], shown["preventedMatchId"]) == (
        maker["orderId"],
        match["preventedMatchId"],
    )
    for order, gone in ((maker, maker_lost), (taker, taker_lost)):
        _, now = await rest.signed("GET", ORDER, symbol="BTCUSDT", orderId=order["orderId"])
        if gone is None:
            assert "preventedMatchId" not in now
        else:
            assert (now["status"], D(now["preventedQuantity"])) == ("EXPIRED_IN_MATCH", D(gone))
            assert now["preventedMatchId"] == match["preventedMatchId"]


async def test_matches_are_found_by_id_by_either_order_and_in_pages(
    server: SandboxServer, rest: RestClient
) -> None:
    server.venues.first.engine.supply("BTCUSDT", D(0))
    makers = [await send(rest, "SELL", "0.01", str(100_500 + n), "NONE") for n in range(3)]
    taker = await send(rest, "BUY", "0.02", "101000", "EXPIRE_MAKER")
    by_taker = await matches(rest, orderId=taker["orderId"])
    assert [row["makerOrderId"] for row in by_taker] == [row["orderId"] for row in makers]
    assert await matches(rest, orderId=makers[1]["orderId"]) == [by_taker[1]]
    assert await matches(rest, preventedMatchId=by_taker[2]["preventedMatchId"]) == [by_taker[2]]
    second = by_taker[1]["preventedMatchId"]
    page = {"orderId": taker["orderId"], "fromPreventedMatchId": second, "limit": 1}
    assert await matches(rest, **page) == [by_taker[1]]
    assert await matches(rest, orderId=1) == []


async def test_matches_are_saved_once_and_outlive_a_restart(
    serving: Serving, tmp_path: Path
) -> None:
    files = {"venue": "spot", "clock": "stepped", "state": tmp_path / "state.sqlite"}
    balances = {"USDT": D(100_000), "BTC": D(1)}
    heads = []
    for run in range(2):
        async with (
            serving(**files, balances=balances) as server,
            aiohttp.ClientSession() as session,
        ):
            rest = RestClient(session, server.url)
            server.venues.first.engine.supply("BTCUSDT", D(0))
            for _ in range(3):
                await send(rest, "SELL", "0.01", "100500", "NONE")
                await send(rest, "BUY", "0.01", "100500", "EXPIRE_BOTH")
            with closing(sqlite3.connect(files["state"])) as saved:
                query = "select length(value) from state where name = 'spot'"
                heads.append(saved.execute(query).fetchone()[0])
            found = await matches(rest, fromPreventedMatchId=0)
            assert [row["preventedMatchId"] for row in found] == list(range(3 * run + 3))
    assert abs(heads[1] - heads[0]) < 100, "past matches are not written again"


async def test_orders_that_may_trade_with_each_other_prevent_nothing(
    server: SandboxServer, rest: RestClient
) -> None:
    server.venues.first.engine.supply("BTCUSDT", D(0))
    await send(rest, "SELL", "0.01", "100500", "NONE")
    taker = await send(rest, "BUY", "0.01", "100500", "NONE")
    assert (taker["status"], "preventedMatches" in taker) == ("FILLED", False)
    assert await matches(rest, orderId=taker["orderId"]) == []
