"""Unmodified ccxt trades against the sandbox over a real socket."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager
from typing import Any

import ccxt
import pytest

from sandbox.server.server import SandboxServer
from tests.sandbox.helpers import START, rest_exchange
from trading.candles import MINUTE_MS

BTC = "BTC/USDT:USDT"
Serving = Callable[..., AbstractAsyncContextManager[SandboxServer]]


@pytest.fixture
async def exchange(serving: Serving) -> AsyncIterator[Any]:
    """Yield a ccxt client with its markets loaded."""
    async with serving() as server:
        client = rest_exchange(server.url)
        try:
            await client.load_markets()
            yield client
        finally:
            await client.close()


async def test_markets_carry_the_filters(exchange: Any) -> None:
    market = exchange.market(BTC)
    assert market["precision"] == {
        "amount": 0.001,
        "price": 0.1,
        "base": 1e-08,
        "quote": 1e-08,
    }
    assert market["limits"]["cost"]["min"] == 100
    assert market["limits"]["market"]["max"] == 120


async def test_balance_shows_the_deposit(exchange: Any) -> None:
    assert (await exchange.fetch_balance())["USDT"] == {"free": 10000, "used": 0, "total": 10000}


async def test_candles_end_with_the_running_minute(exchange: Any) -> None:
    rows = await exchange.fetch_ohlcv(BTC, "1m", limit=3)
    assert [row[0] for row in rows] == [START - 2 * MINUTE_MS, START - MINUTE_MS, START]
    assert rows[0][1:] == [100000.0, 100100.0, 99900.0, 100000.0, 10.0]
    assert rows[2][1] == 100000.0
    hours = await exchange.fetch_ohlcv(BTC, "1h", since=START - 120 * MINUTE_MS, limit=2)
    assert [(row[0], row[5]) for row in hours] == [
        (START - 120 * MINUTE_MS, 600.0),
        (START - 60 * MINUTE_MS, 600.0),
    ]


async def test_market_data_requests_get_responses(exchange: Any) -> None:
    book = await exchange.fetch_order_book(BTC, 5)
    assert len(book["bids"]) == 5
    assert book["bids"][0][0] < book["asks"][0][0]
    ticker = await exchange.fetch_ticker(BTC)
    assert ticker["last"] == pytest.approx(100_000, rel=0.01)
    assert len(await exchange.fetch_trades(BTC, limit=10)) == 10
    assert (await exchange.fetch_bids_asks([BTC]))[BTC]["ask"] > 0
    funding = await exchange.fetch_funding_rate(BTC)
    assert funding["fundingTimestamp"] == START + 8 * 60 * MINUTE_MS
    tiers = await exchange.fetch_leverage_tiers([BTC])
    assert tiers[BTC][0]["maxLeverage"] == 125


async def test_market_order_round_trip(exchange: Any) -> None:
    await exchange.set_margin_mode("isolated", BTC)
    await exchange.set_leverage(10, BTC)
    order = await exchange.create_order(
        BTC, "market", "buy", 0.01, None, {"clientOrderId": "n1-entry"}
    )
    assert (order["status"], order["filled"]) == ("closed", 0.01)
    assert order["average"] is None  # responses to POST no longer carry an average price
    position = (await exchange.fetch_positions([BTC]))[0]
    assert (position["side"], position["contracts"]) == ("long", 0.01)
    assert position["marginMode"] == "isolated"
    assert position["liquidationPrice"] == pytest.approx(90361.5, rel=0.01)
    await exchange.create_order(BTC, "market", "sell", 0.01, None, {"reduceOnly": True})
    assert await exchange.fetch_positions([BTC]) == []
    trades = await exchange.fetch_my_trades(BTC)
    assert [trade["side"] for trade in trades] == ["buy", "sell"]
    assert trades[0]["fee"]["cost"] == pytest.approx(0.5, rel=0.01)
    found = await exchange.fetch_order(None, BTC, {"origClientOrderId": "n1-entry"})
    assert found["id"] == order["id"]
    assert found["average"] == trades[0]["price"]


async def test_post_only_order_rests_and_is_cancelled(exchange: Any) -> None:
    order = await exchange.create_order(BTC, "limit", "buy", 0.01, 99000, {"postOnly": True})
    assert order["status"] == "open"
    assert [o["id"] for o in await exchange.fetch_open_orders(BTC)] == [order["id"]]
    edited = await exchange.edit_order(order["id"], BTC, "limit", "buy", 0.02, 98000)
    assert (edited["price"], edited["amount"]) == (98000, 0.02)
    assert (await exchange.cancel_order(order["id"], BTC))["status"] == "canceled"
    assert await exchange.fetch_open_orders(BTC) == []
    with pytest.raises(ccxt.ExchangeError, match="-5022"):
        await exchange.create_order(BTC, "limit", "buy", 0.01, 101500, {"postOnly": True})


async def test_stop_and_take_profit_rest_in_the_algo_service(exchange: Any) -> None:
    await exchange.create_order(BTC, "market", "buy", 0.01)
    stop = await exchange.create_order(
        BTC,
        "market",
        "sell",
        None,
        None,
        {"stopLossPrice": 98000, "closePosition": True, "clientAlgoId": "n1-stop"},
    )
    assert (stop["status"], stop["clientOrderId"]) == ("open", "n1-stop")
    await exchange.create_order(
        BTC, "market", "sell", 0.01, None, {"takeProfitPrice": 103000, "reduceOnly": True}
    )
    assert await exchange.fetch_open_orders(BTC) == []
    resting = await exchange.fetch_open_orders(BTC, params={"trigger": True})
    assert sorted(order["triggerPrice"] for order in resting) == [98000, 103000]
    found = await exchange.fetch_order(stop["id"], BTC, {"trigger": True})
    assert found["triggerPrice"] == 98000
    await exchange.cancel_order(stop["id"], BTC, {"trigger": True})
    await exchange.cancel_all_orders(BTC, {"trigger": True})
    assert await exchange.fetch_open_orders(BTC, params={"trigger": True}) == []


async def test_trailing_stop_is_accepted(exchange: Any) -> None:
    await exchange.create_order(BTC, "market", "buy", 0.01)
    order = await exchange.create_order(
        BTC, "market", "sell", 0.01, None, {"trailingPercent": 2, "reduceOnly": True}
    )
    found = await exchange.fetch_order(order["id"], BTC, {"trigger": True})
    assert (found["status"], found["info"]["callbackRate"]) == ("open", "2")


async def test_batch_reports_each_order_on_its_own(exchange: Any) -> None:
    orders = await exchange.create_orders(
        [
            {"symbol": BTC, "type": "limit", "side": "buy", "amount": 0.01, "price": 99000},
            {"symbol": BTC, "type": "limit", "side": "buy", "amount": 90, "price": 99000},
        ]
    )
    responses = {order["status"]: order["info"] for order in orders}
    assert responses["open"]["price"] == "99000"
    assert responses["rejected"]["code"] == -2019
    await exchange.cancel_all_orders(BTC)
    assert await exchange.fetch_open_orders(BTC) == []


async def test_history_lists_the_wallet_changes(exchange: Any) -> None:
    await exchange.create_order(BTC, "market", "buy", 0.01)
    await exchange.create_order(BTC, "market", "sell", 0.01, None, {"reduceOnly": True})
    ledger = await exchange.fetch_ledger("USDT")
    kinds = [entry["info"]["incomeType"] for entry in ledger]
    assert kinds == ["TRANSFER", "COMMISSION", "REALIZED_PNL", "COMMISSION"]
    closed = await exchange.fetch_orders(BTC)
    assert [order["status"] for order in closed] == ["closed", "closed"]


async def test_errors_carry_the_numeric_code(exchange: Any) -> None:
    with pytest.raises(ccxt.ExchangeError, match="-2019"):
        await exchange.create_order(BTC, "market", "buy", 90)
    with pytest.raises(ccxt.ExchangeError, match="-2021"):
        await exchange.create_order(
            BTC, "market", "sell", None, None, {"stopLossPrice": 104000, "closePosition": True}
        )
    with pytest.raises(ccxt.ExchangeError, match="-2022"):
        await exchange.create_order(BTC, "market", "sell", 0.01, None, {"reduceOnly": True})
    with pytest.raises(ccxt.ExchangeError, match="-2011"):
        await exchange.cancel_order("123", BTC)
    with pytest.raises(ccxt.ExchangeError, match="-4059"):
        await exchange.set_position_mode(False)
    assert (await exchange.fetch_position_mode())["hedged"] is False
