"""State, ledger, audit and faults serve Upbit as they serve the other venues."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from decimal import Decimal
from pathlib import Path
from typing import Any

import ccxt.async_support as ccxt_async
import pytest

from sandbox.audit.exchange_ledger import audit_ledger
from sandbox.server.server import SandboxServer
from tests.sandbox.helpers import START, write_candles
from tests.sandbox.upbit.test_clients import BTC, pointed
from tests.sandbox.wire import inject_fault
from trading.candles import MINUTE_MS

Serving = Callable[..., AbstractAsyncContextManager[SandboxServer]]
D = Decimal


@pytest.fixture
def upbit(serving: Serving, tmp_path: Path) -> Callable[..., AbstractAsyncContextManager[Any]]:
    flat = [(1e8, 1e8 + 50_000, 1e8 - 50_000, 1e8)] * 240
    write_candles(tmp_path / "upbit", "KRW-BTC", flat, START - 120 * MINUTE_MS)

    @asynccontextmanager
    async def start(**changes: Any) -> Any:
        fixed = {"candles": tmp_path / "upbit", "venue": "upbit", "clock": "stepped"}
        balances = {"KRW": D(10_000_000), "BTC": D("0.1")}
        async with serving(**fixed, balances=balances, count_orders=False, **changes) as server:
            client = pointed(ccxt_async.upbit, server.url)
            try:
                yield server, client
            finally:
                await client.close()

    return start


async def test_balances_and_orders_survive_a_restart_and_the_audit_agrees(
    upbit: Callable[..., AbstractAsyncContextManager[Any]], tmp_path: Path
) -> None:
    files = {"ledger": tmp_path / "ledger.sqlite", "state": tmp_path / "state.sqlite"}
    async with upbit(**files) as (_, client):
        await client.create_order(BTC, "market", "buy", 0, None, {"cost": 1_000_000})
        resting = await client.create_order(BTC, "limit", "buy", 0.01, 95_000_000)
        before = await client.fetch_balance()
    async with upbit(**files) as (_, client):
        assert (await client.fetch_balance())["KRW"] == before["KRW"]
        await client.cancel_order(resting["id"])
        await client.create_order(BTC, "market", "sell", 0.01)
        after = await client.fetch_balance()
    report = audit_ledger(files["ledger"])
    assert report.violations == []
    assert f"main KRW': '{D(str(after['KRW']['total']))}" in report.to_text()


async def test_faults_strike_orders_and_answer_in_upbits_form(
    upbit: Callable[..., AbstractAsyncContextManager[Any]],
) -> None:
    async with upbit() as (server, client):
        await client.load_markets()
        await inject_fault(server, "reject", path="/v1/orders$", code=-1000, message="no")
        with pytest.raises(ccxt_async.ExchangeError, match=r'"name":"1000","message":"no"'):
            await client.create_order(BTC, "limit", "buy", 0.01, 95_000_000)
        assert await client.fetch_open_orders(BTC) == []
        await inject_fault(server, "drop_response", path="/v1/orders$")
        with pytest.raises(ccxt_async.NetworkError):
            await client.create_order(BTC, "limit", "buy", 0.01, 95_000_000)
        assert len(await client.fetch_open_orders(BTC)) == 1
