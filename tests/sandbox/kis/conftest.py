"""A market of Korean stocks: three sessions of Samsung Electronics, the last one is replayed."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import aiohttp
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from sandbox.server.server import SandboxServer
from tests.sandbox.kis.client import KisClient
from trading.candles import DAY_MS, MINUTE_MS

D = Decimal
# 2025-06-20, a Friday, 09:00 in Korea.
FRIDAY = int(datetime(2025, 6, 20, tzinfo=UTC).timestamp() * 1_000)
SESSION = 391
Serving = Callable[..., AbstractAsyncContextManager[SandboxServer]]
Kis = Callable[..., AbstractAsyncContextManager[tuple[SandboxServer, KisClient]]]


def write_sessions(
    folder: Path, symbol: str = "005930", days: tuple[int, ...] = (-2, -1, 0, 3)
) -> None:
    """Write sessions that swing by 100 around 60,000 KRW, counted in days from Friday."""
    folder.mkdir(parents=True, exist_ok=True)
    times = [FRIDAY + day * DAY_MS + m * MINUTE_MS for day in days for m in range(SESSION)]
    count = len(times)
    columns = {
        "open_time": pa.array(times, pa.timestamp("ms", "UTC")),
        "open": [60_000.0] * count,
        "high": [60_100.0] * count,
        "low": [59_900.0] * count,
        "close": [60_000.0] * count,
        "volume": [1_000.0] * count,
    }
    pq.write_table(pa.table(columns), folder / f"{symbol}.parquet")


@pytest.fixture
def kis(serving: Serving, tmp_path: Path) -> Kis:
    """Start a stepped market at 09:00 on Friday, and a client with a token."""
    write_sessions(tmp_path / "kis")

    @asynccontextmanager
    async def start(**changes: Any) -> AsyncIterator[tuple[SandboxServer, KisClient]]:
        values: dict[str, Any] = {
            "candles": tmp_path / "kis", "venue": "kis", "clock": "stepped", "begin": FRIDAY,
            "balances": {"KRW": D(10_000_000)}, "count_orders": False,
        }  # fmt: skip
        async with serving(**(values | changes)) as server, aiohttp.ClientSession() as session:
            yield server, await KisClient(session, server.url).login()

    return start


async def step(client: KisClient, minutes: int = 1) -> None:
    """Move the market."""
    url = f"{client.url}/sandbox/clock/step"
    async with client.session.post(url, json={"minutes": minutes}) as response:
        assert response.status == 200
