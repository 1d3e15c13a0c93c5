"""Unmodified ccxt, ccxt.pro and python-binance trade spot against the sandbox."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager
from decimal import Decimal
from typing import Any

import aiohttp
import ccxt
import pytest

from sandbox.server.server import SandboxServer
from tests.sandbox.binance_clients import BinanceAPIException, binance_client, opened, receive
from tests.sandbox.helpers import RestClient, spot_exchange

BTC, SYMBOL = "BTC/USDT", "BTCUSDT"
D = Decimal
Serving = Callable[..., AbstractAsyncContextManager[SandboxServer]]


@pytest.fixture
async def server(serving: Serving) -> AsyncIterator[SandboxServer]:
    """Serve both venues on one port, with 10000 USDT and 1 ETH on spot."""
    balances = {"USDT": D(10_000), "ETH": D(1)}
    async with serving(venue="both", balances=balances, clock="accelerated", speed=10.0) as server:
        yield server


@pytest.fixture
async def exchange(server: SandboxServer) -> AsyncIterator[Any]:
    client = spot_exchange(server.url)
    try:
        await client.load_markets()
        yield client
    finally:
        await client.close()


async def test_ccxt_reads_market_data(exchange: Any) -> None:
    market = exchange.market(BTC)
    assert market["precision"]["amount"] == 1e-05
    assert market["limits"]["cost"]["min"] == 5
    assert len(await exchange.fetch_ohlcv(BTC, "1m", limit=3)) == 3
    assert (await exchange.fetch_ticker(BTC))["bid"] > 0
    assert BTC in await exchange.fetch_tickers([BTC])
    assert len((await exchange.fetch_order_book(BTC, 5))["asks"]) == 5
    assert len(await exchange.fetch_trades(BTC, limit=5)) == 5
    assert (await exchange.fetch_trading_fee(BTC))["taker"] == 0.001
    assert (await exchange.fetch_balance())["ETH"]["free"] == 1


async def test_ccxt_buys_and_the_fee_comes_off_what_it_bought(exchange: Any) -> None:
    order = await exchange.create_order(BTC, "market", "buy", 0.01, None, {"clientOrderId": "b1"})
    assert (order["status"], order["filled"]) == ("closed", 0.01)
    assert order["fees"][0] == {"currency": "BTC", "cost": 0.00001, "rate": None} or (
        order["fee"]["currency"] == "BTC"
    )
    assert (await exchange.fetch_balance())["BTC"]["total"] == 0.00999
    with pytest.raises(ccxt.ExchangeError, match="insufficient balance"):
        await exchange.create_order(BTC, "market", "sell", 0.01)
    await exchange.create_order(BTC, "market", "sell", 0.00999)
    trades = await exchange.fetch_my_trades(BTC)
    assert [(t["side"], t["fee"]["currency"]) for t in trades] == [("buy", "BTC"), ("sell", "USDT")]
    by_cost = await exchange.create_market_buy_order_with_cost(BTC, 100)
    assert 99 < by_cost["cost"] <= 100
    found = await exchange.fetch_order(None, BTC, {"origClientOrderId": "b1"})
    assert found["id"] == order["id"]


async def test_ccxt_places_edits_and_cancels_a_resting_order(exchange: Any) -> None:
    order = await exchange.create_order(BTC, "limit", "buy", 0.01, 95000, {"postOnly": True})
    assert order["status"] == "open"
    assert (await exchange.fetch_balance())["USDT"]["used"] == 950
    edited = await exchange.edit_order(order["id"], BTC, "limit", "buy", 0.01, 94000)
    assert edited["price"] == 94000
    assert len(await exchange.fetch_open_orders(BTC)) == 1
    assert (await exchange.cancel_order(edited["id"], BTC))["status"] == "canceled"
    assert (await exchange.fetch_balance())["USDT"]["used"] == 0
    with pytest.raises(ccxt.ExchangeError, match="immediately match"):
        await exchange.create_order(BTC, "limit", "buy", 0.01, 105000, {"postOnly": True})
    for tif in ("IOC", "FOK"):
        missed = await exchange.create_order(BTC, "limit", "buy", 0.01, 95000, {"timeInForce": tif})
        assert missed["status"] == "expired"


async def test_ccxt_places_stops_and_a_trailing_stop(exchange: Any) -> None:
    await exchange.create_order(BTC, "market", "buy", 0.03)
    stop = await exchange.create_order(BTC, "market", "sell", 0.01, None, {"stopLossPrice": 95000})
    profit = await exchange.create_order(
        BTC, "limit", "sell", 0.01, 104000, {"takeProfitPrice": 103000}
    )
    trailing = await exchange.create_order(
        BTC,
        "market",
        "sell",
        0.005,
        None,
        {"trailingPercent": 2, "stopLossOrTakeProfit": "stopLoss"},
    )
    found = {o["id"]: o for o in await exchange.fetch_open_orders(BTC)}
    assert set(found) == {stop["id"], profit["id"], trailing["id"]}
    assert found[stop["id"]]["triggerPrice"] == 95000
    assert found[trailing["id"]]["info"]["trailingDelta"] == 200
    with pytest.raises(ccxt.ExchangeError, match="trigger immediately"):
        await exchange.create_order(BTC, "market", "sell", 0.001, None, {"stopLossPrice": 105000})
    await exchange.cancel_all_orders(BTC)
    assert await exchange.fetch_open_orders(BTC) == []


async def test_ccxt_places_an_oco_and_converts_dust(exchange: Any) -> None:
    await exchange.create_order(BTC, "market", "buy", 0.01)
    placed = await exchange.private_post_orderlist_oco(
        {
            "symbol": SYMBOL, "side": "SELL", "quantity": "0.00999",
            "aboveType": "LIMIT_MAKER", "abovePrice": "104000",
            "belowType": "STOP_LOSS_LIMIT", "belowStopPrice": "96000", "belowPrice": "95900",
            "belowTimeInForce": "GTC",
        }
    )  # fmt: skip
    assert (placed["contingencyType"], len(placed["orderReports"])) == ("OCO", 2)
    assert (await exchange.fetch_balance())["BTC"]["used"] == 0.00999
    await exchange.cancel_order(placed["orders"][0]["orderId"], BTC)
    listed = await exchange.private_get_orderlist({"orderListId": placed["orderListId"]})
    assert listed["listOrderStatus"] == "ALL_DONE"
    await exchange.create_order(BTC, "market", "sell", 0.00995)
    response = await exchange.sapi_post_asset_dust({"asset": ["BTC"]})
    assert response["transferResult"][0]["fromAsset"] == "BTC"
    balance = await exchange.fetch_balance()
    assert balance["BNB"]["free"] > 0
    assert balance["BTC"]["total"] == 0


async def test_ccxt_pro_receives_market_data_and_order_events(server: SandboxServer) -> None:
    client = spot_exchange(server.url, streams=True)
    try:
        await client.load_markets()
        async with asyncio.timeout(20):
            assert (await client.watch_trades(BTC))[0]["price"] > 0
            assert (await client.watch_ohlcv(BTC, "1m"))[-1][1] > 0
            book = await client.watch_order_book(BTC)
            assert book["bids"][0][0] < book["asks"][0][0]
            assert (await client.watch_bids_asks([BTC]))[BTC]["bid"] > 0
            orders = asyncio.create_task(client.watch_orders(BTC))
            while not server.spot.users.of("main"):
                await asyncio.sleep(0.01)
            placed = await client.create_order(BTC, "limit", "buy", 0.01, 95000)
            assert (await orders)[0]["id"] == placed["id"]
            by_socket = await client.create_order_ws(BTC, "limit", "buy", 0.01, 94000)
            assert by_socket["status"] == "open"
            cancelled = await client.cancel_order_ws(by_socket["id"], BTC)
            assert cancelled["status"] == "canceled"
            assert (await client.fetch_balance())["USDT"]["used"] == 950
    finally:
        await client.close()


async def test_python_binance_trades_spot(server: SandboxServer) -> None:
    async with binance_client(server.url) as (client, sockets):
        assert (await client.get_symbol_info(SYMBOL))["status"] == "TRADING"
        assert len(await client.get_klines(symbol=SYMBOL, interval="1m", limit=3)) == 3
        async with opened(sockets.kline_socket(SYMBOL)) as candles:
            assert (await receive(candles, lambda m: m.get("e") == "kline"))["s"] == SYMBOL
        async with opened(sockets.multiplex_socket(["btcusdt@aggTrade"])) as trades:
            assert (await receive(trades, lambda m: "data" in m))["data"]["M"] is True
        await client.ws_create_order(
            symbol=SYMBOL, side="BUY", type="LIMIT", timeInForce="GTC", quantity="0.01",
            price="95000", newClientOrderId="pb-1",
        )  # fmt: skip
        found = await client.ws_get_order(symbol=SYMBOL, origClientOrderId="pb-1")
        assert found["status"] == "NEW"
        user = sockets.user_socket()
        await user.__aenter__()
        await client.create_order(symbol=SYMBOL, side="BUY", type="MARKET", quantity="0.01")
        new = await receive(user, lambda m: m["e"] == "executionReport")
        assert (new["x"], new["o"]) == ("NEW", "MARKET")
        traded = await receive(user, lambda m: m["e"] == "executionReport")
        assert (traded["x"], traded["N"], traded["n"]) == ("TRADE", "BTC", "0.00001000")
        position = await receive(user, lambda m: m["e"] == "outboundAccountPosition")
        assert {row["a"] for row in position["B"]} == {"BTC", "USDT"}
        await user.__aexit__(None, None, None)
        await client.cancel_order(symbol=SYMBOL, origClientOrderId="pb-1")
        oco = await client.order_oco_sell(
            symbol=SYMBOL, quantity="0.00999", aboveType="LIMIT_MAKER", abovePrice="104000",
            belowType="STOP_LOSS", belowStopPrice="96000",
        )  # fmt: skip
        assert oco["listOrderStatus"] == "EXECUTING"
        assert len(await client.get_open_orders(symbol=SYMBOL)) == 2
        with pytest.raises(BinanceAPIException, match="retired"):
            await client.stream_get_listen_key()
        await _agree(client, server.url)


async def _agree(client: Any, url: str) -> None:
    """Check that ccxt sees the same account."""
    other = spot_exchange(url)
    try:
        theirs = await other.fetch_balance()
        mine = (await client.get_account())["balances"]
        for row in mine:
            total = float(row["free"]) + float(row["locked"])
            assert theirs[row["asset"]]["total"] == pytest.approx(total, abs=1e-9)
    finally:
        await other.close()


async def test_spot_refuses_with_the_documented_texts(server: SandboxServer) -> None:
    order = {"symbol": SYMBOL, "side": "BUY", "type": "LIMIT", "timeInForce": "GTC"}
    cases = [
        ({"quantity": "0.01", "price": "95000.001"}, -1013, "Filter failure: PRICE_FILTER"),
        ({"quantity": "0.0000001", "price": "95000"}, -1013, "Filter failure: LOT_SIZE"),
        ({"quantity": "0.00001", "price": "95000"}, -1013, "Filter failure: NOTIONAL"),
        ({"quantity": "0.01", "price": "9"}, -1013, "Filter failure: PERCENT_PRICE_BY_SIDE"),
        ({"quantity": "0.010000001", "price": "95000"}, -1111, "too much precision"),
        ({"quantity": "0.01"}, -1102, "Mandatory parameter 'price'"),
        ({"quantity": "0.01", "price": "95000", "stopPrice": "1"}, -1106, "'stopPrice' sent"),
        ({"quantity": "1", "price": "95000"}, -2010, "insufficient balance"),
        ({"quantity": "0.01", "price": "95000", "newClientOrderId": "a$b"}, -1100, "Illegal"),
    ]
    async with aiohttp.ClientSession() as session:
        client = RestClient(session, server.url)
        for more, code, text in cases:
            status, body = await client.signed("POST", "/api/v3/order", **order, **more)
            assert (status, body["code"]) == (400, code), (more, body)
            assert text in body["msg"]
        status, body = await client.plain("POST", "/api/v3/userDataStream")
        assert (status, body["code"]) == (410, -1)
