"""Unmodified python-binance trades USDⓈ-M futures: REST, WebSocket API and streams."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager

import pytest

from sandbox.server.server import SandboxServer
from tests.sandbox.binance_clients import (
    AsyncClient,
    BinanceAPIException,
    BinanceSocketManager,
    binance_client,
    opened,
    receive,
)

SYMBOL = "BTCUSDT"
Serving = Callable[..., AbstractAsyncContextManager[SandboxServer]]
Client = tuple[AsyncClient, BinanceSocketManager]


@pytest.fixture
async def binance(serving: Serving) -> AsyncIterator[Client]:
    async with (
        serving(clock="accelerated", speed=10.0) as server,
        binance_client(server.url) as (client, sockets),
    ):
        yield client, sockets


async def test_market_data_and_account_are_served(binance: Client) -> None:
    client, _ = binance
    info = await client.futures_exchange_info()
    assert {row["symbol"] for row in info["symbols"]} == {"BTCUSDT", "ETHUSDT"}
    assert len(await client.futures_klines(symbol=SYMBOL, interval="1m", limit=3)) == 3
    assert float((await client.futures_symbol_ticker(symbol=SYMBOL))["price"]) > 0
    assert len((await client.futures_order_book(symbol=SYMBOL, limit=5))["bids"]) == 5
    assert (await client.futures_mark_price(symbol=SYMBOL))["symbol"] == SYMBOL
    assert (await client.futures_account_balance())[0]["balance"] == "10000.00000000"
    assert (await client.futures_account())["totalWalletBalance"] == "10000.00000000"


async def test_errors_carry_code_and_text(binance: Client) -> None:
    client, _ = binance
    with pytest.raises(BinanceAPIException, match="Margin is insufficient") as caught:
        await client.futures_create_order(symbol=SYMBOL, side="BUY", type="MARKET", quantity=90)
    assert (caught.value.code, caught.value.status_code) == (-2019, 400)


async def test_orders_over_the_websocket_api(binance: Client) -> None:
    client, _ = binance
    placed = await client.ws_futures_create_order(
        symbol=SYMBOL, side="BUY", type="LIMIT", timeInForce="GTC", quantity="0.010", price="99000"
    )
    ident = placed["orderId"]
    assert (await client.ws_futures_get_order(symbol=SYMBOL, orderId=ident))["status"] == "NEW"
    edited = await client.ws_futures_edit_order(
        symbol=SYMBOL, orderId=ident, side="BUY", quantity="0.020", price="98000"
    )
    assert edited["origQty"] == "0.020"
    assert (await client.ws_futures_cancel_order(symbol=SYMBOL, orderId=ident))["status"] == (
        "CANCELED"
    )
    await client.ws_futures_create_order(symbol=SYMBOL, side="BUY", type="MARKET", quantity="0.010")
    stop = await client.ws_futures_create_algo_order(
        algoType="CONDITIONAL", symbol=SYMBOL, side="SELL", type="STOP_MARKET",
        triggerPrice="98000", closePosition="true",
    )  # fmt: skip
    response = await client.ws_futures_cancel_algo_order(algoId=stop["algoId"])
    assert response["msg"] == "success"
    assert (await client.ws_futures_v2_account_position())[0]["positionAmt"] == "0.010"
    assert (await client.ws_futures_account_balance())[0]["asset"] == "USDT"
    assert (await client.ws_futures_get_order_book(symbol=SYMBOL))["bids"]
    with pytest.raises(BinanceAPIException, match="-2013"):
        await client.ws_futures_get_order(symbol=SYMBOL, orderId=1)


async def test_market_streams_and_user_events_arrive(binance: Client) -> None:
    client, sockets = binance
    async with opened(sockets.kline_futures_socket(SYMBOL)) as candles:
        event = await receive(candles, lambda m: m.get("e") == "continuous_kline")
        assert (event["ps"], event["k"]["i"]) == (SYMBOL, "1m")
    names = ["btcusdt@aggTrade", "btcusdt@markPrice@1s"]
    async with opened(sockets.futures_multiplex_socket(names)) as both:
        assert (await receive(both, lambda m: "aggTrade" in m.get("stream", "")))["data"]["p"]
        assert (await receive(both, lambda m: "markPrice" in m.get("stream", "")))["data"]["p"]
    async with opened(sockets.futures_depth_socket(SYMBOL)) as book:
        assert (await receive(book, lambda m: "data" in m))["data"]["a"]
    async with opened(sockets.futures_user_socket()) as user:
        await client.futures_create_order(
            symbol=SYMBOL, side="BUY", type="MARKET", quantity=0.01, newClientOrderId="pb-1"
        )
        update = await receive(
            user, lambda m: m.get("e") == "ORDER_TRADE_UPDATE" and m["o"]["x"] == "TRADE"
        )
        assert (update["o"]["c"], update["o"]["X"]) == ("pb-1", "FILLED")
