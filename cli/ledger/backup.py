"""Copies of a ledger: made while the executor runs, checked, rotated, and put back."""

from __future__ import annotations

import os
import re
import sqlite3
from datetime import UTC, datetime
from pathlib import Path

from executor.ledger.migrations import MIGRATIONS
from executor.runtime.lock import single_instance
from trading.errors import DataError

NAME = "ledger.sqlite"
OURS = re.compile(r"ledger-\d{8}T\d{12}Z\.sqlite")
"""Names of copies; files beside them are not rotated."""
TABLES = ("positions", "orders", "fills", "events", "equity", "alerts")


def verify(path: Path) -> dict[str, int]:
    """Check every page, every reference and the schema; return the rows of each table.

    Raises:
        DataError: the file is missing, damaged, or no ledger of this version or an older one.
    """
    if not path.is_file():
        raise DataError(f"no ledger at {path}; start the executor first, or name another file")
    database = sqlite3.connect(f"{path.resolve().as_uri()}?mode=ro", uri=True)
    try:
        (problem,) = database.execute("pragma integrity_check(1)").fetchone()
        if problem != "ok":
            raise DataError(f"{path} is damaged: {problem}; restore a backup of it")
        if broken := database.execute("pragma foreign_key_check").fetchone():
            raise DataError(f"{path} is damaged: a row of {broken[0]} refers to none")
        applied = {name for (name,) in database.execute("select name from migrations")}
        if strangers := applied - {name for name, _ in MIGRATIONS}:
            raise DataError(f"{path} was written by a newer version ({min(strangers)}); update")
        return {
            table: database.execute(f"select count(*) from {table}").fetchone()[0]
            for table in TABLES
        }
    except sqlite3.DatabaseError as error:
        raise DataError(f"{path} cannot be read as an executor's ledger: {error}") from error
    finally:
        database.close()


def backup(ledger: Path, folder: Path, keep: int, now: datetime | None = None) -> Path:
    """Copy a ledger, of a running executor too, check the copy, and keep the newest ``keep``.

    The copy is of one moment. It has its name only when it is whole and has passed the check.
    """
    verify(ledger)
    folder.mkdir(parents=True, exist_ok=True)
    moment = now or datetime.now(UTC)
    target = folder / f"ledger-{moment:%Y%m%dT%H%M%S%fZ}.sqlite"
    temporary = folder / f".{target.name}.{os.getpid()}"
    mask = os.umask(0o077)
    try:
        _copy_whole(ledger, temporary)
        verify(temporary)
        _durable(temporary, target)
    finally:
        temporary.unlink(missing_ok=True)
        os.umask(mask)
    ours = sorted(path for path in folder.iterdir() if OURS.fullmatch(path.name))
    for old in ours[:-keep]:
        if old != target:
            old.unlink()
    return target


def restore(copy: Path, state: Path, now: datetime | None = None) -> Path | None:
    """Put a checked copy in the place of the ledger, which is kept beside it; return where.

    The ledger stays where it is until the copy, with what waits in its log, lies whole beside it.

    Raises:
        SettingsError: an executor runs on the state folder.
        DataError: the copy is not whole, or is the ledger itself.
    """
    verify(copy)
    with single_instance(state):
        ledger = state / NAME
        if copy.resolve() == ledger.resolve():
            raise DataError(f"{copy} is the ledger itself; name a copy of it")
        temporary = state / f".{NAME}.{os.getpid()}"
        mask = os.umask(0o077)
        try:
            _copy_whole(copy, temporary)
            verify(temporary)
            kept = _set_aside(ledger, now or datetime.now(UTC))
            _durable(temporary, ledger)
        finally:
            temporary.unlink(missing_ok=True)
            os.umask(mask)
        return kept


def _copy_whole(ledger: Path, target: Path) -> None:
    """Copy a ledger as of one moment, with what waits in its log."""
    target.unlink(missing_ok=True)
    source = sqlite3.connect(f"{ledger.resolve().as_uri()}?mode=ro", uri=True)
    try:
        source.execute("vacuum into ?", (str(target),))
    except sqlite3.DatabaseError as error:
        raise DataError(f"{ledger} cannot be copied to {target.parent}: {error}") from error
    finally:
        source.close()


def _set_aside(ledger: Path, now: datetime) -> Path | None:
    """Rename a ledger and its log, which a damaged one may need to be read; return the name."""
    if not ledger.is_file():
        return None
    kept = ledger.with_name(f"ledger-before-restore-{now:%Y%m%dT%H%M%SZ}.sqlite")
    ledger.rename(kept)
    for rest in ("-wal", "-shm"):
        log = ledger.with_name(ledger.name + rest)
        if log.exists():
            log.rename(kept.with_name(kept.name + rest))
    return kept


def _durable(temporary: Path, target: Path) -> None:
    """Sync a file, give it its name, and sync the folder."""
    for path, rename in ((temporary, True), (target.parent, False)):
        handle = os.open(path, os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)
        if rename:
            temporary.replace(target)
