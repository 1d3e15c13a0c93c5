"""Runners that are renewed by the settings while a release comes."""

from __future__ import annotations

import asyncio
from pathlib import Path

from executor.app import App
from executor.builder import Executor
from executor.strategy.runner import StrategyRunner
from lake.releases import Release, publish, read_current
from tests.executor.fakes import BTCUSDT, FakeVenue, Said, executor_on
from tests.lake.builders import AS_OF, WALL, candidate, entry
from trading.candles import Candle
from trading.errors import VenueError


class SlowVenue(FakeVenue):
    """Answers with the history of a warm-up once it may."""

    def __init__(self) -> None:
        super().__init__()
        self.asked, self.may = asyncio.Event(), asyncio.Event()
        self.fault: VenueError | None = None

    async def klines(self, symbol: str, interval: str, start_ms: int, end_ms: int) -> list[Candle]:
        del symbol, interval, start_ms, end_ms
        self.asked.set()
        await self.may.wait()
        if self.fault is not None:
            raise self.fault
        return []


def published(folder: Path, k: float) -> Release:
    """A release of breakout with this parameter."""
    root = folder / "published"
    publish(root, candidate(entry(k=k)), now=WALL)
    return read_current(root, AS_OF)


def at_work(executor: Executor) -> StrategyRunner:
    """The runner."""
    (runner,) = executor.signal_engine._runners[BTCUSDT]
    return runner


async def test_a_renewal_beside_a_new_release_leaves_the_new_one_at_work(tmp_path: Path) -> None:
    venue = SlowVenue()
    async with executor_on(tmp_path, venue) as executor:
        old = published(tmp_path, 0.5)
        venue.may.set()
        await executor.rollout.take(old)
        venue.may.clear()
        venue.asked.clear()
        taking = asyncio.create_task(executor.rollout.take(published(tmp_path, 0.6)))
        async with asyncio.timeout(10):
            await venue.asked.wait()
        renewing = asyncio.create_task(executor.rollout.renew())
        await asyncio.sleep(0)
        venue.may.set()
        await asyncio.gather(taking, renewing)
        current = executor.releases.current
        assert current is not None
        assert current.release_id != old.release_id
        assert at_work(executor).plan.release_id == current.release_id


async def test_a_renewal_that_fails_is_said_and_the_runners_go_on(tmp_path: Path) -> None:
    venue = SlowVenue()
    venue.may.set()
    async with executor_on(tmp_path, venue) as executor:
        await executor.rollout.take(published(tmp_path, 0.5))
        before, said = at_work(executor), Said()
        executor.services.alerts = said
        venue.fault = VenueError("no candles")
        await executor.rollout.renew()
        assert at_work(executor) is before
        assert said.titled("strategies keep their parameters")


async def test_a_reload_refuses_parameters_that_those_of_the_release_do_not_allow(
    tmp_path: Path,
) -> None:
    publish(
        tmp_path / "published",
        candidate(entry().model_copy(update={"params": {"k": 0.5, "leverage": 15.0}})),
        now=WALL,
    )
    file = tmp_path / "settings.toml"
    venue = SlowVenue()
    venue.may.set()
    async with executor_on(tmp_path, venue) as executor:
        await executor.rollout.take(read_current(tmp_path / "published", AS_OF))
        before = executor.services.settings
        app = App(executor, file)
        for strategy, taken in (("breakout = { stop_loss = 0.3 }", False), ("", True)):
            file.write_text(
                'mode = "replay"\naccount = "test"\n[paths]\npublished = "published"\n'
                'state = "."\n[venue]\nrest_url = "http://127.0.0.1:1"\n'
                'ws_url = "ws://127.0.0.1:1"\n[protection]\nconfirm_within_s = 2.0\n'
                "second_line_after_s = 0.1\n[risk]\nmax_concurrent = 1\n"
                f"[strategies.set]\n{strategy}\n"
            )
            answer = app.reload("operator")
            assert ("liquidates" in answer.get("error", "")) is not taken
            assert (executor.services.settings is before) is not taken
