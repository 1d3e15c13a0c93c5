"""A recording that is moved to the present is the same recording."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from pathlib import Path

import aiohttp

from sandbox.market.clock import wall_ms
from sandbox.market.date_shift import shift_to
from sandbox.server.server import SandboxServer
from tests.sandbox.helpers import START, RestClient, until
from trading.candles import HOUR_MS, MINUTE_MS

Serving = Callable[..., AbstractAsyncContextManager[SandboxServer]]


def test_shift_ends_at_a_minute() -> None:
    assert shift_to(START, START + 5 * MINUTE_MS + 59_999) == 5 * MINUTE_MS


async def test_market_time_is_wall_time(serving: Serving) -> None:
    async with serving(redate="now") as server, aiohttp.ClientSession() as session:
        await until(lambda: abs(server.replay.now - wall_ms()) < 2_000)
        client = RestClient(session, server.url)
        _, rows = await client.plain("GET", "/fapi/v1/klines?symbol=BTCUSDT&interval=1m&limit=2")
        assert [row[0] % MINUTE_MS for row in rows] == [0, 0]
        assert rows[-1][0] <= wall_ms() < rows[-1][0] + 2 * MINUTE_MS
        assert {float(row[1]) for row in rows} == {100_000.0}
        _, body = await client.plain("GET", "/fapi/v1/premiumIndex?symbol=BTCUSDT")
        assert body["nextFundingTime"] % (8 * HOUR_MS) == 0
        assert 0 < body["nextFundingTime"] - wall_ms() <= 8 * HOUR_MS


async def test_saved_run_keeps_its_dates(serving: Serving, tmp_path: Path) -> None:
    async with serving(redate="now", state=tmp_path / "state.sqlite") as server:
        shift = server.venues.shift
    async with serving(redate="now", state=tmp_path / "state.sqlite") as server:
        assert server.venues.shift == shift
