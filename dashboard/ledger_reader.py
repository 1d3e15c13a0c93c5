"""Reads the executor's ledger: read-only, and again only when the file has changed."""

from __future__ import annotations

import sqlite3
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

Row = Mapping[str, Any]

MOST_TRADES = 500
MOST_EVENTS = 300
MOST_POINTS = 2000
QUERIES = {
    "open": "select * from positions where closed_at is null order by opened_at",
    "closed": "select * from positions where closed_at is not null order by closed_at desc limit ?",
    "events": "select time, type, symbol, data from events"
    " where type <> 'candle_closed' order by time desc, rowid desc limit ?",
    # Wallets of one currency add up; the curve is that of the first by name.
    "equity": "select time, sum(equity) as equity from equity"
    " where asset = (select min(asset) from equity) group by time order by time desc limit ?",
    "wallets": "select asset, sum(equity) as equity from equity"
    " where time = (select max(time) from equity) group by asset order by asset",
    "stops": "select * from orders where leg in ('sl', 'tp') order by created_at",
    "alerts": "select count(*) as waiting from alerts where delivered_at is null",
    "sums": "select count(*) as count, coalesce(sum(realized_pnl - fees > 0), 0) as won,"
    " coalesce(sum(fees), 0) as fees from positions where closed_at is not null",
}
LIMITS = {"closed": MOST_TRADES, "events": MOST_EVENTS, "equity": MOST_POINTS}


class LedgerReader:
    """The rows that the dashboard shows; empty without a ledger."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._connection: sqlite3.Connection | None = None
        self._version: int | None = None
        self._rows: dict[str, Sequence[Row]] = {name: () for name in QUERIES}

    def read(self) -> Mapping[str, Sequence[Row]]:
        """Return the rows by name; the same object while the ledger has not changed."""
        connection = self._open()
        if connection is None:
            return self._rows
        version = connection.execute("pragma data_version").fetchone()[0]
        if version != self._version:
            try:
                self._rows = _all_rows(connection)
            except sqlite3.OperationalError:
                return self._rows  # busy, or not all of its tables are there yet: ask again soon
            self._version = version
        return self._rows

    def _open(self) -> sqlite3.Connection | None:
        if self._connection is None and self._path.is_file():
            # Opened in one thread and used in another, never in two at once.
            connection = sqlite3.connect(
                f"{self._path.resolve().as_uri()}?mode=ro",
                uri=True,
                check_same_thread=False,
                isolation_level=None,
            )
            connection.row_factory = sqlite3.Row
            self._connection = connection
        return self._connection

    def close(self) -> None:
        """Close the file."""
        if self._connection is not None:
            self._connection.close()
            self._connection = None


def _all_rows(connection: sqlite3.Connection) -> dict[str, Sequence[Row]]:
    """Run every query at one moment of the ledger."""
    found: dict[str, Sequence[Row]] = {}
    connection.execute("begin")
    try:
        for name, query in QUERIES.items():
            given = (LIMITS[name],) if name in LIMITS else ()
            found[name] = [dict(row) for row in connection.execute(query, given)]
    finally:
        connection.execute("rollback")
    return found
