"""State that survives a restart: one SQLite file with the engines as they were."""

from __future__ import annotations

import sqlite3
import time
from pathlib import Path
from typing import TYPE_CHECKING

from sandbox.freezing import freeze, thaw
from sandbox.intervals import MINUTE
from sandbox.replay import Span
from sandbox.settings import iso
from trading.errors import DataError

if TYPE_CHECKING:
    from sandbox.assembly import Venues

VERSION = 2


class StateFile:
    """Saves after every change (``every_s`` 0), or at most so often: a kill then loses the rest.

    The market goes on while the exchange is down: a resumed run begins with the first whole minute
    after what was saved.
    """

    def __init__(self, path: Path | None, venues: Venues, every_s: float) -> None:
        self._venues = venues
        self._every_s = every_s
        self._saved_at = 0.0
        self._saved_requests = -1
        self.resumed = False
        self._connection: sqlite3.Connection | None = None
        if path is None:
            return
        self._connection = sqlite3.connect(path)
        try:
            self._connection.execute("pragma journal_mode = wal")
            self._connection.execute(
                "create table if not exists state (name text primary key, value blob)"
            )
            self._connection.commit()
        except sqlite3.DatabaseError as error:
            self._connection.close()
            raise DataError(f"{path}: not a sandbox state file ({error})") from error
        self._path = path
        for venue in venues.all:
            venue.changed = self._changed

    def resume(self, span: Span) -> Span:
        """Put saved state back, if there is any; the span that is left."""
        if self._connection is None:
            return span
        rows = dict(self._connection.execute("select name, value from state").fetchall())
        if not rows:
            return span
        if thaw(rows["version"]) != VERSION:
            raise DataError(f"{self._path}: written by another version; give another file")
        saved = int(thaw(rows["now"]))
        begin = (saved + MINUTE - 1) // MINUTE * MINUTE
        if not span.begin <= begin < span.end:
            raise DataError(
                f"{self._path}: was saved at {iso(saved)}, which is not before --to {iso(span.end)}"
            )
        for name, venue in self._named():
            if name in rows:
                venue.engine.thaw(rows[name])
                venue.engine.at(begin)
                venue.show_books(venue.feeds)
        if self._venues.usdm is not None and "listen_keys" in rows:
            self._venues.usdm.listen_keys = thaw(rows["listen_keys"])
        self.resumed = True
        return Span(begin, span.end)

    def _named(self) -> list[tuple[str, object]]:
        pairs = (("usdm", self._venues.usdm), ("spot", self._venues.spot))
        return [(name, venue) for name, venue in pairs if venue is not None]

    def _changed(self) -> None:
        if not self._every_s:
            self.save()

    def save_if_due(self) -> None:
        """Save when the interval is over."""
        if self._connection is not None and time.monotonic() - self._saved_at >= self._every_s:
            self.save()

    def save(self) -> None:
        """Write the engines as they are now, and the ledger up to them."""
        if self._connection is None:
            return
        self._venues.ledger.flush()
        rows = {name: venue.engine.freeze() for name, venue in self._named()}
        if self._venues.usdm is not None:
            rows["listen_keys"] = freeze(self._venues.usdm.listen_keys)
        rows["now"] = freeze(self._venues.first.now)
        rows["version"] = freeze(VERSION)
        with self._connection:
            self._connection.executemany(
                "insert or replace into state (name, value) values (?, ?)", list(rows.items())
            )
        self._saved_at = time.monotonic()

    def close(self) -> None:
        """Close the file."""
        if self._connection is not None:
            self._connection.close()
