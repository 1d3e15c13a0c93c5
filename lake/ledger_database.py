"""An executor's ledger: its SQLite file, or its rows in PostgreSQL as such a database in memory.

Flows and dashboard read ledgers without the executor. Rows in PostgreSQL carry the executor's
account; tables and columns have the names of the file's.
"""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Mapping
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from trading.candles import DAY_MS
from trading.errors import DataError

if TYPE_CHECKING:
    import psycopg

SCHEMA = "nocturne"
PASSWORD_VARIABLE = "NOCTURNE_LEDGER_PASSWORD"
TABLES = (
    *("orders", "fills", "positions", "events", "equity", "alerts", "received_candles", "meta"),
)
CONNECT_S = 5
_TIMES = {"received_candles": "received_at"}
"""Columns that say when a row was written, where it is not ``time``."""
_TYPES = {"bigint": "INTEGER", "double precision": "REAL"}
"""What the file has for a type of PostgreSQL; everything else is text there."""


@dataclass(frozen=True, slots=True)
class LedgerSource:
    """A file, or ``postgresql://USER@HOST:PORT/DATABASE`` with the executor's ``account``.

    Both limit what is copied out of a database, by the name of a table: ``newest`` to its newest
    rows, ``since`` to those from a time on (ms UTC).
    """

    where: str
    account: str | None = None
    newest: Mapping[str, int] = field(default_factory=dict)
    since: Mapping[str, int] = field(default_factory=dict)

    @property
    def is_file(self) -> bool:
        """Whether it is a SQLite file."""
        return "://" not in self.where

    @property
    def shown(self) -> str:
        """The place without the user, for messages."""
        if self.is_file:
            return self.where
        parts = urlsplit(self.where)
        return f"{parts.scheme}://{parts.hostname}:{parts.port or 5432}{parts.path}"


def open_ledger(source: LedgerSource) -> sqlite3.Connection:
    """Open a ledger for reading; one in PostgreSQL is copied into memory, as of one moment.

    Raises:
        DataError: there is no such ledger, or the server does not answer.
    """
    if source.is_file:
        path = Path(source.where)
        if not path.is_file():
            raise DataError(
                f"the executor's ledger {path} does not exist; start the executor first"
            )
        return sqlite3.connect(f"{path.resolve().as_uri()}?mode=ro", uri=True)
    return _copy(source)


def ledger_version(source: LedgerSource) -> int:
    """Return a number that grows with every commit of an executor to its database.

    Raises:
        DataError: there is no such ledger, or the server does not answer.
    """
    import psycopg

    try:
        with _connect(source) as server:
            return _lease(server, source)[1]
    except psycopg.Error as error:
        raise _unreadable(source, error) from error


def rows_by_day(source: LedgerSource, columns: Mapping[str, str]) -> dict[str, dict[int, int]]:
    """Count the rows of tables by the days (since the epoch) of a column of time each.

    A table that the ledger does not have yet has no rows.

    Raises:
        DataError: there is no such ledger, or the server does not answer.
    """
    if source.is_file:
        with closing(open_ledger(source)) as database:
            return {
                table: {
                    int(day): int(rows) for day, rows in database.execute(_counting(name, table))
                }
                for table, name in columns.items()
                if database.execute(f"pragma table_info({table})").fetchone()
            }
    import psycopg

    try:
        with _connect(source) as server:
            account = _lease(server, source)[0]
            counting = {
                table: _counting(name, f"{SCHEMA}.{table} where executor = %s")
                for table, name in columns.items()
            }
            return {
                table: {int(day): int(rows) for day, rows in server.execute(query, [account])}
                for table, query in counting.items()
            }
    except psycopg.Error as error:
        raise _unreadable(source, error) from error


def _counting(time: str, rows: str) -> str:
    return f"select {time} / {DAY_MS} as day, count(*) from {rows} group by 1"


def accounts(source: LedgerSource) -> list[str]:
    """Return the accounts whose executors write to a database.

    Raises:
        DataError: the server does not answer.
    """
    import psycopg

    try:
        with _connect(source) as server:
            found = server.execute(f"select executor from {SCHEMA}.leases order by 1")
            return [str(row[0]) for row in found]
    except psycopg.Error as error:
        raise _unreadable(source, error) from error


def _copy(source: LedgerSource) -> sqlite3.Connection:
    import psycopg
    from psycopg import IsolationLevel

    memory = sqlite3.connect(":memory:", check_same_thread=False)
    try:
        with _connect(source) as server:
            server.isolation_level = IsolationLevel.REPEATABLE_READ
            server.read_only = True
            account = _lease(server, source)[0]
            for table in TABLES:
                _copy_table(server, memory, table, account, source)
    except psycopg.Error as error:
        memory.close()
        raise _unreadable(source, error) from error
    except DataError:
        memory.close()
        raise
    memory.commit()
    return memory


def _connect(source: LedgerSource) -> psycopg.Connection[Any]:
    import psycopg

    password = os.environ.get(PASSWORD_VARIABLE)
    return psycopg.connect(source.where, password=password, connect_timeout=CONNECT_S)


def _lease(server: psycopg.Connection[Any], source: LedgerSource) -> tuple[str, int]:
    """Account and number of commits of the executor that is named, or of the only one."""
    rows = server.execute(f"select executor, batch from {SCHEMA}.leases order by 1").fetchall()
    found = [row for row in rows if source.account in (None, row[0])]
    if len(found) != 1:
        known = ", ".join(str(row[0]) for row in rows) or "none"
        raise DataError(f"{source.shown} has the ledgers of {known}; name one account of them")
    return str(found[0][0]), int(found[0][1])


def _copy_table(
    server: psycopg.Connection[Any],
    memory: sqlite3.Connection,
    table: str,
    account: str,
    source: LedgerSource,
) -> None:
    columns = server.execute(
        "select column_name, data_type from information_schema.columns"
        " where table_schema = %s and table_name = %s and column_name <> 'executor'"
        " order by ordinal_position",
        (SCHEMA, table),
    ).fetchall()
    if not columns:
        raise DataError(f"the executor's ledger has no table {table}; update the executor")
    declared = ", ".join(f"{name} {_TYPES.get(kind, 'TEXT')}" for name, kind in columns)
    memory.execute(f"create table {table} ({declared})")
    names = ", ".join(str(name) for name, _ in columns)
    query = f"select {names} from {SCHEMA}.{table} where executor = %s"
    values: list[Any] = [account]
    if (since := source.since.get(table)) is not None:
        query, values = f"{query} and {_TIMES.get(table, 'time')} >= %s", [account, since]
    if (newest := source.newest.get(table)) is not None:
        time = "open_time" if table == "received_candles" else "time"
        query = f"select * from ({query} order by {time} desc limit %s) newest order by {time}"
        values.append(newest)
    marks = ", ".join("?" for _ in columns)
    rows = server.execute(query, values)
    memory.executemany(f"insert into {table} values ({marks})", rows)


def _unreadable(source: LedgerSource, error: Exception) -> DataError:
    first = str(error).strip().partition("\n")[0] or type(error).__name__
    return DataError(f"ledger {source.shown} cannot be read ({first})")
