"""The stream: the whole state first, then what changed, as soon as the executor pushes."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncGenerator, Mapping
from pathlib import Path
from typing import Any

import pytest

from dashboard import live as live_module
from dashboard.executor_feed import Follow
from dashboard.live import LiveState
from dashboard.parts import executor as executor_part
from dashboard.settings import DashboardSettings, ExecutorAccess
from dashboard.snapshot import PARTS
from executor.operations.control_socket import ControlServer, follow
from tests.dashboard.ledgers import add_stop, make_ledger, write_status
from trading.errors import SettingsError

DEADLINE_S = 60.0
STATUS = {"status": "running", "mode": "replay", "release": "r", "entries": True}


@pytest.fixture(autouse=True)
def _patient(monkeypatch: pytest.MonkeyPatch) -> None:
    """A machine that stands still for a while makes no executor stale."""
    monkeypatch.setattr(executor_part, "STALE_S", 1e9)
    monkeypatch.setattr(executor_part, "SILENT_S", 1e9)


class Pushing:
    """An executor that pushes when the test says so; `end` ends its answer."""

    def __init__(self) -> None:
        self.updates: asyncio.Queue[dict[str, Any] | None] = asyncio.Queue()
        self.asked = 0

    async def follow(self) -> AsyncGenerator[dict[str, Any], None]:
        self.asked += 1
        yield {"snapshot": STATUS}
        while (update := await self.updates.get()) is not None:
            yield update

    def push(self, **changes: Any) -> None:
        self.updates.put_nowait({"events": [], "changes": changes})

    def end(self) -> None:
        self.updates.put_nowait(None)


def live_on(state: Path, follow: Follow | None = None) -> LiveState:
    settings = DashboardSettings(state, state / "published", "")
    return LiveState(settings, ExecutorAccess(follow=follow))


async def until_part(
    stream: AsyncGenerator[dict[str, Any], None], name: str, **wanted: Any
) -> dict[str, Any]:
    """Read messages until a part that is sent whole has these values."""
    async with asyncio.timeout(DEADLINE_S):
        async for message in stream:
            found = message.get("parts", {}).get(name) or message.get("changes", {}).get(
                name, {}
            ).get("whole", {})
            if found and wanted.items() <= found.items():
                return dict(found)
    raise AssertionError(f"no {name} with {wanted}")


async def test_a_viewer_gets_the_whole_state_then_what_changed(tmp_path: Path) -> None:
    ledger = make_ledger(tmp_path)
    write_status(tmp_path)
    live = live_on(tmp_path)
    stream = live.follow(PARTS[""])
    first = await anext(stream)
    assert set(first["parts"]) == set(PARTS[""])
    assert first["number"] == 0
    add_stop(ledger, 1, 99.5)
    number = 0
    async with asyncio.timeout(DEADLINE_S):
        async for message in stream:
            number += 1
            assert message["number"] == number
            if "positions" in message["changes"]:
                break
    ((key, cells),) = message["changes"]["positions"]["put"]
    assert (key, cells[8]["value"]) == (1, 99.5)
    await stream.aclose()
    await live.close()


async def test_nothing_new_is_a_sign_of_life(tmp_path: Path) -> None:
    make_ledger(tmp_path)
    live = live_on(tmp_path)
    stream = live.follow(PARTS["log"])
    await anext(stream)
    async with asyncio.timeout(DEADLINE_S):
        assert await anext(stream) == {"number": 1, "changes": {}}
    await stream.aclose()
    await live.close()


async def test_a_push_is_shown_without_waiting_for_the_next_look(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(live_module, "LOOK_EVERY_S", 3600.0)
    ledger = make_ledger(tmp_path)
    executor = Pushing()
    live = live_on(tmp_path, executor.follow)
    stream = live.follow(PARTS[""])
    await until_part(stream, "executor", tone="good", text="running · replay · r")
    add_stop(ledger, 1, 99.5)
    executor.push(entries=False, entries_off_because="paused")
    found = await until_part(stream, "executor", tone="warn")
    assert found["more"] == "No entries: paused."
    await stream.aclose()
    await live.close()


async def test_an_executor_that_ends_is_said_at_once_and_asked_again(tmp_path: Path) -> None:
    make_ledger(tmp_path)
    write_status(tmp_path)
    executor = Pushing()
    live = live_on(tmp_path, executor.follow)
    stream = live.follow(PARTS[""])
    await until_part(stream, "executor", tone="good")
    executor.end()
    await until_part(stream, "executor", text="The executor does not answer")
    await until_part(stream, "executor", tone="good")
    assert executor.asked == 2
    await stream.aclose()
    await live.close()


async def test_an_executor_that_has_not_answered_yet_is_not_lost(tmp_path: Path) -> None:
    """Else each page that is opened would begin red, and say so to those who listen to it."""
    make_ledger(tmp_path)
    write_status(tmp_path)
    executor = Pushing()
    live = live_on(tmp_path, executor.follow)
    for _ in range(2):  # the second viewer comes after the first has gone
        stream = live.follow(PARTS[""])
        first = (await anext(stream))["parts"]["executor"]
        assert first["text"] != "The executor does not answer"
        executor.push(release="next")
        await until_part(stream, "executor", text="running · replay · next")
        await stream.aclose()
    assert executor.asked == 2
    await live.close()


async def test_an_executor_that_says_nothing_more_is_stale(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    make_ledger(tmp_path)
    monkeypatch.setattr(executor_part, "STALE_S", 0.5)
    live = live_on(tmp_path, Pushing().follow)
    stream = live.follow(PARTS[""])
    found = await until_part(stream, "executor", tone="warn")
    assert found["text"].startswith("stale ")
    await stream.aclose()
    await live.close()


async def test_all_viewers_share_one_push_and_the_last_one_ends_it(tmp_path: Path) -> None:
    make_ledger(tmp_path)
    executor = Pushing()
    live = live_on(tmp_path, executor.follow)
    streams = [live.follow(PARTS[page]) for page in PARTS]
    for stream in streams:
        await until_part(stream, "executor", tone="good")
    assert executor.asked == 1
    for stream in streams:
        await stream.aclose()
    assert live._tasks == []
    await live.close()


async def test_a_reading_that_fails_is_said_and_tried_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    make_ledger(tmp_path)
    live = live_on(tmp_path)
    reading = live._ledger.read
    monkeypatch.setattr(live._ledger, "read", lambda: 1 / 0)
    stream = live.follow(PARTS[""])
    found = await until_part(stream, "executor", tone="bad")
    assert "ZeroDivisionError" in found["more"]
    monkeypatch.setattr(live._ledger, "read", reading)
    await until_part(stream, "executor", text="No executor has run here yet.")
    await stream.aclose()
    await live.close()


async def test_a_torn_status_is_no_status(tmp_path: Path) -> None:
    make_ledger(tmp_path)
    (tmp_path / "status.json").write_text('{"status":')
    live = live_on(tmp_path)
    stream = live.follow(PARTS["log"])
    parts = (await anext(stream))["parts"]
    assert parts["executor"]["text"] == "No executor has run here yet."
    await stream.aclose()
    await live.close()


async def test_the_push_of_the_control_socket_is_followed(tmp_path: Path) -> None:
    executor = Pushing()
    server = ControlServer(tmp_path, {}, executor.follow)
    await server.start()
    live = live_on(tmp_path, lambda: follow(tmp_path))
    stream = live.follow(PARTS[""])
    await until_part(stream, "executor", tone="good")
    executor.push(release="next")
    await until_part(stream, "executor", text="running · replay · next")
    await server.stop()
    await until_part(stream, "executor", text="No executor has run here yet.")
    await stream.aclose()
    await live.close()


async def test_the_executors_checks_are_requested_while_somebody_looks(tmp_path: Path) -> None:
    make_ledger(tmp_path)
    asked: list[str] = []

    def control(command: str, _: Mapping[str, str]) -> dict[str, Any]:
        asked.append(command)
        checks = {"clock": {"ok": True, "value": {"v": 3}}, "disk": {"ok": False, "value": 2**30}}
        return {"ok": False, "checks": checks}

    settings = DashboardSettings(tmp_path, tmp_path / "published", "")
    live = LiveState(settings, ExecutorAccess(control))
    stream = live.follow(PARTS[""])
    async with asyncio.timeout(DEADLINE_S):
        message = await anext(stream)
        while not (rows := _health_rows(message)):
            message = await anext(stream)
    assert [[cell["value"] for cell in cells] for _, cells in rows] == [
        ["disk", "✗ does not hold", "1,024 MiB free"],
        ["clock", "✓ holds", "v 3"],
    ]
    assert set(asked) == {"health"}
    await stream.aclose()
    await live.close()


async def test_an_executor_that_hangs_is_asked_once_however_often_a_page_is_opened(
    tmp_path: Path,
) -> None:
    make_ledger(tmp_path)
    asked: list[str] = []
    hangs = threading.Event()

    def control(command: str, _: Mapping[str, str]) -> dict[str, Any]:
        asked.append(command)
        hangs.wait(DEADLINE_S)
        return {"checks": {}}

    settings = DashboardSettings(tmp_path, tmp_path / "published", "")
    live = LiveState(settings, ExecutorAccess(control))
    for _ in range(8):
        stream = live.follow(PARTS[""])
        await anext(stream)
        await stream.aclose()
    assert asked == ["health"]
    hangs.set()
    await live.close()


def _health_rows(message: dict[str, Any]) -> list[Any]:
    if "parts" in message:
        return list(message["parts"]["health"]["rows"])
    return list(message["changes"].get("health", {}).get("put", []))


async def test_an_update_that_a_kill_tore_is_dropped(tmp_path: Path) -> None:
    async def torn(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readline()
        writer.write(b'{"snapshot": {}}\n{"eve')
        writer.close()

    server = await asyncio.start_unix_server(torn, tmp_path / "control.sock")
    assert [one async for one in follow(tmp_path)] == [{"snapshot": {}}]
    server.close()
    (tmp_path / "control.sock").unlink(missing_ok=True)
    with pytest.raises(SettingsError, match="no executor answers"):
        await anext(follow(tmp_path))
