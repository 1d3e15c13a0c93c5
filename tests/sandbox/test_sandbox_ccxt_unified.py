"""ccxt's own unified tests, which its package ships, against the sandbox.

They check the structure and the inner agreement of what every unified method returns.
"""

from __future__ import annotations

import asyncio
import importlib
import sys
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager
from decimal import Decimal
from typing import Any

import pytest
from sandbox_helpers import rest_exchange, spot_exchange, stream_exchange

from sandbox.server import SandboxServer

Serving = Callable[..., AbstractAsyncContextManager[SandboxServer]]
SYMBOLS = {"usdm": "BTC/USDT:USDT", "spot": "BTC/USDT"}
S, C, L = "SYMBOL", "USDT", ["SYMBOL"]
BOTH: dict[str, list[Any]] = {
    "after_construct": [], "load_markets": [], "features": [],
    "fetch_currencies": [], "fetch_markets": [], "fetch_ticker": [S], "fetch_tickers": [S],
    "fetch_last_prices": [S], "fetch_ohlcv": [S], "fetch_trades": [S], "fetch_order_book": [S],
    "fetch_status": [], "fetch_balance": [], "fetch_trading_fee": [S], "fetch_trading_fees": [],
    "fetch_orders": [S], "fetch_open_orders": [S], "fetch_closed_orders": [S],
    "fetch_my_trades": [S], "create_order": [S],
}  # fmt: skip
USDM: dict[str, list[Any]] = {
    "fetch_leverage_tiers": [S], "fetch_market_leverage_tiers": [S], "fetch_ledger": [C],
    "fetch_margin_modes": [S], "fetch_margin_mode": [S], "fetch_positions": [S],
    "fetch_funding_rate_history": [S],
    "fetch_my_liquidations": [S],
}  # fmt: skip
WATCH: dict[str, list[Any]] = {
    "watch_ohlcv": [S], "watch_ohlcv_for_symbols": [S], "watch_ticker": [S], "watch_tickers": [S],
    "watch_bids_asks": [S], "watch_order_book": [S], "watch_order_book_for_symbols": [L],
    "watch_trades": [S], "watch_trades_for_symbols": [L],
}  # fmt: skip
SKIPS = {
    "load_markets": "wants a delivery future or an inverse swap, which neither venue here lists",
    "fetch_markets": "wants a dict, while fetch_markets is documented to return (and does) a list",
    "fetch_margin_modes": "wants a list, while ccxt's own binance returns a dict by symbol",
    "create_order": "the shipped test reads balances of assets by position and ends in a TypeError",
    "fetch_ledger": "wants a list of types in which ccxt's own binance's 'commission' is not",
}
# Quote volume of a candle file is close × volume: the average price may leave high and low.
LOOSE = {
    "quoteVolume": "not recorded", "vwap": "not recorded", "baseVolume": "not recorded",
    "checkActiveCurrencies": True, "compareQuoteVolumeBaseVolume": "not recorded",
    "deposit": True, "withdraw": True, "networks": True, "precision": True,
    # The exchange itself does not tell these: ccxt skips them for Binance, too.
    "account": True, "leverage": True, "status": True, "collateral": True, "before": True,
    "after": True,
}  # fmt: skip
CASES = [
    *((venue, name, args) for venue in SYMBOLS for name, args in BOTH.items()),
    *(("usdm", name, args) for name, args in USDM.items()),
]


@pytest.fixture
async def server(serving: Serving) -> AsyncIterator[SandboxServer]:
    balances = {"USDT": Decimal(10_000)}
    async with serving(
        venue="both", balances=balances, clock="accelerated", speed=10.0, count_orders=False,
        weight_limit=1_000_000,
    ) as server:  # fmt: skip
        yield server


@pytest.fixture(autouse=True)
def _path(monkeypatch: pytest.MonkeyPatch) -> None:
    """The shipped tests add the folder of site packages to the path; forget that afterwards."""
    monkeypatch.setattr(sys, "path", list(sys.path))


def filled(args: list[Any], symbol: str) -> list[Any]:
    """Arguments with the venue's symbol."""
    return [
        symbol if value == S else [symbol] if isinstance(value, list) else value for value in args
    ]


async def traded(client: Any, symbol: str) -> None:
    """A little history, so that there is something to look at."""
    await client.create_order(symbol, "market", "buy", 0.01)
    await client.create_order(symbol, "limit", "buy", 0.01, 95000)
    await client.create_order(symbol, "market", "sell", 0.005)


@pytest.mark.parametrize(("venue", "name", "args"), CASES)
async def test_unified_method(
    server: SandboxServer, venue: str, name: str, args: list[Any]
) -> None:
    if name in SKIPS:
        pytest.skip(SKIPS[name])
    module = importlib.import_module(f"ccxt.test.exchange.async.test_{name}")
    client = rest_exchange(server.url) if venue == "usdm" else spot_exchange(server.url)
    client.options["warnOnFetchOpenOrdersWithoutSymbol"] = False
    try:
        await client.load_markets()
        await traded(client, SYMBOLS[venue])
        test = getattr(module, f"test_{name}")
        untimed = {"timestamp": True, "datetime": True} if name == "fetch_order_book" else {}
        loose = LOOSE | untimed
        outcome = test(client, loose, *filled(args, SYMBOLS[venue]))
        if asyncio.iscoroutine(outcome):
            await outcome
    finally:
        await client.close()


@pytest.mark.parametrize("venue", list(SYMBOLS))
@pytest.mark.parametrize("name", list(WATCH))
async def test_watched_stream_is_served(server: SandboxServer, venue: str, name: str) -> None:
    """The shipped watch tests listen for 15 s each; here two messages of each are checked."""
    structure = {
        "watch_ohlcv": "ohlcv", "watch_ticker": "ticker", "watch_trades": "trade",
        "watch_order_book": "order_book",
    }  # fmt: skip
    client = (
        stream_exchange(server.url) if venue == "usdm" else spot_exchange(server.url, streams=True)
    )
    symbol = SYMBOLS[venue]
    try:
        await client.load_markets()
        if name == "watch_ohlcv_for_symbols":
            arguments: list[Any] = [[[symbol, "1m"]]]
        elif name.endswith("for_symbols") or name in ("watch_tickers", "watch_bids_asks"):
            arguments = [[symbol]]
        else:
            arguments = [symbol]
        async with asyncio.timeout(20):
            for _ in range(2):
                answer = await getattr(client, name)(*arguments)
        assert answer
        if name in structure:
            base = importlib.import_module("ccxt.test.exchange.base")
            check = getattr(base, f"test_{structure[name]}")
            row = answer[-1] if name in ("watch_ohlcv", "watch_trades") else answer
            more = {"ohlcv": [client.milliseconds()], "trade": [client.milliseconds(), True]}
            kind = structure[name]
            outcome = check(client, dict(LOOSE), name, row, symbol, *more.get(kind, []))
            if asyncio.iscoroutine(outcome):
                await outcome
    finally:
        await client.close()
