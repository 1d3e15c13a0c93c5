"""Push over the control socket: the whole first, then what changes."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncGenerator
from pathlib import Path
from typing import Any

import pytest
import uvloop

from executor.builder import Executor
from executor.operations import control_socket
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


async def test_nothing_is_kept_for_a_watcher_that_is_cut_off(tmp_path: Path) -> None:
    async with executor_on(tmp_path, FakeVenue()) as executor:
        live = LiveUpdates(executor, Status(executor))
        updates = live.follow()
        await anext(updates)
        (watcher,) = live._watchers
        for _ in range(3 * MOST_WAITING):
            live._on_event(_event(executor))
        assert watcher.behind
        assert not watcher._events
        await updates.aclose()


async def test_a_watcher_that_is_suspended_is_hung_up(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(control_socket, "TAKEN_WITHIN_S", 0.1)
    ended = asyncio.Event()

    async def follow() -> AsyncGenerator[dict[str, Any], None]:
        try:
            while True:
                yield {"events": ["x" * 100_000]}
        finally:
            ended.set()

    server = ControlServer(tmp_path, {}, follow)
    await server.start()
    reader, writer = await asyncio.open_unix_connection(tmp_path / control_socket.NAME, limit=1)
    writer.write(b'{"command": "watch"}\n')
    async with asyncio.timeout(10):
        await ended.wait()
    assert not reader.at_eof(), "it has not read to the end"
    writer.close()
    await server.stop()


def test_a_watcher_that_goes_away_ends_its_push_and_is_no_error(tmp_path: Path) -> None:
    faults: list[dict[str, Any]] = []
    gone, ended = asyncio.Event(), asyncio.Event()

    async def follow() -> AsyncGenerator[dict[str, Any], None]:
        try:
            yield {"snapshot": {}}
            await gone.wait()
            while True:
                yield {"events": [], "changes": {}}
                await asyncio.sleep(0)
        finally:
            ended.set()

    async def scene() -> None:
        asyncio.get_running_loop().set_exception_handler(lambda _, found: faults.append(found))
        server = ControlServer(tmp_path, {}, follow)
        await server.start()
        loop = asyncio.get_running_loop()
        watcher = socket.socket(socket.AF_UNIX)
        watcher.setblocking(False)
        await loop.sock_connect(watcher, str(tmp_path / control_socket.NAME))
        await loop.sock_sendall(watcher, control_socket.WATCH_REQUEST)
        await loop.sock_recv(watcher, 1)
        watcher.close()  # what it has not read tells the executor that it is gone
        for _ in range(10):
            await asyncio.sleep(0.01)  # the loop notices
        gone.set()
        async with asyncio.timeout(30):
            await ended.wait()
        await server.stop()

    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(scene())
    assert faults == []


def _event(executor: Executor):  # type: ignore[no-untyped-def]
    from executor.bus.events import EventType

    return executor.services.make_event(EventType.WS_CONNECTED)


def test_without_an_executor_there_is_nothing_to_watch(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="no executor answers"):
        next(watch(tmp_path))


async def test_the_end_of_the_executor_ends_its_watchers_without_a_fault(tmp_path: Path) -> None:
    faults: list[dict[str, Any]] = []
    asyncio.get_running_loop().set_exception_handler(lambda _, fault: faults.append(fault))

    async def follow() -> AsyncGenerator[dict[str, Any], None]:
        yield {"snapshot": {}}
        await asyncio.Event().wait()

    server = ControlServer(tmp_path, {}, follow)
    await server.start()
    updates = control_socket.follow(tmp_path)
    assert await anext(updates) == {"snapshot": {}}
    await server.stop()
    assert [update async for update in updates] == []
    assert faults == []
