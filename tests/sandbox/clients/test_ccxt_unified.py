"""The unified tests that ccxt ships, run against the sandbox.

They check the structure and the consistency of what every unified method returns.
"""

from __future__ import annotations

import asyncio
import contextlib
import importlib
import itertools
import sys
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager
from decimal import Decimal
from typing import Any

import pytest

from sandbox.server.server import SandboxServer
from tests.sandbox.helpers import rest_exchange, spot_exchange, stream_exchange

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
    "watch_trades": [S], "watch_trades_for_symbols": [L], "watch_balance": [C],
    "watch_orders": [S], "watch_my_trades": [S], "watch_positions": [S],
}  # fmt: skip
SKIPS = {
    "create_order": "joins text and numbers and calls coroutines without waiting (TypeError)",
    "fetch_markets": "wants a dict, while fetch_markets is documented to return (and does) a list",
    "fetch_margin_modes": "wants a list, while ccxt's own binance returns a dict by symbol",
    "watch_balance of usdm": "wants the free amount, which ACCOUNT_UPDATE does not have",
}
# The only skipped checks, by venue and method: the exchange itself does not send these fields.
NO_TIME = {"timestamp": "spot books have no time", "datetime": "the same"}
UNSENT: dict[tuple[str, str], dict[str, str]] = {
    ("usdm", "fetch_positions"): {
        "leverage": "v3/positionRisk has no leverage",
        "collateral": "ccxt computes it from the liquidation price, which may be 0",
    },
    ("usdm", "watch_positions"): dict.fromkeys(
        ("leverage", "collateral", "notional", "markPrice", "percentage"),
        "ACCOUNT_UPDATE has no such field",
    ),
    ("usdm", "fetch_ledger"): {
        "type": "ccxt's own binance class returns 'commission', which its test does not allow",
        **dict.fromkeys(
            ("account", "status", "before", "after", "fee"), "income has no such field"
        ),
        "referenceAccount": "income has no such field",
        "referenceId": "a deposit has none",
    },
    ("spot", "fetch_order_book"): NO_TIME,
    ("spot", "watch_order_book"): NO_TIME,
    ("spot", "watch_order_book_for_symbols"): NO_TIME,
}
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
    """Restore the path, to which the shipped tests add the folder of site packages."""
    monkeypatch.setattr(sys, "path", list(sys.path))


def limited(client: Any, venue: str) -> None:
    """Tell the client which kind of market is listed here."""
    client.has = client.has | {"future": False, "option": False}
    client.has |= {"swap": venue == "usdm", "spot": venue == "spot"}


def filled(args: list[Any], symbol: str) -> list[Any]:
    """Return the arguments with the venue's symbol filled in."""
    return [
        symbol if value == S else [symbol] if isinstance(value, list) else value for value in args
    ]


async def traded(client: Any, symbol: str) -> None:
    """Trade a little, so that the account has a history."""
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
    limited(client, venue)
    try:
        await client.load_markets()
        await traded(client, SYMBOLS[venue])
        test = getattr(module, f"test_{name}")
        outcome = test(client, dict(UNSENT.get((venue, name), {})), *filled(args, SYMBOLS[venue]))
        if asyncio.iscoroutine(outcome):
            await outcome
    finally:
        await client.close()


def hurry(client: Any) -> None:
    """Advance the client's clock by 2.5 s on each read, since the shipped tests listen for 15 s.

    Signed requests keep the true time.
    """
    true_time, gained = client.milliseconds, itertools.count(0, 2_500)
    client.nonce = true_time
    client.milliseconds = lambda: true_time() + next(gained)


async def keep_trading(url: str, venue: str) -> None:
    """Buy and sell until cancelled, so that the account has events."""
    trader = rest_exchange(url) if venue == "usdm" else spot_exchange(url)
    try:
        while True:
            await trader.create_order(SYMBOLS[venue], "market", "buy", 0.01)
            await trader.create_order(SYMBOLS[venue], "market", "sell", 0.009)
            await asyncio.sleep(0.05)
    finally:
        await trader.close()


@pytest.mark.parametrize(
    ("venue", "name"),
    [(v, name) for v in SYMBOLS for name in WATCH if (v, name) != ("spot", "watch_positions")],
)
async def test_watched_stream(server: SandboxServer, venue: str, name: str) -> None:
    if f"{name} of {venue}" in SKIPS:
        pytest.skip(SKIPS[f"{name} of {venue}"])
    module = importlib.import_module(f"ccxt.pro.test.Exchange.test_{name}")
    client = (
        stream_exchange(server.url) if venue == "usdm" else spot_exchange(server.url, streams=True)
    )
    private = name in ("watch_balance", "watch_orders", "watch_my_trades", "watch_positions")
    trader = asyncio.create_task(keep_trading(server.url, venue)) if private else None
    try:
        await client.load_markets()
        hurry(client)
        async with asyncio.timeout(20):
            unsent = dict(UNSENT.get((venue, name), {}))
            test = getattr(module, f"test_{name}")
            await test(client, unsent, *filled(WATCH[name], SYMBOLS[venue]))
    finally:
        if trader is not None:
            trader.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await trader
        await client.close()
