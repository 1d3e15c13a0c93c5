"""One SQLite file and, while the disk refuses writes, its copy in memory.

A full or broken disk must not keep the executor from protecting positions. What cannot be written
goes into the copy, and into the file, in order, as soon as the disk works again. Until then
`durable` is False, and nothing that needs a durable intent may be sent.
"""

from __future__ import annotations

import asyncio
import logging
import sqlite3
from collections.abc import Sequence
from contextlib import closing
from pathlib import Path
from typing import Any

from executor.ledger.connection import LedgerConnection, OpenTransaction, Statement
from executor.ledger.migrations import migrate
from trading.errors import SettingsError

log = logging.getLogger(__name__)

LONG_LOG_PAGES = 1_000
"""A log of so many pages is moved into the file, beside the commits."""
LONGER_LOG_PAGES = LONG_LOG_PAGES + 10
LONGEST_LOG_PAGES = 20_000
"""From here on a commit does it itself: nothing else has."""
PAGE = 4_096
CACHE = -2_000
"""SQLite's own size of the cache, KiB below zero."""


class SqliteConnection:
    """One file, one writer; the lease is the lock of the state folder (`executor.runtime.lock`).

    Raises:
        SettingsError: the file cannot be written, is damaged, or a newer version wrote it.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._log_file = Path(f"{path}-wal")
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            self.disk = sqlite3.connect(path, isolation_level=None)
        except (OSError, sqlite3.OperationalError) as error:
            raise _unwritable(path, error) from error
        self.disk.row_factory = sqlite3.Row
        try:
            self._prepare()
        except sqlite3.OperationalError as error:
            self.disk.close()
            raise _unwritable(path, error) from error
        except sqlite3.DatabaseError as error:
            self.disk.close()
            raise SettingsError(
                f"ledger {path} is damaged ({error}); move it away and start again: positions"
                " of ours are then adopted from the exchange"
            ) from error
        self._inode = path.stat().st_ino
        self._memory: sqlite3.Connection | None = None
        self._open = OpenTransaction()
        self._unsaved: list[Statement] = []
        self.problem = ""
        """Why the disk is not in use; empty while it is."""

    def _prepare(self) -> None:
        disk = self.disk
        disk.execute("pragma journal_mode = wal")
        # FULL: an intent must be on the disk, not in a cache, before its order is on the wire.
        disk.execute("pragma synchronous = full")
        disk.execute(f"pragma wal_autocheckpoint = {LONGEST_LOG_PAGES}")
        disk.execute("pragma foreign_keys = on")
        problem = disk.execute("pragma quick_check(1)").fetchone()[0]
        if problem != "ok":
            raise sqlite3.DatabaseError(problem)
        migrate(disk)
        self._lengthen_log()

    def _lengthen_log(self) -> None:
        """Give the log its length before an order needs it.

        A commit that overwrites is on the disk sooner than one that makes the file longer. What is
        larger than the cache goes into the log at once; rolled back, it leaves the length behind.
        """
        if self._log_file.stat().st_size > LONG_LOG_PAGES * PAGE:
            return
        try:
            self.disk.execute("pragma cache_size = 10")
            self.disk.execute("begin immediate")
            self.disk.execute("create table padding (bytes blob)")
            self.disk.execute(
                "insert into padding values (zeroblob(?))", (LONGER_LOG_PAGES * PAGE,)
            )
        except sqlite3.OperationalError as error:
            log.warning("the log of %s stays short: %s", self.name, error)
        finally:
            if self.disk.in_transaction:
                self.disk.execute("rollback")
            self.disk.execute(f"pragma cache_size = {CACHE}")

    @property
    def name(self) -> str:
        """The file."""
        return str(self._path)

    def lease_lost(self) -> str:
        """Say that the file was moved or replaced: another executor may write to the new one."""
        try:
            inode = self._path.stat().st_ino
        except OSError as error:
            return f"the ledger {self._path} is gone ({error.strerror})"
        if inode != self._inode:
            return f"the ledger {self._path} was replaced by another file"
        return ""

    @property
    def current(self) -> sqlite3.Connection:
        """The connection to read from and write to now."""
        return self.disk if self._memory is None else self._memory

    @property
    def durable(self) -> bool:
        """Whether what is committed is on the disk."""
        return self._memory is None

    def write(self, sql: str, values: Sequence[Any] = ()) -> sqlite3.Cursor:
        """Execute in the open transaction, or begin one."""
        try:
            return self._open.execute(self.current, sql, values)
        except sqlite3.OperationalError as error:
            if self._memory is not None:
                raise
            self._leave_disk(error)
            return self._open.execute(self.current, sql, values)

    def commit(self) -> None:
        """End the transaction; on the disk, or in memory where the disk refuses."""
        if not self.current.in_transaction:
            return
        try:
            self.current.execute("commit")
        except sqlite3.OperationalError as error:
            if self._memory is not None:
                raise
            self._leave_disk(error)
            self.current.execute("commit")
        statements = self._open.end()
        if self._memory is not None:
            self._unsaved.extend(statements)

    def rollback(self) -> None:
        """Drop the open transaction."""
        self._open.roll_back(self.current)

    def _leave_disk(self, error: sqlite3.OperationalError) -> None:
        """Go on in memory, from the last commit and with the open transaction."""
        if self.disk.in_transaction:
            self.disk.execute("rollback")
        memory = sqlite3.connect(":memory:", isolation_level=None)
        memory.row_factory = sqlite3.Row
        self.disk.backup(memory)
        self._memory = memory
        self.problem = str(error)
        log.critical("the ledger cannot be written (%s): going on in memory, no entries", error)
        memory.execute("begin immediate")
        for sql, values in self._open.statements:
            memory.execute(sql, values)

    async def checkpoint(self) -> None:
        """Move a long log into the file by a thread of its own: commits go on meanwhile."""
        try:
            if self._log_file.stat().st_size > LONG_LOG_PAGES * PAGE:
                await asyncio.to_thread(_checkpoint, self.name)
        except (OSError, sqlite3.Error) as error:
            # A later commit does it, or finds out that the disk is full.
            log.warning("the log of %s is not shortened: %s", self.name, error)

    def recover(self) -> bool:
        """Write what waits; False while the disk still refuses."""
        memory = self._memory
        if memory is None:
            return True
        self.commit()
        try:
            self.disk.execute("begin immediate")
            for sql, values in self._unsaved:
                self.disk.execute(sql, values)
            self.disk.execute("commit")
        except sqlite3.OperationalError as error:
            self.problem = str(error)
            if self.disk.in_transaction:
                self.disk.execute("rollback")
            return False
        log.warning("the ledger is written again: %d statements caught up", len(self._unsaved))
        self._memory, self.problem = None, ""
        self._unsaved.clear()
        memory.close()
        return True

    def close(self) -> None:
        """Close; what the disk still refuses is lost, and logged."""
        if not self.recover():
            log.critical("%d statements of the ledger could not be saved", len(self._unsaved))
        self.disk.close()
        if self._memory is not None:
            self._memory.close()


def _checkpoint(ledger: str) -> None:
    with closing(sqlite3.connect(ledger)) as own:
        own.execute("pragma wal_checkpoint(passive)")


async def back_up(connection: LedgerConnection, file: Path) -> None:
    """Write everything up to here as a SQLite file; ``file`` must not exist.

    A ledger on the disk is copied by a thread that opens it for itself: the loop goes on.

    Raises:
        SettingsError: the file cannot be written.
    """
    connection.commit()
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        if isinstance(connection, SqliteConnection) and connection.durable:
            await asyncio.to_thread(copy_file, connection.name, file)
        else:
            # In memory it is only this connection's.
            connection.current.execute("vacuum into ?", (str(file),))
    except (OSError, sqlite3.Error) as error:
        raise SettingsError(f"no backup of the ledger at {file}: {error}") from error


def copy_file(ledger: str, file: Path) -> None:
    """Copy a SQLite file that may be written to meanwhile, as it is now."""
    with closing(sqlite3.connect(ledger)) as own:
        own.execute("vacuum into ?", (str(file),))


def _unwritable(path: Path, error: Exception) -> SettingsError:
    return SettingsError(
        f"ledger {path} cannot be written ({error}); free the disk or make the folder writable"
    )
