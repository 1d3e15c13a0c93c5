"""One SQLite file and, while the disk refuses writes, its copy in memory.

A full or broken disk must not keep the executor from protecting positions. What cannot be written
goes into the copy, and into the file, in order, as soon as the disk works again. Until then
`durable` is False, and nothing that needs a durable intent may be sent.
"""

from __future__ import annotations

import logging
import sqlite3
from collections.abc import Sequence
from pathlib import Path
from typing import Any

log = logging.getLogger(__name__)

Statement = tuple[str, tuple[Any, ...]]


class LedgerConnection:
    """The first write begins a transaction, `commit` ends it."""

    def __init__(self, path: Path) -> None:
        self.disk = sqlite3.connect(path, isolation_level=None)
        self.disk.row_factory = sqlite3.Row
        self._memory: sqlite3.Connection | None = None
        self._open: list[Statement] = []
        self._unsaved: list[Statement] = []
        self.problem = ""
        """Why the disk is not in use; empty while it is."""

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
            return self._execute(sql, values)
        except sqlite3.OperationalError as error:
            if self._memory is not None:
                raise
            self._leave_disk(error)
            return self._execute(sql, values)

    def _execute(self, sql: str, values: Sequence[Any]) -> sqlite3.Cursor:
        if not self.current.in_transaction:
            self.current.execute("begin immediate")
        cursor = self.current.execute(sql, values)
        self._open.append((sql, tuple(values)))
        return cursor

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
        if self._memory is not None:
            self._unsaved.extend(self._open)
        self._open.clear()

    def rollback(self) -> None:
        """Drop the open transaction."""
        if self.current.in_transaction:
            self.current.execute("rollback")
        self._open.clear()

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
        for sql, values in self._open:
            memory.execute(sql, values)

    def return_to_disk(self) -> bool:
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
        if not self.return_to_disk():
            log.critical("%d statements of the ledger could not be saved", len(self._unsaved))
        self.disk.close()
        if self._memory is not None:
            self._memory.close()
