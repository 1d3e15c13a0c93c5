"""State that survives a restart: a SQLite file to which each save adds what has changed."""

from __future__ import annotations

import sqlite3
import time
from contextlib import closing
from pathlib import Path
from typing import Any

from sandbox.api.venues import Venues
from sandbox.engines.common.serialization import freeze, thaw
from sandbox.market.replay import Span
from sandbox.server import histories
from sandbox.server.settings import iso
from trading.candles import MINUTE_MS
from trading.errors import DataError

# The layout of the file and of the objects in it; increase it when either changes.
VERSION = 9
ADVICE = "move the file away to start afresh, or resume it with the version that wrote it"
TABLES = """
create table if not exists state (name text primary key, value blob) without rowid;
create table if not exists histories (
    venue text, account text, history text, id integer, value blob,
    primary key (venue, account, history, id)
) without rowid;
"""
ADD = "insert or replace into histories (venue, account, history, id, value) values (?, ?, ?, ?, ?)"


def saved_shift(path: Path | None) -> int:
    """Return what the dates of a saved run's recording were moved by (ms); 0 without one."""
    if path is None or not path.exists():
        return 0
    try:
        with closing(sqlite3.connect(path)) as connection:
            row = connection.execute("select value from state where name = 'shift'").fetchone()
    except sqlite3.DatabaseError:
        return 0  # `StateFile` refuses the file with its reason
    return int(thaw(row[0])) if row else 0


class EngineRecord:
    """An engine's part of the file: each save writes its head and the new part of its histories."""

    def __init__(self, name: str, engine: Any) -> None:
        self._name = name
        self._engine = engine
        self._saved: object = None
        self._marks: dict[str, histories.HistoryMark] = {}

    def load(self, connection: sqlite3.Connection, head: bytes, now: int) -> None:
        """Restore the saved state; prices, rules and time stay."""
        core = thaw(head)
        query = "select account, history, id, value from histories where venue = ? order by id"
        rows: dict[str, list[histories.Row]] = {}
        for account, history, ident, value in connection.execute(query, (self._name,)):
            rows.setdefault(account, []).append((history, ident, thaw(value)))
        for name, account in core.accounts.items():
            histories.restore(account, rows.get(name, ()))
            self._marks[name] = histories.changed(account, histories.HistoryMark())[1]
        self._engine.adopt(core)
        self._engine.set_time(now)
        self._saved = self._engine.core

    def save(self, connection: sqlite3.Connection) -> bytes:
        """Write what has changed in the histories and return the head."""
        core = self._engine.core
        if core is not self._saved:  # the first save, or the first after a rollback
            connection.execute("delete from histories where venue = ?", (self._name,))
            self._marks.clear()
            self._saved = core
        for name, account in core.accounts.items():
            rows, mark = histories.changed(account, self._marks.get(name, histories.HistoryMark()))
            values = [(self._name, name, kind, ident, freeze(value)) for kind, ident, value in rows]
            connection.executemany(ADD, values)
            self._marks[name] = mark
        return freeze(histories.head(core))


class StateFile:
    """Saves after every change, or every ``every_s`` seconds (a kill then loses the rest).

    The market continues while the exchange is down: a resumed run begins with the first whole
    minute after the saved time.
    """

    def __init__(self, path: Path | None, venues: Venues, every_s: float) -> None:
        self._venues = venues
        self._every_s = every_s
        self._saved_at = 0.0
        self.resumed = False
        self._connection: sqlite3.Connection | None = None
        pairs = (("usdm", venues.usdm), ("spot", venues.spot))
        self._records = {
            name: EngineRecord(name, venue.engine) for name, venue in pairs if venue is not None
        }
        if path is None:
            return
        self._connection = sqlite3.connect(path)
        try:
            self._connection.execute("pragma journal_mode = wal")
            self._connection.executescript(TABLES)
        except sqlite3.DatabaseError as error:
            self._connection.close()
            raise DataError(f"{path}: not a sandbox state file ({error})") from error
        self._path = path
        venues.changes.subscribe(self._changed)

    def resume(self, span: Span) -> Span:
        """Restore saved state, if there is any, and return the remaining span."""
        if self._connection is None:
            return span
        rows = dict(self._connection.execute("select name, value from state").fetchall())
        if not rows:
            return span
        self._check_version(rows.get("version"))
        saved = int(thaw(rows["now"]))
        begin = (saved + MINUTE_MS - 1) // MINUTE_MS * MINUTE_MS
        if self._venues.live:  # a followed market has moved on while the exchange was down
            begin = max(begin, span.begin)
        if not span.begin <= begin < span.end:
            raise DataError(
                f"{self._path}: was saved at {iso(saved)}, which is not before --to {iso(span.end)}"
            )
        for name, record in self._records.items():
            if name in rows:
                self._load(name, record, rows[name], begin)
        for venue in self._venues.all:
            venue.show_books(venue.feeds)
        if self._venues.usdm is not None and "listen_keys" in rows:
            self._venues.usdm.listen_keys = thaw(rows["listen_keys"])
        self.resumed = True
        return Span(begin, span.end)

    def _load(self, name: str, record: EngineRecord, head: bytes, begin: int) -> None:
        assert self._connection is not None
        try:
            record.load(self._connection, head, begin)
        except DataError as error:
            raise DataError(
                f"{self._path}: the state of {name} is damaged ({error}); {ADVICE}"
            ) from error

    def _check_version(self, row: bytes | None) -> None:
        """Refuse a file of another layout."""
        try:
            found = "none" if row is None else str(thaw(row))
        except DataError:
            found = "an unreadable one"
        if found != str(VERSION):
            raise DataError(
                f"{self._path}: its state has layout version {found}, this sandbox reads "
                f"{VERSION}; {ADVICE}"
            )

    def _changed(self) -> None:
        if not self._every_s:
            self.save()

    def save_if_due(self) -> None:
        """Save when the interval has passed."""
        if self._connection is not None and time.monotonic() - self._saved_at >= self._every_s:
            self.save()

    def save(self) -> None:
        """Write what has changed since the last save, after flushing the ledger."""
        if self._connection is None:
            return
        self._venues.ledger.flush()
        with self._connection:
            rows = {name: record.save(self._connection) for name, record in self._records.items()}
            if self._venues.usdm is not None:
                rows["listen_keys"] = freeze(self._venues.usdm.listen_keys)
            rows["now"] = freeze(self._venues.first.now)
            rows["version"] = freeze(VERSION)
            rows["shift"] = freeze(self._venues.shift)
            self._connection.executemany(
                "insert or replace into state (name, value) values (?, ?)", list(rows.items())
            )
        self._saved_at = time.monotonic()

    @property
    def changed_rows(self) -> int:
        """The number of rows written since the file was opened."""
        return self._connection.total_changes if self._connection is not None else 0

    def close(self) -> None:
        """Close the file."""
        if self._connection is not None:
            self._connection.close()
