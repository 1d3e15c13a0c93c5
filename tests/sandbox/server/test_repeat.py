"""A stepped replay: the same seed and requests leave the same ledger."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from pathlib import Path
from typing import Any

import aiohttp
from typer.testing import CliRunner

from cli.sandbox import app
from sandbox.audit.exchange_ledger import audit_ledger, digest_ledger
from sandbox.server.server import SandboxServer
from tests.sandbox.helpers import START, RestClient
from trading.candles import MINUTE_MS

Serving = Callable[..., AbstractAsyncContextManager[SandboxServer]]


async def step(web: aiohttp.ClientSession, url: str, **body: int) -> dict[str, Any]:
    async with web.post(f"{url}/sandbox/clock/step", json=body) as answer:
        assert answer.status == 200, await answer.text()
        found: dict[str, Any] = await answer.json()
    return found


async def trade(serving: Serving, ledger: Path, quantity: str = "0.010", seed: int = 7) -> None:
    """Open, protect, rest an order, step half an hour; the stop or the limit may fill."""
    async with (
        serving(clock="stepped", ledger=ledger, seed=seed, fills="volume") as server,
        aiohttp.ClientSession() as web,
    ):
        client = RestClient(web, server.url)
        order = {"symbol": "BTCUSDT", "quantity": quantity}
        await step(web, server.url, minutes=3)
        await client.signed("POST", "/fapi/v1/order", side="BUY", type="MARKET", **order)
        await client.signed(
            "POST", "/fapi/v1/algoOrder", algoType="CONDITIONAL", symbol="BTCUSDT", side="SELL",
            type="STOP_MARKET", triggerPrice="99950.0", closePosition="true",
        )  # fmt: skip
        await step(web, server.url, minutes=1)
        await client.signed(
            "POST", "/fapi/v1/order", side="SELL", type="LIMIT", timeInForce="GTC",
            price="100050.0", **order,
        )  # fmt: skip
        now = await step(web, server.url, until=START + 30 * MINUTE_MS)
        assert now == {"time": START + 30 * MINUTE_MS, "finished": False}


async def test_served_replay_of_a_seed_leaves_the_same_ledger(
    serving: Serving, tmp_path: Path
) -> None:
    paths = [tmp_path / f"{name}.sqlite" for name in ("first", "second", "other")]
    await trade(serving, paths[0])
    await trade(serving, paths[1])
    await trade(serving, paths[2], quantity="0.011")
    first, second, other = (digest_ledger(path) for path in paths)
    assert first == second != other
    report = audit_ledger(paths[0])
    assert (report.violations, report.round_trips) == ([], 1)
    printed = CliRunner().invoke(app, ["audit", "--ledger", str(paths[0]), "--digest"])
    assert printed.stdout.strip() == first


async def test_stepped_market_stands_until_a_command(serving: Serving) -> None:
    async with serving(clock="stepped") as server, aiohttp.ClientSession() as web:
        assert (await step(web, server.url, minutes=2))["time"] == START + 2 * MINUTE_MS
        assert server.replay.now == START + 2 * MINUTE_MS
        async with web.post(f"{server.url}/sandbox/clock/step", json={"minutes": 0}) as answer:
            assert answer.status == 400
        last = await step(web, server.url, minutes=1_000)
        assert last == {"time": START + 120 * MINUTE_MS, "finished": True}
        assert await step(web, server.url, minutes=1) == last


async def test_other_clocks_do_not_move_by_command(serving: Serving) -> None:
    async with (
        serving() as server,
        aiohttp.ClientSession() as web,
        web.post(f"{server.url}/sandbox/clock/step", json={"minutes": 1}) as answer,
    ):
        assert answer.status == 409
