"""Fixtures: an engine with BTCUSDT at 100000, and servers on a free port."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from decimal import Decimal
from pathlib import Path

import aiohttp
import pytest

from sandbox.engines.common.instruments import BUILT_IN
from sandbox.engines.usdm.engine import UsdmEngine
from sandbox.engines.usdm.model import UsdmAccount
from sandbox.server.server import SandboxServer
from sandbox.server.settings import SandboxSettings
from tests.sandbox.helpers import START, calm, write_candles
from tests.sandbox.wire import Wire
from trading.candles import MINUTE_MS

D = Decimal
Serving = Callable[..., AbstractAsyncContextManager[SandboxServer]]


@pytest.fixture
def engine() -> UsdmEngine:
    """Build an engine: BTCUSDT at 100000.0, ETHUSDT at 2500.00, one account with 10000 USDT."""
    engine = UsdmEngine(BUILT_IN.values())
    engine.set_time(START)
    engine.open_account("main", {"USDT": D(10_000)})
    engine.on_price("BTCUSDT", D("100000.0"))
    engine.on_price("ETHUSDT", D("2500.00"))
    engine.take_events()
    return engine


@pytest.fixture
def account(engine: UsdmEngine) -> UsdmAccount:
    """Return the engine's account."""
    return engine.core.accounts["main"]


@pytest.fixture
def serving(tmp_path: Path) -> Serving:
    """Start a server over given candles: two hours of history, two hours to replay."""

    @asynccontextmanager
    async def start(**changes: object) -> AsyncIterator[SandboxServer]:
        folder = tmp_path / "candles"
        if not folder.exists():
            before = START - 120 * MINUTE_MS
            write_candles(folder, "BTCUSDT", calm(100_000.0, 240), before)
            write_candles(folder, "ETHUSDT", calm(2_500.0, 240), before)
        values: dict[str, object] = {"candles": folder, "begin": START, "clock": "real"} | changes
        server = SandboxServer(SandboxSettings(**values))  # type: ignore[arg-type]
        await server.start()
        try:
            yield server
        finally:
            await server.stop()

    return start


@pytest.fixture
async def wire(serving: Serving) -> AsyncIterator[Wire]:
    """Connect a futures client; its market runs ten times as fast as the wall."""
    async with (
        serving(clock="accelerated", speed=10.0) as server,
        aiohttp.ClientSession() as session,
    ):
        yield Wire(server, session)
