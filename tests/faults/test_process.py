"""F19, F20 and F24: a full disk, a damaged release, and a stop in the middle of work."""

from __future__ import annotations

import os
import signal
import sqlite3
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest

from executor.bus.events import AnyEvent, EventType
from executor.ledger.connection import OpenTransaction
from executor.ledger.journal import Journal
from executor.ledger.sqlite import SqliteConnection
from tests.faults.drill import TAKEN, Drill, hold


def on_first(
    monkeypatch: pytest.MonkeyPatch, kind: EventType, act: Callable[[], None]
) -> list[AnyEvent]:
    """Act once, when an event of this type is written; returns the event that was."""
    record, seen = Journal.record, []

    def recorded(journal: Journal, event: AnyEvent) -> AnyEvent:
        found = record(journal, event)
        if event.type is kind and not seen:
            seen.append(event)
            act()
        return found

    monkeypatch.setattr(Journal, "record", recorded)
    return seen


@pytest.mark.slow
async def test_f19_on_a_full_disk_what_is_open_is_managed_and_written_later(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The disk fills up with the first fill, and has room again after the first close."""
    execute, recover = OpenTransaction.execute, SqliteConnection.recover
    full: set[str] = set()
    refused: list[str] = []

    def executed(
        transaction: OpenTransaction, connection: Any, sql: str, values: Sequence[Any]
    ) -> sqlite3.Cursor:
        file = connection.execute("pragma database_list").fetchone()["file"]
        if full and file:
            refused.append(sql)
            raise sqlite3.OperationalError("database or disk is full")
        return execute(transaction, connection, sql, values)

    def recovered(connection: SqliteConnection) -> bool:
        return not full and recover(connection)

    monkeypatch.setattr(OpenTransaction, "execute", executed)
    monkeypatch.setattr(SqliteConnection, "recover", recovered)
    on_first(monkeypatch, EventType.ORDER_FILLED, lambda: full.add("yes"))
    on_first(monkeypatch, EventType.POSITION_CLOSED, full.clear)
    outcome = await hold(tmp_path, Drill())
    assert refused != []
    assert outcome.violations() == []
    closed = outcome.rows("select exit_reason from positions where closed_at is not null")
    assert [row["exit_reason"] for row in closed] == ["take_profit"] * len(closed) != []
    assert outcome.rows("pragma integrity_check") == [{"integrity_check": "ok"}]


@pytest.mark.slow
@pytest.mark.parametrize(
    "damage",
    [
        lambda text: text[: len(text) // 2],
        lambda _text: "",
        lambda text: text.replace('"release_id": "', '"release_id": "../'),
        lambda text: text.replace("0", "NaN"),
    ],
    ids=["torn", "empty", "path", "NaN"],
)
async def test_f20_a_damaged_pointer_leaves_the_last_good_release_in_use(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, damage: Callable[[str], str]
) -> None:
    pointer = tmp_path / "published" / "current"

    def spoil() -> None:
        pointer.write_text(damage(pointer.read_text()))

    on_first(monkeypatch, EventType.RELEASE_CHANGED, spoil)
    outcome = await hold(tmp_path, Drill(extra="[timing]\nrelease_poll_s = 0.05\n"))
    assert len(outcome.events("release_refused")) == 1, "refused, and said once"
    assert outcome.violations() == []
    assert outcome.ends() == TAKEN


@pytest.mark.slow
@pytest.mark.parametrize(
    "kind",
    [EventType.ORDER_INTENT, EventType.ORDER_PLACED, EventType.ORDER_FILLED],
    ids=lambda kind: str(kind.value),
)
async def test_f24_a_stop_in_the_middle_of_an_entry_leaves_it_protected(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, kind: EventType
) -> None:
    on_first(monkeypatch, kind, lambda: os.kill(os.getpid(), signal.SIGTERM))
    outcome = await hold(tmp_path, Drill(lives=2))
    assert outcome.violations() == []
    assert outcome.ends() == TAKEN
    assert len(outcome.events("system_stopped")) == 2
