"""A start protects what is open before it loads any history."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from pathlib import Path

from executor.app import App
from executor.builder import build
from executor.ledger.store import Ledger
from executor.model import InstrumentId, StreamState, UserEvent
from executor.runtime.clock import ReplayClock
from executor.settings import load_settings
from executor.venues.interface import VenueConnection
from tests.executor.fakes import (
    BTCUSDT,
    MINUTE,
    VENUE,
    FakeVenue,
    SilentStream,
    executor_on,
    settled,
    signal,
)
from trading.candles import Candle

SETTINGS = """
mode = "replay"
account = "test"
[paths]
published = "published"
state = "."
[venue]
rest_url = "http://127.0.0.1:1"
ws_url = "ws://127.0.0.1:1"
"""


class NoHistory(FakeVenue):
    """Never answers a request for candles."""

    def __init__(self) -> None:
        super().__init__()
        self.asked = asyncio.Event()

    async def klines(
        self, symbol: InstrumentId, interval: str, start_ms: int, end_ms: int
    ) -> list[Candle]:
        self.asked.set()
        await asyncio.Event().wait()
        return await super().klines(symbol, interval, start_ms, end_ms)


class UpStream(SilentStream):
    """A user stream that connects and says nothing."""

    async def run(self, sink: Callable[[UserEvent], None]) -> None:  # type: ignore[override]
        sink(StreamState(VENUE, "user", True))
        await asyncio.Event().wait()


async def test_a_position_has_its_stop_though_the_history_never_comes(tmp_path: Path) -> None:
    venue = NoHistory()
    async with executor_on(tmp_path, venue) as executor:
        signal(executor)
        await settled(executor)
    venue.orders.clear()  # its stop is gone as well
    file = tmp_path / "settings.toml"
    file.write_text(SETTINGS)
    connection = VenueConnection(venue, SilentStream(), UpStream())
    ledger = Ledger(tmp_path / "ledger.sqlite")
    executor = build(load_settings(file), ReplayClock(3 * MINUTE), ledger, [connection])
    venue.sink = executor.on_user_event
    app = App(executor, file)
    running = asyncio.create_task(app.run(until_finished=False))
    async with asyncio.timeout(20):
        await venue.asked.wait()
        while not any(o.resting and o.kind == "STOP_MARKET" for o in venue.orders.values()):
            await asyncio.sleep(0.01)
        holding = executor.portfolio.holding(BTCUSDT)
        assert holding is not None
        while not holding.protected:
            await asyncio.sleep(0.01)
        assert not running.done(), "the start still waits for the history"
        app.request_stop()
        await running
    ledger.close()
