"""The paced market clock: a market minute takes a wall minute, or 1/N of it."""

from __future__ import annotations

import time
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from itertools import pairwise
from pathlib import Path

import pytest

from sandbox.engines.common.instruments import BUILT_IN
from sandbox.engines.usdm.engine import UsdmEngine
from sandbox.market.candles import Funding, read_series
from sandbox.market.clock import PacedClock
from sandbox.market.feed import SymbolFeed
from sandbox.market.replay import Replay, ReplayedVenue, Span
from sandbox.server.server import SandboxServer
from sandbox.server.settings import SandboxSettings
from tests.sandbox.helpers import START, calm, until, write_candles
from trading.candles import MINUTE_MS

Serving = Callable[..., AbstractAsyncContextManager[SandboxServer]]


class Wall:
    """Wall time that passes only in ``sleep``; a market step takes ``work`` s."""

    def __init__(self, work: float = 0.0) -> None:
        self.now = 5_000.0
        self.work = work
        self.steps: list[tuple[int, float]] = []

    def seconds(self) -> float:
        return self.now

    async def sleep(self, seconds: float) -> None:
        self.now += seconds

    async def step(self, market: int, *_: object) -> bool:
        """Note the market time and the wall time of a step."""
        self.steps.append((market - START, self.now - 5_000.0))
        self.now += self.work
        return False

    async def flush(self) -> None:
        return None


async def walked(wall: Wall, speed: float, folder: Path, refine_ms: int) -> None:
    """Replay three market minutes at ``speed``."""
    write_candles(folder, "BTCUSDT", calm(100_000.0, 3))
    feed = SymbolFeed(read_series(folder / "BTCUSDT.parquet"), BUILT_IN["BTCUSDT"], Funding())
    venue = ReplayedVenue("usdm", UsdmEngine(BUILT_IN.values()), {"BTCUSDT": feed}, wall)
    clock = PacedClock(speed, wall.seconds, wall.sleep)
    await Replay([venue], clock, Span(START, START + 3 * MINUTE_MS), 1, refine_ms).run()


@pytest.mark.parametrize("speed", [1.0, 60.0])
async def test_each_market_step_comes_at_its_wall_time(speed: float, tmp_path: Path) -> None:
    wall = Wall()
    await walked(wall, speed, tmp_path, refine_ms=1_000)
    assert len(wall.steps) == 3 * 59  # each second, and the last two of a minute in one
    assert all(0 < new[0] - old[0] <= 2_000 for old, new in pairwise(wall.steps))
    assert [at for _, at in wall.steps] == pytest.approx(
        [market / 1_000 / speed for market, _ in wall.steps], abs=1e-6
    )
    assert wall.steps[-1] == (3 * MINUTE_MS, pytest.approx(180 / speed))


async def test_duration_of_steps_does_not_accumulate(tmp_path: Path) -> None:
    wall = Wall(work=0.9)
    await walked(wall, 1.0, tmp_path, refine_ms=1_000)
    assert max(abs(at - market / 1_000) for market, at in wall.steps) < 2.0
    assert wall.steps[-1][1] == pytest.approx(180.0, abs=0.9)


async def test_late_market_catches_up_when_it_can(tmp_path: Path) -> None:
    wall = Wall()
    real = wall.sleep

    async def held_once(seconds: float) -> None:
        await real(seconds + (30.0 if len(wall.steps) == 10 else 0.0))

    wall.sleep = held_once  # type: ignore[method-assign]
    await walked(wall, 1.0, tmp_path, refine_ms=1_000)
    assert max(at - market / 1_000 for market, at in wall.steps) == pytest.approx(30.0)
    assert wall.steps[-1] == (3 * MINUTE_MS, pytest.approx(180.0))


async def test_served_market_keeps_pace_with_the_wall(serving: Serving) -> None:
    async with serving(clock="real") as server:
        begun, market = time.monotonic(), server.replay.now
        await until(lambda: server.replay.now >= market + 1_000)
        passed, wall = server.replay.now - market, (time.monotonic() - begun) * 1_000
        # The status has whole seconds: up to one early, and later on a busy machine.
        assert passed - 1_000 <= wall < passed + 1_000


def test_real_clock_runs_at_speed_1(tmp_path: Path) -> None:
    assert PacedClock(1.0).name == "real"
    assert PacedClock(60.0).name == "accelerated"
    assert SandboxSettings(candles=tmp_path).clock == "real"
