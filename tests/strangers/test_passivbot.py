"""The calls that passivbot makes through ccxt on Binance futures, in the order that it makes them.

Read from its `src/exchanges/binance.py` and `ccxt_bot.py` of 2026-08-22: hedge mode, post-only
orders with a position side and a client id, fills and profits.
"""

from __future__ import annotations

import asyncio
from contextlib import suppress
from typing import Any

import ccxt.async_support as ccxt_async
import ccxt.pro as ccxt_pro
import pytest

from tests.strangers.conftest import SAMPLE, Sandbox, Started

pytestmark = pytest.mark.slow

BTC = "BTC/USDT:USDT"
LONG = {"positionSide": "LONG"}


def pointed(kind: Any, exchange: Sandbox) -> Any:
    """Make a client as passivbot does; only hosts and keys are set."""
    client = kind({"apiKey": "sandbox", "secret": "sandbox", "enableRateLimit": True})
    client.urls["api"] = exchange.pointed(client.urls["api"])
    client.options["defaultType"] = "swap"
    return client


async def trade(cca: Any, ccp: Any) -> None:
    await cca.load_markets()
    await cca.set_position_mode(True)
    with suppress(ccxt_async.MarginModeAlreadySet):
        await cca.set_margin_mode("cross", symbol=BTC)
    await cca.set_leverage(10, symbol=BTC)
    assert (await cca.fetch_balance())["total"]["USDT"] == 10_000
    assert len(await cca.fetch_ohlcv(BTC, timeframe="1m", limit=1_000)) == 1_000
    book = {row["symbol"]: row for row in await cca.fapipublic_get_ticker_bookticker()}
    bid = float(book["BTCUSDT"]["bidPrice"])
    assert BTC in await cca.fetch_tickers()
    watched = asyncio.create_task(ccp.watch_orders())
    await asyncio.sleep(1)  # the socket of the user stream
    resting = {**LONG, "newClientOrderId": "0x0004-rest", "timeInForce": "GTX"}
    price = cca.price_to_precision(BTC, bid * 0.97)
    placed = await cca.create_order(BTC, "limit", "buy", 0.01, price, resting)
    async with asyncio.timeout(20):
        assert (await watched)[0]["clientOrderId"] == "0x0004-rest"
    found = await cca.fetch_open_orders(symbol=BTC)
    assert [row["info"]["positionSide"] for row in found] == ["LONG"]
    await cca.cancel_order(placed["id"], symbol=BTC)
    assert await cca.fetch_open_orders(symbol=BTC) == []
    await cca.create_order(BTC, "market", "buy", 0.01, None, LONG)
    rows = await cca.fapiprivatev3_get_positionrisk()
    (held,) = [row for row in rows if row["symbol"] == "BTCUSDT"]
    assert (held["positionSide"], float(held["positionAmt"])) == ("LONG", 0.01)
    assert len(await cca.fetch_positions()) == 1
    await cca.create_order(BTC, "market", "sell", 0.01, None, LONG)
    fills = await cca.fetch_my_trades(BTC, limit=1_000)
    assert [row["info"]["positionSide"] for row in fills] == ["LONG", "LONG"]
    profits = {"incomeType": "REALIZED_PNL", "limit": 1_000}
    incomes = await cca.fapiprivate_get_income(params=profits)
    assert [row["symbol"] for row in incomes] == ["BTCUSDT"]


def test_calls_of_passivbot_are_served(sandbox: Started) -> None:
    async def run(exchange: Sandbox) -> None:
        cca = pointed(ccxt_async.binanceusdm, exchange)
        ccp = pointed(ccxt_pro.binanceusdm, exchange)
        try:
            await trade(cca, ccp)
        finally:
            await cca.close()
            await ccp.close()

    options = ("--candles", str(SAMPLE / "usdm"), "--venue", "both", "--from", "2025-06-12")
    with sandbox(*options) as exchange:
        asyncio.run(run(exchange))
