"""Every fault of streams and messages, as a client sees it."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from itertools import pairwise
from typing import Any

import aiohttp
import pytest

from sandbox.faults.injection import parse_fault
from sandbox.server.server import SandboxServer
from tests.sandbox.wire import ORDER, Wire, silent
from trading.errors import SettingsError

Serving = Callable[..., AbstractAsyncContextManager[SandboxServer]]


@pytest.mark.parametrize("kind", ["mute_market", "half_open_market"])
async def test_market_stream_falls_silent_and_stays_open(wire: Wire, kind: str) -> None:
    socket = await wire.market()
    await wire.events(socket, 1)
    await wire.fault(kind)
    assert await silent(socket)
    assert not socket.closed
    if kind == "half_open_market":
        await socket.ping()
        assert await silent(socket)


@pytest.mark.parametrize("kind", ["mute_user", "half_open_user"])
async def test_user_stream_falls_silent_while_orders_fill(wire: Wire, kind: str) -> None:
    socket = await wire.user()
    await wire.fault(kind)
    assert (await wire.order())[0] == 200
    assert await silent(socket)


@pytest.mark.parametrize("kind", ["disconnect_market", "disconnect_user"])
async def test_connections_are_cut(wire: Wire, kind: str) -> None:
    socket = await (wire.market() if kind.endswith("market") else wire.user())
    await wire.fault(kind)
    async with asyncio.timeout(5):
        while (await socket.receive()).type is aiohttp.WSMsgType.TEXT:
            pass
    assert socket.closed


async def test_user_messages_are_dropped_duplicated_and_reordered(wire: Wire) -> None:
    socket = await wire.user()
    await wire.fault("drop_user", path="ACCOUNT_UPDATE")
    await wire.fault("duplicate_user", path="ORDER_TRADE_UPDATE")
    await wire.fault("reorder_user", path="TRADE_LITE")
    await wire.order()
    events = [(m["e"], m.get("o", {}).get("x")) for m in await wire.events(socket, 4)]
    trade = "ORDER_TRADE_UPDATE"
    assert events == [(trade, "NEW"), (trade, "NEW"), (trade, "TRADE"), ("TRADE_LITE", None)]


async def test_user_messages_are_delayed(wire: Wire) -> None:
    socket = await wire.user()
    await wire.fault("delay_user", path="TRADE_LITE", seconds=0.3)
    await wire.order()
    names = [m["e"] for m in await wire.events(socket, 4)]
    assert names[-1] == "TRADE_LITE"


def steps(trades: list[Any]) -> list[int]:
    """Return the differences between consecutive trade ids."""
    return [new["a"] - old["a"] for old, new in pairwise(trades)]


async def test_market_messages_are_dropped_duplicated_and_delayed(wire: Wire) -> None:
    socket = await wire.market()
    first = await wire.events(socket, 1)
    await wire.fault("drop_market")
    heard = await wire.until(socket, lambda found: 2 in steps(found), first)
    assert steps(heard) == [1] * (len(heard) - 2) + [2]
    await wire.fault("duplicate_market")
    heard = await wire.until(socket, lambda found: 0 in steps(found), heard[-1:])
    assert steps(heard) == [1] * (len(heard) - 2) + [0]
    await wire.fault("delay_market", seconds=0.25)
    heard = await wire.until(socket, lambda found: min(steps(found), default=0) < 0, heard[-1:])
    assert steps(heard).count(2) == 1


async def test_market_messages_are_reordered(wire: Wire) -> None:
    socket = await wire.market()
    await wire.fault("reorder_market")
    await wire.until(socket, lambda found: min(steps(found), default=0) < 0)


async def test_responses_and_messages_are_altered_in_one_field(wire: Wire) -> None:
    await wire.fault("alter_response", path="/order$", field="executedQty")
    assert "executedQty" not in (await wire.order())[1]
    await wire.fault("alter_response", path="positionRisk$", field="0.positionAmt", value="7")
    assert (await wire.rest.signed("GET", "/fapi/v3/positionRisk"))[1][0]["positionAmt"] == 7
    assert await wire.position() == "0.01"
    socket = await wire.user()
    await wire.fault("alter_user", path="ORDER_TRADE_UPDATE", field="o.X", value="TELEPORTED")
    await wire.order()
    assert (await wire.events(socket, 1))[0]["o"]["X"] == "TELEPORTED"
    book = await wire.session.ws_connect(f"{wire.ws}/public/stream?streams=btcusdt@bookTicker")
    await wire.fault("alter_market", path="bookTicker", field="b", value='"200000"')
    crossed = await wire.until(book, lambda f: any(m["data"]["b"] == "200000" for m in f))
    assert float(crossed[-1]["data"]["b"]) > float(crossed[-1]["data"]["a"])
    with pytest.raises(SettingsError, match="name the field"):
        parse_fault({"kind": "alter_user"})


async def test_frozen_stream_repeats_the_same_message(wire: Wire) -> None:
    socket = await wire.market()
    await wire.fault("freeze_market", count=5)
    heard = await wire.until(socket, lambda found: steps(found).count(0) == 4)
    heard = await wire.until(socket, lambda found: steps(found)[-1] > 1, heard)
    assert steps(heard).count(0) == 4


async def test_depth_has_a_gap_and_candles_arrive_out_of_order(wire: Wire) -> None:
    book = await wire.session.ws_connect(f"{wire.ws}/public/ws/btcusdt@depth")
    last = (await wire.events(book, 1))[0]
    await wire.fault("drop_market", path="depth")
    await wire.until(
        book, lambda found: any(new["pu"] != old["u"] for old, new in pairwise(found)), [last]
    )
    candles = await wire.market("btcusdt@kline_1m")
    await wire.fault("reorder_market", path="kline")
    await wire.until(
        candles, lambda found: any(new["E"] < old["E"] for old, new in pairwise(found))
    )


async def test_delayed_user_message_of_spot_arrives_after_the_delay(serving: Serving) -> None:
    async with serving(venue="spot", retired=True) as server, aiohttp.ClientSession() as session:
        wire = Wire(server, session)
        _, answer = await wire.rest.plain("POST", "/api/v3/userDataStream")
        socket = await session.ws_connect(f"{wire.ws}/ws/{answer['listenKey']}")
        await wire.fault("delay_user", path="executionReport", seconds=0.2)
        began = time.monotonic()
        await wire.rest.signed("POST", "/api/v3/order", **ORDER)
        words = [m.get("x", m["e"]) for m in await wire.events(socket, 4)]
        assert (words[-1], time.monotonic() - began > 0.15) == ("NEW", True)


async def test_margin_call_comes_once_and_the_liquidation_is_public(wire: Wire) -> None:
    await wire.rest.signed("POST", "/fapi/v1/marginType", symbol="BTCUSDT", marginType="ISOLATED")
    await wire.rest.signed("POST", "/fapi/v1/leverage", symbol="BTCUSDT", leverage="100")
    await wire.order()
    user = await wire.user()
    forced = [
        await wire.session.ws_connect(f"{wire.ws}/market/ws/{name}")
        for name in ("btcusdt@forceOrder", "!forceOrder@arr")
    ]
    (position,) = (await wire.rest.signed("GET", "/fapi/v3/positionRisk"))[1]
    near = float(position["liquidationPrice"]) + 20
    for price in (near, near + 5):
        await wire.fault("price_jump", symbol="BTCUSDT", price=f"{price:.1f}")
    (call,) = await wire.events(user, 1)
    assert (call["e"], "cw" in call) == ("MARGIN_CALL", False)
    assert (call["p"][0]["s"], call["p"][0]["mt"]) == ("BTCUSDT", "ISOLATED")
    await wire.fault("price_jump", symbol="BTCUSDT", price=f"{near - 60:.1f}")
    names = [m["e"] for m in await wire.events(user, 4)]
    assert names == ["ORDER_TRADE_UPDATE", "ACCOUNT_UPDATE", "TRADE_LITE", "ORDER_TRADE_UPDATE"]
    for socket in forced:
        (liquidation,) = await wire.events(socket, 1)
        assert (liquidation["e"], liquidation["o"]["S"], liquidation["o"]["z"]) == (
            "forceOrder",
            "SELL",
            "0.01",
        )
