"""An order's quantity can be lowered: it keeps its place, and its reserve shrinks."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager
from decimal import Decimal

import aiohttp
import pytest

from sandbox.server.server import SandboxServer
from tests.sandbox.helpers import RestClient

Serving = Callable[..., AbstractAsyncContextManager[SandboxServer]]
D = Decimal
PATH = "/api/v3/order/amend/keepPriority"
ORDER = {
    "symbol": "BTCUSDT", "side": "BUY", "type": "LIMIT", "timeInForce": "GTC",
    "quantity": "0.01", "price": "95000",
}  # fmt: skip


@pytest.fixture
async def rest(serving: Serving) -> AsyncIterator[RestClient]:
    async with serving(venue="spot", clock="stepped") as server, aiohttp.ClientSession() as session:
        yield RestClient(session, server.url)


async def locked(rest: RestClient) -> Decimal:
    _, body = await rest.signed("GET", "/api/v3/account")
    return next(D(row["locked"]) for row in body["balances"] if row["asset"] == "USDT")


async def test_lowered_order_keeps_its_id_and_releases_its_reserve(rest: RestClient) -> None:
    _, placed = await rest.signed("POST", "/api/v3/order", **ORDER)
    assert await locked(rest) == 950
    found = {"symbol": "BTCUSDT", "orderId": placed["orderId"]}
    status, body = await rest.signed("PUT", PATH, **found, newQty="0.004")
    assert status == 200, body
    assert body["amendedOrder"]["orderId"] == placed["orderId"]
    assert D(body["amendedOrder"]["origQty"]) == D("0.004")
    assert await locked(rest) == 380
    (shown,) = (await rest.signed("GET", "/api/v3/openOrders", symbol="BTCUSDT"))[1]
    assert (shown["workingTime"], D(shown["origQty"])) == (placed["workingTime"], D("0.004"))


@pytest.mark.parametrize(
    ("quantity", "code"),
    [("0.01", -2038), ("0.02", -2038), ("0.0000051", -1013), ("0.00001", -1013)],
)
async def test_other_quantities_are_refused(rest: RestClient, quantity: str, code: int) -> None:
    _, placed = await rest.signed("POST", "/api/v3/order", **ORDER)
    found = {"symbol": "BTCUSDT", "orderId": placed["orderId"]}
    _, body = await rest.signed("PUT", PATH, **found, newQty=quantity)
    assert body["code"] == code


async def test_unknown_order_cannot_be_lowered(rest: RestClient) -> None:
    _, body = await rest.signed("PUT", PATH, symbol="BTCUSDT", orderId=1, newQty="0.001")
    assert body["code"] == -2011
