"""Pegged orders by REST: parameters, prefixes of order lists, and what responses say."""

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
ORDER = {
    "symbol": "BTCUSDT", "side": "BUY", "type": "LIMIT", "timeInForce": "GTC", "quantity": "0.01",
    "pegPriceType": "PRIMARY_PEG",
}  # fmt: skip


@pytest.fixture
async def rest(serving: Serving) -> AsyncIterator[RestClient]:
    """Serve spot with 1 BTC and 10,000 USDT."""
    balances = {"USDT": D(10_000), "BTC": D(1)}
    async with (
        serving(venue="spot", clock="stepped", balances=balances) as server,
        aiohttp.ClientSession() as session,
    ):
        yield RestClient(session, server.url)


async def best(rest: RestClient) -> tuple[Decimal, Decimal]:
    """Return best bid and best ask."""
    _, book = await rest.plain("GET", "/api/v3/depth?symbol=BTCUSDT&limit=5")
    return D(book["bids"][0][0]), D(book["asks"][0][0])


async def test_response_says_what_was_sent_and_what_it_became(rest: RestClient) -> None:
    bid, _ = await best(rest)
    offset = {"pegOffsetType": "PRICE_LEVEL", "pegOffsetValue": 2}
    status, body = await rest.signed("POST", "/api/v3/order", **ORDER, **offset)
    assert status == 200, body
    assert (D(body["price"]), D(body["peggedPrice"])) == (0, bid - D("0.02"))
    assert {name: body[name] for name in ("pegPriceType", *offset)} == {
        "pegPriceType": "PRIMARY_PEG", **offset,
    }  # fmt: skip
    (shown,) = (await rest.signed("GET", "/api/v3/openOrders", symbol="BTCUSDT"))[1]
    assert shown["peggedPrice"] == body["peggedPrice"]


async def test_a_stop_has_no_price_before_its_trigger(rest: RestClient) -> None:
    stop = ORDER | {"side": "SELL", "type": "STOP_LOSS_LIMIT", "stopPrice": "90000"}
    status, body = await rest.signed("POST", "/api/v3/order", **stop, newOrderRespType="RESULT")
    assert status == 200, body
    assert (body["pegPriceType"], "peggedPrice" in body) == ("PRIMARY_PEG", False)


async def test_legs_of_lists_have_pegs_of_their_own(rest: RestClient) -> None:
    _, ask = await best(rest)
    oco = {
        "symbol": "BTCUSDT", "side": "SELL", "quantity": "0.01", "aboveType": "LIMIT_MAKER",
        "abovePegPriceType": "PRIMARY_PEG", "belowType": "STOP_LOSS_LIMIT",
        "belowStopPrice": "90000", "belowTimeInForce": "GTC", "belowPegPriceType": "MARKET_PEG",
    }  # fmt: skip
    status, body = await rest.signed("POST", "/api/v3/orderList/oco", **oco)
    assert status == 200, body
    legs = {leg["type"]: leg for leg in body["orderReports"]}
    assert D(legs["LIMIT_MAKER"]["peggedPrice"]) == ask
    assert legs["STOP_LOSS_LIMIT"]["pegPriceType"] == "MARKET_PEG"
    oto = {
        "symbol": "BTCUSDT", "workingType": "LIMIT", "workingSide": "BUY",
        "workingQuantity": "0.01", "workingTimeInForce": "GTC",
        "workingPegPriceType": "PRIMARY_PEG", "pendingType": "LIMIT", "pendingSide": "SELL",
        "pendingQuantity": "0.01", "pendingTimeInForce": "GTC",
        "pendingPegPriceType": "PRIMARY_PEG",
    }  # fmt: skip
    status, body = await rest.signed("POST", "/api/v3/orderList/oto", **oto)
    assert status == 200, body
    assert ["peggedPrice" in leg for leg in body["orderReports"]] == [True, False]


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"pegPriceType": "MID_PEG"}, -1210),
        ({"pegOffsetType": "TICKS", "pegOffsetValue": 1}, -1211),
        ({"pegOffsetType": "PRICE_LEVEL"}, -1128),
        ({"pegOffsetValue": 1}, -1128),
        ({"pegOffsetType": "PRICE_LEVEL", "pegOffsetValue": 101}, -1130),
        ({"pegOffsetType": "PRICE_LEVEL", "pegOffsetValue": -1}, -1100),
        ({"type": "LIMIT_MAKER", "timeInForce": "", "pegPriceType": "MARKET_PEG"}, -2010),
        ({"timeInForce": "IOC"}, -2010),
        ({"price": "0"}, -1013),
    ],
)
async def test_what_is_no_peg_is_refused(
    rest: RestClient, changes: dict[str, str | int], code: int
) -> None:
    order = {name: value for name, value in (ORDER | changes).items() if value != ""}
    status, body = await rest.signed("POST", "/api/v3/order", **order)
    assert (status, body.get("code")) == (400, code), body


async def test_symbols_say_that_they_take_pegs(rest: RestClient) -> None:
    _, info = await rest.plain("GET", "/api/v3/exchangeInfo?symbol=BTCUSDT")
    assert info["symbols"][0]["pegInstructionsAllowed"] is True
    assert info["symbols"][0]["allowedSelfTradePreventionModes"] == [
        "EXPIRE_MAKER", "EXPIRE_TAKER", "EXPIRE_BOTH", "NONE",
    ]  # fmt: skip
