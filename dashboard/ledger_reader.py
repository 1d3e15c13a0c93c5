"""Reads the executor's ledger: read-only, and again only when it has changed."""

from __future__ import annotations

import contextlib
import logging
import math
import sqlite3
import time
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, cast

from dashboard.received_bars import received_bars
from lake.ledger_database import LedgerSource, accounts, ledger_version, open_ledger
from trading.candles import HOUR_MS
from trading.errors import DataError

log = logging.getLogger(__name__)

Row = Mapping[str, Any]

MOST_TRADES = 500
MOST_EVENTS = 300
MOST_POINTS = 2000
_NET = "(realized_pnl - fees)"
_SUMS = (
    f"quote_asset as asset, count(*) as count, sum({_NET} > 0) as won, sum({_NET}) as net,"
    f" sum(fees) as fees, sum(max({_NET}, 0)) as gained, sum(min({_NET}, 0)) as lost,"
    f" min({_NET}) as worst from positions where closed_at is not null group by 1, 2"
)
_ORDER_OF = "select client_id from orders o where o.key = p.key and"
QUERIES = {
    "open": f"select p.*, ({_ORDER_OF} o.leg = 'en' limit 1) as entry_order from positions p"
    " where closed_at is null order by opened_at",
    "stops": "select * from orders where leg in ('sl', 'tp') and position_id in"
    " (select id from positions where closed_at is null) order by created_at",
    "orders": "select * from orders where status in ('intent', 'sent', 'unknown', 'accepted',"
    " 'partly_filled') order by created_at desc limit 200",
    "events": "select id, time, type, symbol, data from events"
    " where type <> 'candle_closed' order by time desc, rowid desc limit ?",
    "decisions": "select time, symbol, data from events where type in"
    " ('signal_generated', 'signal_held', 'entry_refused') order by time desc limit 300",
    # Wallets of one currency add up; the curve is that of the first by name.
    "equity": "select time, sum(equity) as equity from equity"
    " where asset = (select min(asset) from equity) group by time order by time desc limit ?",
    "wallets": "select asset, sum(equity) as equity from equity"
    " where time = (select max(time) from equity) group by asset order by asset",
    "baselines": "select substr(name, 14) as asset, value as baseline from meta"
    " where name like 'day_baseline:%'",
    "alerts": "select count(*) as waiting from alerts where delivered_at is null",
    "sums": "select count(*) as count, coalesce(sum(realized_pnl - fees > 0), 0) as won,"
    " coalesce(sum(fees), 0) as fees from positions where closed_at is not null",
}
"""What is read whenever the ledger has changed."""
QUERIES_OF_TRADES = {
    "closed": "select p.id, p.venue, p.symbol, p.strategy, p.side, p.quantity, p.entry_price,"
    " p.exit_price, p.opened_at, p.closed_at, p.exit_reason, p.realized_pnl, p.fees,"
    f" ({_ORDER_OF} o.leg <> 'en' and o.status = 'filled' order by o.updated_at desc limit 1)"
    " as exit_order, (select sum(quantity) from fills f where f.position_id = p.id and f.side ="
    " case when p.side > 0 then 'BUY' else 'SELL' end) as traded"
    " from positions p where closed_at is not null order by closed_at desc limit ?",
    "by_strategy": f"select strategy as name, {_SUMS} order by net desc",
    "by_symbol": f"select symbol as name, {_SUMS} order by net desc",
    "by_reason": f"select replace(exit_reason, '_', ' ') as name, {_SUMS} order by net desc",
    "days": "select (closed_at - ?) / 86400000 as day, quote_asset as asset, count(*) as count,"
    f" sum({_NET}) as net from positions where closed_at is not null group by 1, 2"
    " order by 1 desc limit 400",
}
"""What is read when a trade was closed, and every half minute."""
TRADES_EVERY_S = 30.0
NEWEST_TRADE = (
    "select count(*) as count, max(closed_at) as closed_at from positions"
    " where closed_at is not null"
)
LIMITS_OF_TABLES = {
    "events": MOST_EVENTS * 10,
    "equity": MOST_POINTS * 10,
    "received_candles": 20_000,
}
"""What of a database is copied: closed candles are events too, and a wallet has a point each."""
AGAIN_S = 5.0
"""How soon a database that did not answer is asked again."""
LIMITS = {"closed": MOST_TRADES, "events": MOST_EVENTS, "equity": MOST_POINTS}


NO_ROWS: Mapping[str, Sequence[Row]] = {name: () for name in (*QUERIES, *QUERIES_OF_TRADES, "bars")}
PAGES_IN_MEMORY = "pragma cache_size = -256"
"""KiB of the file that are kept: the system keeps it anyway."""


class LedgerReader:
    """The rows that the dashboard shows; empty without a ledger."""

    def __init__(self, source: LedgerSource, day_begins: int = 0) -> None:
        self._limits = {**LIMITS, "days": day_begins * HOUR_MS}
        self._trades_read: tuple[float, Row] = (-math.inf, {})
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
                self._rows = self._all_rows(connection)
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
                    copy.execute("create index orders_by_key on orders (key, leg)")
                    copy.execute("create index fills_by_position on fills (position_id)")
                    self._rows = self._all_rows(copy)
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
            self._trades_read = (-math.inf, {})
        if self._connection is None and found is not None:
            # Opened in one thread and used in another, never in two at once.
            connection = sqlite3.connect(
                f"{path.resolve().as_uri()}?mode=ro",
                uri=True,
                check_same_thread=False,
                isolation_level=None,
            )
            connection.row_factory = sqlite3.Row
            connection.execute(PAGES_IN_MEMORY)
            self._connection = connection
        return self._connection

    def _all_rows(self, connection: sqlite3.Connection) -> dict[str, Sequence[Row]]:
        """Run the queries at one moment of the ledger."""
        found = dict(self._rows)
        connection.execute("begin")
        try:
            for name in QUERIES:
                found[name] = self._run(connection, name, QUERIES[name])
            newest = connection.execute(NEWEST_TRADE).fetchone()
            now = time.monotonic()
            read_at, known = self._trades_read
            if dict(newest) != known or now - read_at > TRADES_EVERY_S:
                for name in QUERIES_OF_TRADES:
                    found[name] = self._run(connection, name, QUERIES_OF_TRADES[name])
                found["bars"] = received_bars(connection)
                self._trades_read = now, dict(newest)
        finally:
            connection.execute("rollback")
        return found

    def _run(self, connection: sqlite3.Connection, name: str, query: str) -> list[Row]:
        """Return the rows of a query: those that were there before as the same objects.

        They are SQLite's own rows; as dictionaries they would take three times the memory.
        """
        given = (self._limits[name],) if name in self._limits else ()
        known = {row: row for row in self._rows.get(name, ())}
        return [cast(Row, known.get(row, row)) for row in connection.execute(query, given)]

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


class OtherLedgers:
    """Every ledger of a database, by account; none for a file, and none where there is only one."""

    def __init__(self, source: LedgerSource) -> None:
        self._source = source
        self._readers: dict[str, LedgerReader] = {}
        self._look_at = 0.0

    def read(self) -> dict[str, Mapping[str, Sequence[Row]]]:
        """Return the rows by account."""
        if self._source.is_file:
            return {}
        if time.monotonic() >= self._look_at:
            self._look_at = time.monotonic() + AGAIN_S
            try:
                found = accounts(replace(self._source, account=None))
            except DataError:
                found = list(self._readers)
            self._readers = {
                name: self._readers.get(name) or LedgerReader(replace(self._source, account=name))
                for name in found
            }
        if len(self._readers) < 2:
            return {}
        return {name: reader.read() for name, reader in self._readers.items()}
