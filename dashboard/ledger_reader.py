"""Reads the executor's ledger: read-only, and again only when it has changed."""

from __future__ import annotations

import contextlib
import logging
import sqlite3
import time
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from lake.ledger_database import LedgerSource, ledger_version, open_ledger
from trading.errors import DataError

log = logging.getLogger(__name__)

Row = Mapping[str, Any]

MOST_TRADES = 500
MOST_EVENTS = 300
MOST_POINTS = 2000
QUERIES = {
    "open": "select * from positions where closed_at is null order by opened_at",
    "closed": "select * from positions where closed_at is not null order by closed_at desc limit ?",
    "events": "select id, time, type, symbol, data from events"
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
LIMITS_OF_TABLES = {"events": MOST_EVENTS * 10, "equity": MOST_POINTS * 10}
"""What of a database is copied: closed candles are events too, and a wallet has a point each."""
AGAIN_S = 5.0
"""How soon a database that did not answer is asked again."""
LIMITS = {"closed": MOST_TRADES, "events": MOST_EVENTS, "equity": MOST_POINTS}


NO_ROWS: Mapping[str, Sequence[Row]] = {name: () for name in QUERIES}


class LedgerReader:
    """The rows that the dashboard shows; empty without a ledger."""

    def __init__(self, source: LedgerSource) -> None:
        self._source = replace(source, newest=LIMITS_OF_TABLES)
        self._connection: sqlite3.Connection | None = None
        self._opened: tuple[int, int] | None = None
        self._version: int | None = None
        self._ask_at = 0.0
        self._rows = NO_ROWS
        self.problem = ""
        """Why the rows may be older than the ledger; empty while they are not."""

    def read(self) -> Mapping[str, Sequence[Row]]:
        """Return the rows by name; the same object while the ledger has not changed."""
        if not self._source.is_file:
            return self._read_database()
        connection = self._open()
        if connection is None:
            return self._rows
        version = connection.execute("pragma data_version").fetchone()[0]
        if version != self._version:
            try:
                self._rows = _all_rows(connection)
            except sqlite3.OperationalError as error:
                # Busy, or not all of its tables are there yet: it is asked again soon.
                self.problem = f"the ledger is not read: {error}"
                return self._rows
            self._version, self.problem = version, ""
        return self._rows

    def _read_database(self) -> Mapping[str, Sequence[Row]]:
        """Copy the rows when the executor has committed; while it cannot, the last ones stay."""
        if time.monotonic() < self._ask_at:
            return self._rows
        try:
            version = ledger_version(self._source)
            if version != self._version:
                with contextlib.closing(open_ledger(self._source)) as copy:
                    copy.isolation_level = None
                    copy.row_factory = sqlite3.Row
                    self._rows = _all_rows(copy)
                self._version = version
            self.problem = ""
        except DataError as error:
            self.problem = f"the ledger is not read: {error}"
            log.warning("%s", self.problem)
            self._ask_at = time.monotonic() + AGAIN_S
        return self._rows

    def _open(self) -> sqlite3.Connection | None:
        path = Path(self._source.where)
        if (found := _identity(path)) != self._opened:
            self.close()  # another ledger was put in its place
            self._opened, self._version = found, None
        if self._connection is None and found is not None:
            # Opened in one thread and used in another, never in two at once.
            connection = sqlite3.connect(
                f"{path.resolve().as_uri()}?mode=ro",
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


def _identity(path: Path) -> tuple[int, int] | None:
    """Return what tells a file from another of the same name; None if there is none."""
    try:
        found = path.stat()
    except OSError:
        return None
    return found.st_dev, found.st_ino


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
