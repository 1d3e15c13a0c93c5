"""The port that the ledger writes through, with two adapters: SQLite and PostgreSQL.

What both promise:

- The first `write` begins a transaction; `commit` ends it. When `commit` returns and `durable` is
  True, everything up to here survives a crash of this process, of its machine, and (PostgreSQL)
  of the server: SQLite syncs its log with ``synchronous = full``, PostgreSQL with
  ``synchronous_commit = on``.
- A store that refuses writes never stops the executor: what cannot be stored is kept in memory, in
  order, and stored as soon as that works again. Until then `durable` is False, and nothing that
  needs a durable intent is sent.
- One executor holds an account's lease. `lease_lost` says that it is gone, and why.
- Reads never leave the process: they go to SQLite, on the disk or in memory.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from typing import Any, Protocol

Statement = tuple[str, tuple[Any, ...]]


class OpenTransaction:
    """The statements since the last commit, for a store that has to make them again."""

    def __init__(self) -> None:
        self.statements: list[Statement] = []

    def execute(
        self, database: sqlite3.Connection, sql: str, values: Sequence[Any]
    ) -> sqlite3.Cursor:
        """Execute a statement; the first one begins the transaction."""
        if not database.in_transaction:
            database.execute("begin immediate")
        cursor = database.execute(sql, values)
        self.statements.append((sql, tuple(values)))
        return cursor

    def end(self) -> list[Statement]:
        """Return its statements; the next one begins another transaction."""
        ended, self.statements = self.statements, []
        return ended

    def roll_back(self, database: sqlite3.Connection) -> None:
        """Drop it."""
        if database.in_transaction:
            database.execute("rollback")
        self.end()


class LedgerConnection(Protocol):
    """Where the rows of one executor are kept."""

    problem: str
    """Why the store is not written to; empty while it is."""

    @property
    def name(self) -> str:
        """The store as a person knows it: a file, or a database without its password."""
        ...

    @property
    def current(self) -> sqlite3.Connection:
        """The connection to read from."""
        ...

    @property
    def durable(self) -> bool:
        """Whether what is committed survives a crash."""
        ...

    def lease_lost(self) -> str:
        """Why this process no longer holds the account; empty while it does."""
        ...

    def write(self, sql: str, values: Sequence[Any] = ()) -> sqlite3.Cursor:
        """Execute in the open transaction, or begin one.

        The statement must mean the same to both databases: no upsert, no ``insert or replace``.
        """
        ...

    def commit(self) -> None:
        """End the transaction; in memory where the store refuses."""
        ...

    def rollback(self) -> None:
        """Drop the open transaction."""
        ...

    async def checkpoint(self) -> None:
        """Move what is committed out of a log that has grown long, without delaying a commit."""
        ...

    def recover(self) -> bool:
        """Store what waits; False while the store still refuses."""
        ...

    def close(self) -> None:
        """Close; what the store still refuses is lost, and logged."""
        ...
