"""Spot's user stream over the WebSocket API: order events, its end, disconnections and pings.

There is no listen key: a subscription lives as long as its connection, and a connection as long as
the client answers pings.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from typing import Any

import aiohttp
import pytest

from sandbox.api import ws_api
from sandbox.api.spot.exchange import SpotExchange
from sandbox.server.server import SandboxServer
from tests.sandbox.binance_clients import WSListenerState, binance_client, receive
from tests.sandbox.helpers import START, spot_exchange, until
from tests.sandbox.wire import inject_fault

SYMBOL, UNIFIED = "BTCUSDT", "BTC/USDT"
Serving = Callable[..., AbstractAsyncContextManager[SandboxServer]]
ORDER_EVENTS = ["NEW", "outboundAccountPosition", "TRADE", "outboundAccountPosition"]


def spot_of(server: SandboxServer) -> SpotExchange:
    assert server.spot is not None
    return server.spot


async def test_ccxt_pro_resubscribes_after_termination_and_disconnection(serving: Serving) -> None:
    async with serving(venue="spot") as server:
        client, users = spot_exchange(server.url, streams=True), spot_of(server).users

        async def receives_an_order() -> None:
            watching = asyncio.create_task(client.watch_orders(UNIFIED))
            await until(lambda: bool(users.sessions))
            placed = await client.create_order(UNIFIED, "limit", "buy", 0.001, 96_000)
            async with asyncio.timeout(5):
                assert (await watching)[-1]["id"] == placed["id"]

        try:
            await client.load_markets()
            await receives_an_order()
            await inject_fault(server, "terminate_user")
            assert not users.sessions
            session = client.clients[client.urls["api"]["ws"]["ws-api"]["spot"]]
            await until(lambda: "spot" not in session.subscriptions)
            await receives_an_order()
            await inject_fault(server, "disconnect_user")
            await until(lambda: not users.sessions)
            await receives_an_order()
        finally:
            await client.close()


async def buy(client: Any) -> None:
    await client.create_order(symbol=SYMBOL, side="BUY", type="MARKET", quantity=0.001)


def streaming(socket: Any) -> bool:
    return bool(socket.ws_state == WSListenerState.STREAMING)


async def order_events(user: Any) -> list[str]:
    """Return the events that a python-binance socket receives for an order."""
    heard = [await receive(user, lambda m: m.get("e", "error") != "error") for _ in ORDER_EVENTS]
    return [m.get("x", m["e"]) for m in heard]


async def test_python_binance_needs_a_new_socket_after_termination_and_disconnection(
    serving: Serving,
) -> None:
    async with (
        serving(venue="spot") as server,
        binance_client(server.url) as (client, sockets),
    ):
        client.ws_api._get_reconnect_wait = lambda _: 0  # by default it waits a second or two
        users = spot_of(server).users
        async with sockets.user_socket() as first:
            await buy(client)
            assert await order_events(first) == ORDER_EVENTS
            await inject_fault(server, "terminate_user")
            assert (await receive(first, lambda m: "e" in m))["e"] == "eventStreamTerminated"
        async with sockets.user_socket() as second:
            await buy(client)
            assert await order_events(second) == ORDER_EVENTS
            cut = client.ws_api.ws
            await inject_fault(server, "disconnect_user")
            assert (await receive(second, lambda m: "e" in m))["e"] == "error"
            await until(lambda: client.ws_api.ws is not cut and streaming(client.ws_api))
            # It reconnects but does not resubscribe, so it receives no further events.
            assert (await client.ws_get_time())["serverTime"] > START
            assert not users.sessions
            async with sockets.user_socket() as third:
                await buy(client)
                assert await order_events(third) == ORDER_EVENTS
                assert not [m for m in drained(second) if m.get("e") != "error"]


def drained(socket: Any) -> list[Any]:
    """Return all messages that a python-binance socket has queued."""
    return [socket._queue.get_nowait() for _ in range(socket._queue.qsize())]


@pytest.fixture
def pinged(serving: Serving, monkeypatch: pytest.MonkeyPatch) -> Serving:
    """Ping connections ten times a second; a market minute takes a second."""
    monkeypatch.setattr(ws_api, "PING_S", 0.1)
    return lambda **more: serving(venue="spot", clock="accelerated", speed=60.0, **more)


async def pass_half_a_minute(server: SandboxServer) -> None:
    """Wait for half a second of wall time, in which five pings go out."""
    begun = server.replay.now
    await until(lambda: server.replay.now >= begun + 30_000)


async def test_ccxt_pro_keeps_its_subscription_by_answering_pings(pinged: Serving) -> None:
    async with pinged() as server:
        client, users = spot_exchange(server.url, streams=True), spot_of(server).users
        try:
            await client.load_markets()
            await client.authenticate({"type": "spot"})
            kept = users.sessions
            await pass_half_a_minute(server)
            assert users.sessions == kept != []
        finally:
            await client.close()


async def test_python_binance_keeps_its_subscription_by_answering_pings(pinged: Serving) -> None:
    async with (
        pinged() as server,
        binance_client(server.url) as (_, sockets),
        sockets.user_socket(),
    ):
        kept = spot_of(server).users.sessions
        await pass_half_a_minute(server)
        assert spot_of(server).users.sessions == kept != []


async def test_client_that_answers_no_ping_loses_its_connection(pinged: Serving) -> None:
    async with (
        pinged() as server,
        aiohttp.ClientSession() as web,
        web.ws_connect(f"{server.url}/ws-api/v3", autoping=False) as socket,
    ):
        kinds = []
        async with asyncio.timeout(5):
            while not socket.closed:
                kinds.append((await socket.receive()).type)
        assert kinds[0] is aiohttp.WSMsgType.PING
