"""The documented lines point each client at the sandbox, which needs no executor."""

from __future__ import annotations

import ast
import asyncio
import re
import warnings
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from pathlib import Path
from typing import Any

import aiohttp

from sandbox.server.server import SandboxServer
from tests.sandbox.binance_clients import ended, receive
from tests.sandbox.helpers import START, until

ROOT = Path(__file__).resolve().parents[3]
BLOCK = re.compile(r"^```python\n(.*?)^```$", re.MULTILINE | re.DOTALL)
Serving = Callable[..., AbstractAsyncContextManager[SandboxServer]]


def documented(url: str) -> dict[str, Any]:
    """Run the Python lines of the page for a sandbox at ``url`` and return their names."""
    text = "\n".join(BLOCK.findall((ROOT / "docs" / "sandbox.md").read_text(encoding="utf-8")))
    assert text.count("http://127.0.0.1:40123") == 1
    names: dict[str, Any] = {}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        exec(compile(text.replace("http://127.0.0.1:40123", url), "sandbox.md", "exec"), names)
    return names


async def test_documented_lines_point_each_client_at_the_sandbox(serving: Serving) -> None:
    async with serving(venue="both", clock="accelerated", speed=60.0) as server:
        names = documented(server.url)
        exchange = names["exchange"]
        client = await names["Client"].create("sandbox", "sandbox")
        socket = names["Sockets"](client).kline_futures_socket("BTCUSDT")
        try:
            await exchange.load_markets()
            assert (await exchange.fetch_balance())["USDT"]["total"] == 10_000
            assert (await exchange.watch_trades("BTC/USDT:USDT"))[0]["price"] > 0
            assert (await client.futures_account_balance())[0]["balance"] == "10000.00000000"
            assert (await client.get_account())["balances"]
            await socket.__aenter__()
            assert (await receive(socket, lambda m: "k" in m))["ps"] == "BTCUSDT"
            balance = names["futures"].rest_api.futures_account_balance_v3
            assert (await asyncio.to_thread(balance)).data()[0].balance == "10000.00000000"
            account = names["spot"].rest_api.get_account
            assert (await asyncio.to_thread(account)).data().balances
        finally:
            await ended(socket)
            await client.close_connection()
            await exchange.close()


def imported(path: Path) -> set[str]:
    """Return the packages that a module imports anywhere."""
    found: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            found |= {name.name.partition(".")[0] for name in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            found.add(node.module.partition(".")[0])
    return found


def test_sandbox_does_not_depend_on_the_executor() -> None:
    modules = list((ROOT / "sandbox").rglob("*.py"))
    assert len(modules) > 50
    used = set().union(*map(imported, modules))
    assert used & {"executor", "flows", "lake", "cli"} == set()


async def test_accelerated_market_runs_a_thousand_times_as_fast_as_the_wall(
    serving: Serving,
) -> None:
    """Two hours of one symbol with a passive client take at most 7.2 s."""
    async with serving(clock="accelerated", speed=1e6, symbols=("BTCUSDT",)) as server:
        url = f"{server.url.replace('http', 'ws', 1)}/market/ws/btcusdt@kline_1m"
        async with aiohttp.ClientSession() as session, session.ws_connect(url) as socket:
            await until(lambda: server.replay.finished, 7.2)
            assert server.replay.now == START + 120 * 60_000
            assert (await socket.receive_json(timeout=5))["e"] == "kline"
