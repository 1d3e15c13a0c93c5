"""Push over the control socket: the whole first, then what changes."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from executor.builder import Executor
from executor.operations.control_socket import ControlServer, watch
from executor.operations.live_updates import MOST_WAITING, LiveUpdates
from executor.operations.status import Status
from tests.executor.fakes import BTCUSDT, FakeVenue, executor_on, settled, signal
from trading.errors import SettingsError


async def test_a_watcher_gets_the_status_and_then_every_event_over_the_socket(
    tmp_path: Path,
) -> None:
    async with executor_on(tmp_path, FakeVenue()) as executor:
        live = LiveUpdates(executor, Status(executor))
        server = ControlServer(tmp_path, {}, live.follow)
        await server.start()
        updates = watch(tmp_path)
        first = await asyncio.to_thread(next, updates)
        assert first["snapshot"]["positions"] == []
        signal(executor)
        await settled(executor)
        seen: list[str] = []
        changed: dict[str, object] = {}
        async with asyncio.timeout(10):
            while "protection_confirmed" not in seen:
                update = await asyncio.to_thread(next, updates)
                seen += [event["type"] for event in update["events"]]
                changed |= update["changes"]
        for kind in ("signal_generated", "order_placed", "order_filled", "position_opened"):
            assert kind in seen
        (position,) = changed["positions"]  # type: ignore[misc]
        assert position["symbol"] == "BTCUSDT"
        await server.stop()
        assert await asyncio.to_thread(lambda: list(updates)) == [], "the end of the executor"


async def test_events_keep_their_cause_and_values(tmp_path: Path) -> None:
    async with executor_on(tmp_path, FakeVenue()) as executor:
        updates = LiveUpdates(executor, Status(executor)).follow()
        await anext(updates)
        signal(executor)
        await settled(executor)
        (intent,) = [
            event
            for event in (await anext(updates))["events"]
            if event["type"] == "order_intent" and event["data"]["leg"] == "en"
        ]
        assert (intent["symbol"], intent["data"]["quantity"]) == (BTCUSDT, "0.02")
        assert (
            executor.services.ledger._db.execute(
                "select type from events where id = ?", (intent["cause"],)
            ).fetchone()[0]
            == "signal_generated"
        )
        await updates.aclose()


async def test_a_watcher_that_does_not_read_is_cut_off(tmp_path: Path) -> None:
    async with executor_on(tmp_path, FakeVenue()) as executor:
        live = LiveUpdates(executor, Status(executor))
        updates = live.follow()
        await anext(updates)
        for _ in range(MOST_WAITING + 1):
            live._on_event(_event(executor))
        with pytest.raises(StopAsyncIteration):
            await anext(updates)


def _event(executor: Executor):  # type: ignore[no-untyped-def]
    from executor.bus.events import EventType

    return executor.services.make_event(EventType.WS_CONNECTED)


def test_without_an_executor_there_is_nothing_to_watch(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="no executor answers"):
        next(watch(tmp_path))
