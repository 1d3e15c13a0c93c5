"""Binance's own SDK packages trade spot and USDⓈ-M against the sandbox by their base URLs."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager
from decimal import Decimal
from typing import Any

import pytest

from sandbox.server import SandboxServer

spot_sdk = pytest.importorskip("binance_sdk_spot", reason="the SDKs are not installed")
usdm_sdk = pytest.importorskip("binance_sdk_derivatives_trading_usds_futures")
configuration = pytest.importorskip("binance_common.configuration")

SYMBOL = "BTCUSDT"
D = Decimal
KEYS = {"api_key": "sandbox", "api_secret": "sandbox"}
Serving = Callable[..., AbstractAsyncContextManager[SandboxServer]]


@pytest.fixture
async def server(serving: Serving) -> AsyncIterator[SandboxServer]:
    async with serving(venue="both", clock="accelerated", speed=10.0) as server:
        yield server


def _rest(url: str) -> Any:
    return configuration.ConfigurationRestAPI(base_path=url, timeout=5000, **KEYS)


async def test_spot_orders_by_rest(server: SandboxServer) -> None:
    client = spot_sdk.spot.Spot(config_rest_api=_rest(server.url)).rest_api

    def trade() -> None:
        assert client.exchange_info(symbol=SYMBOL).data().symbols[0].symbol == SYMBOL
        bought = client.new_order(SYMBOL, "BUY", "MARKET", quantity=0.01).data()
        assert (bought.status, bought.fills[0].commission_asset) == ("FILLED", "BTC")
        rested = client.new_order(
            SYMBOL, "BUY", "LIMIT", time_in_force="GTC", quantity=0.01, price=95000
        ).data()
        assert client.get_order(SYMBOL, order_id=rested.order_id).data().status == "NEW"
        listed = client.order_list_oco(
            SYMBOL, "SELL", 0.00999, "LIMIT_MAKER", "STOP_LOSS", above_price=104000,
            below_stop_price=96000,
        ).data()  # fmt: skip
        assert listed.list_order_status == "EXECUTING"
        client.delete_open_orders(SYMBOL)
        held = {row.asset: row.free for row in client.get_account().data().balances}
        assert held["BTC"] == "0.00999000"
        assert len(client.my_trades(SYMBOL).data()) == 1

    await asyncio.to_thread(trade)


async def test_usdm_orders_by_rest(server: SandboxServer) -> None:
    futures = usdm_sdk.derivatives_trading_usds_futures
    client = futures.DerivativesTradingUsdsFutures(config_rest_api=_rest(server.url)).rest_api

    def trade() -> None:
        assert client.change_initial_leverage(SYMBOL, 10).data().leverage == 10
        client.new_order(SYMBOL, "BUY", "MARKET", quantity=0.01)
        stop = client.new_algo_order(
            "CONDITIONAL", SYMBOL, "SELL", "STOP_MARKET", trigger_price=98000,
            close_position="true", client_algo_id="sdk-stop",
        ).data()  # fmt: skip
        assert stop.client_algo_id == "sdk-stop"
        assert len(client.current_all_algo_open_orders().data()) == 1
        held = client.position_information_v3(symbol=SYMBOL).data()
        assert held[0].position_amt == "0.01"
        client.new_order(SYMBOL, "SELL", "MARKET", quantity=0.01, reduce_only="true")
        assert len(client.account_trade_list(SYMBOL).data()) == 2
        assert client.futures_account_balance_v3().data()[0].asset == "USDT"

    await asyncio.to_thread(trade)


@pytest.mark.filterwarnings("ignore:parameter 'timeout' of type:DeprecationWarning")
async def test_spot_websocket_api_and_streams(server: SandboxServer) -> None:
    ws = server.url.replace("http", "ws", 1)
    client = spot_sdk.spot.Spot(
        config_ws_api=configuration.ConfigurationWebSocketAPI(stream_url=f"{ws}/ws-api/v3", **KEYS),
        config_ws_streams=configuration.ConfigurationWebSocketStreams(stream_url=ws),
    )
    api = await client.websocket_api.create_connection()
    try:
        placed = await api.order_place(
            symbol=SYMBOL, side="BUY", type="LIMIT", time_in_force="GTC", quantity=0.01,
            price=95000.0,
        )  # fmt: skip
        assert placed.data().result.status == "NEW"
    finally:
        await api.close_connection(close_session=True)
    streams = await client.websocket_streams.create_connection()
    heard: asyncio.Queue[Any] = asyncio.Queue()
    try:
        trades = await streams.agg_trade(symbol="btcusdt")
        trades.on("message", heard.put_nowait)
        async with asyncio.timeout(10):
            assert (await heard.get()).s == SYMBOL
    finally:
        await streams.close_connection(close_session=True)
