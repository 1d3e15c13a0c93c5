"""With `--fills volume` each side has its budget, and the book shows what can fill."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from decimal import Decimal
from typing import Any

import aiohttp
import pytest

from sandbox.engines.usdm.engine import UsdmEngine
from sandbox.engines.usdm.model import UsdmAccount
from sandbox.server.server import SandboxServer
from tests.sandbox.helpers import RestClient, limit, market, stop
from trading.candles import MINUTE_MS

Serving = Callable[..., AbstractAsyncContextManager[SandboxServer]]
D = Decimal
RICH = {"USDT": D(100_000_000)}


async def book(client: RestClient) -> tuple[Any, Any]:
    _, shown = await client.plain("GET", "/fapi/v1/depth?symbol=BTCUSDT&limit=20")
    return shown["bids"], shown["asks"]


async def order(client: RestClient, side: str, quantity: str, **more: str) -> Any:
    params = {"symbol": "BTCUSDT", "side": side, "type": "MARKET", "quantity": quantity}
    _, body = await client.signed(
        "POST", "/fapi/v1/order", **params, newOrderRespType="RESULT", **more
    )
    return body


async def test_book_shows_what_is_left_and_a_buy_leaves_the_bids(serving: Serving) -> None:
    async with (
        serving(fills="volume", clock="stepped", balances=RICH) as server,
        aiohttp.ClientSession() as session,
    ):
        client = RestClient(session, server.url)
        # A candle has 10 BTC; a quarter is available from the start, on each side.
        assert await book(client) == ([["99999.90", "2.500"]], [["100000.10", "2.500"]])
        await order(client, "BUY", "2")
        assert await book(client) == ([["99999.90", "2.500"]], [["100000.10", "0.500"]])
        answer = await order(client, "BUY", "1")
        assert (answer["status"], answer["executedQty"]) == ("EXPIRED", "0.500")
        assert await book(client) == ([["99999.90", "2.500"]], [])
        answer = await order(client, "SELL", "2.5", reduceOnly="true")
        assert (answer["status"], answer["executedQty"]) == ("FILLED", "2.5")


async def test_depth_stream_follows_what_is_left(serving: Serving) -> None:
    async with (
        serving(fills="volume", clock="stepped", balances=RICH) as server,
        aiohttp.ClientSession() as session,
        session.ws_connect(f"{server.url}/public/ws/btcusdt@depth") as socket,
    ):
        client = RestClient(session, server.url)
        await book(client)
        await order(client, "BUY", "2")
        event = await socket.receive_json(timeout=60)
        assert event["a"] == [["100000.10", "0.500"]]


def test_close_waits_for_volume_and_fills_when_it_comes(
    engine: UsdmEngine, account: UsdmAccount
) -> None:
    engine.place(account, market("BUY", "0.020"))
    engine.supply("BTCUSDT", D("0.005"))
    close = engine.place(account, market("SELL", "0.020", reduce_only=True))
    assert (close.status, close.filled) == ("PARTIALLY_FILLED", D("0.005"))
    opening = engine.place(account, market("SELL", "0.020"))
    assert (opening.status, opening.filled) == ("EXPIRED", D(0))
    engine.set_time(engine.core.now + MINUTE_MS)
    engine.supply("BTCUSDT", D(1))
    engine.on_price("BTCUSDT", D("99000.0"))
    assert (close.status, close.filled) == ("FILLED", D("0.020"))
    assert account.fills[-1].price == D("98999.9")
    assert not account.fills[-1].maker
    assert account.position("BTCUSDT").amount == 0


def test_stop_without_volume_closes_later(engine: UsdmEngine, account: UsdmAccount) -> None:
    engine.place(account, market("BUY", "0.020"))
    engine.place_algo(account, stop("SELL", "99000.0"))
    engine.supply("BTCUSDT", D(0))
    engine.on_price("BTCUSDT", D("98900.0"))
    assert account.position("BTCUSDT").amount == D("0.020")
    engine.supply("BTCUSDT", D(1))
    engine.on_price("BTCUSDT", D("98800.0"))
    assert account.position("BTCUSDT").amount == 0
    assert not account.open_orders


def test_waiting_close_is_nobodys_counterpart(engine: UsdmEngine, account: UsdmAccount) -> None:
    other = engine.open_account("other", {"USDT": D(10_000)})
    engine.place(account, market("BUY", "0.020"))
    engine.supply("BTCUSDT", D(0))
    close = engine.place(account, market("SELL", "0.020", reduce_only=True))
    resting = engine.place(other, limit("BUY", "0.010", "99000.0"))
    assert (close.filled, resting.filled) == (D(0), D(0))
    assert engine.resting("BTCUSDT") == ({D("99000.0"): D("0.010")}, {})
    assert engine.cancel(account, close).status == "CANCELED"


@pytest.mark.parametrize("side", ["BUY", "SELL"])
def test_each_side_has_its_own_budget(engine: UsdmEngine, account: UsdmAccount, side: str) -> None:
    engine.supply("BTCUSDT", D("0.010"), D("0.004"))
    filled = engine.place(account, market(side, "0.020")).filled
    assert filled == {"BUY": D("0.010"), "SELL": D("0.004")}[side]
    left = engine.supplied("BTCUSDT")
    assert left is not None
    assert left[side] == 0
