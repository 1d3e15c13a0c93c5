"""`nocturne ledger backup | verify | restore`."""

from __future__ import annotations

import sqlite3
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from cli.ledger.backup import NAME, backup, restore, verify
from executor.ledger.store import Ledger
from executor.runtime.lock import single_instance
from trading.errors import DataError, SettingsError

NOON = datetime(2026, 1, 1, 12, tzinfo=UTC)


@pytest.fixture
def state(tmp_path: Path) -> Path:
    """Make a state folder with a ledger of one alert."""
    ledger = Ledger(tmp_path / NAME)
    ledger.outbox.add(1, "first", {})
    ledger.close()
    return tmp_path


def titles(path: Path) -> list[str]:
    with sqlite3.connect(path) as database:
        return [title for (title,) in database.execute("select title from alerts order by id")]


def test_a_ledger_in_use_is_copied_whole_and_for_its_owner_only(state: Path) -> None:
    ledger = Ledger(state / NAME)
    ledger.outbox.add(2, "second", {})
    ledger.flush()
    ledger.outbox.add(3, "not committed", {})
    copy = backup(state / NAME, state / "backups", keep=3)
    ledger.close()
    assert titles(copy) == ["first", "second"]
    assert copy.stat().st_mode & 0o777 == 0o600
    assert verify(copy)["alerts"] == 2
    assert [path.name for path in copy.parent.iterdir()] == [copy.name]


def test_the_newest_copies_are_kept(state: Path) -> None:
    made = [
        backup(state / NAME, state / "backups", 2, NOON + timedelta(seconds=n)) for n in range(4)
    ]
    assert sorted((state / "backups").iterdir()) == made[2:]


def test_a_damaged_ledger_replaces_no_copy(state: Path) -> None:
    good = backup(state / NAME, state / "backups", 1, NOON)
    content = bytearray((state / NAME).read_bytes())
    content[4096:8192] = b"\xff" * 4096
    (state / NAME).write_bytes(content)
    with pytest.raises(DataError, match=r"damaged|cannot be read"):
        backup(state / NAME, state / "backups", 1, NOON + timedelta(1))
    assert list((state / "backups").iterdir()) == [good]


def test_a_restored_copy_is_the_ledger_and_the_old_one_is_kept(state: Path) -> None:
    copy = backup(state / NAME, state / "backups", 1)
    later = Ledger(state / NAME)
    later.outbox.add(2, "after the copy", {})
    later.close()
    kept = restore(copy, state, NOON)
    assert titles(state / NAME) == ["first"]
    assert kept == state / "ledger-before-restore-20260101T120000Z.sqlite"
    assert titles(kept) == ["first", "after the copy"]
    Ledger(state / NAME).close()


def test_nothing_is_restored_under_a_running_executor_or_from_a_bad_copy(state: Path) -> None:
    copy = backup(state / NAME, state / "backups", 1)
    with single_instance(state), pytest.raises(SettingsError, match="nocturne executor stop"):
        restore(copy, state)
    bad = state / "bad.sqlite"
    bad.write_bytes(b"nonsense" * 100)
    with pytest.raises(DataError):
        restore(bad, state)
    with pytest.raises(DataError, match="no ledger at"):
        restore(state / "none.sqlite", state)
    assert titles(state / NAME) == ["first"]


def test_a_ledger_of_a_newer_version_is_refused(state: Path) -> None:
    with sqlite3.connect(state / NAME) as database:
        database.execute("insert into migrations values ('9999_future', '')")
    with pytest.raises(DataError, match="newer version"):
        verify(state / NAME)


def test_rotation_leaves_alone_what_is_no_copy_of_its_own(state: Path) -> None:
    folder = state / "backups"
    folder.mkdir()
    others = [folder / "ledger-before-restore-20260101T120000Z.sqlite", folder / "ledger-17.sqlite"]
    for other in others:
        other.write_bytes(b"")
    made = [backup(state / NAME, folder, 1, NOON + timedelta(seconds=n)) for n in range(2)]
    assert sorted(folder.iterdir()) == sorted([*others, made[1]])


def test_a_ledger_is_not_restored_from_itself(state: Path) -> None:
    with pytest.raises(DataError, match="is the ledger itself"):
        restore(state / NAME, state)
    assert titles(state / NAME) == ["first"]


def test_rows_that_wait_in_the_log_of_a_copy_are_restored(state: Path, tmp_path: Path) -> None:
    ledger = Ledger(state / NAME)
    ledger.outbox.add(2, "second", {})
    ledger.flush()
    folder = tmp_path / "copied"
    folder.mkdir()
    for name in (NAME, f"{NAME}-wal"):  # as `cp` copies the folder of an executor that was killed
        (folder / name).write_bytes((state / name).read_bytes())
    ledger.close()
    restore(folder / NAME, state)
    assert titles(state / NAME) == ["first", "second"]


def test_a_damaged_ledger_is_kept_with_its_log(state: Path) -> None:
    copy = backup(state / NAME, state / "backups", 1)
    ledger = Ledger(state / NAME)
    ledger.outbox.add(2, "second", {})
    ledger.flush()
    log = (state / f"{NAME}-wal").read_bytes()
    ledger.close()
    (state / NAME).write_bytes(b"damaged" * 1000)
    (state / f"{NAME}-wal").write_bytes(log)
    kept = restore(copy, state, NOON)
    assert kept is not None
    assert kept.with_name(f"{kept.name}-wal").read_bytes() == log
    assert titles(state / NAME) == ["first"]
