"""Alerts that wait to be delivered: rows of the ledger, so that a crash loses none."""

from __future__ import annotations

import time
from collections.abc import Iterable, Mapping

import orjson

from executor.ledger.connection import LedgerConnection
from executor.notifications.alert_store import WaitingAlert


class Outbox:
    """The table ``alerts``: written with their events, delivered at least once."""

    def __init__(self, connection: LedgerConnection) -> None:
        self._connection = connection

    def add(self, time_ms: int, title: str, fields: Mapping[str, str]) -> None:
        """Add an alert; it joins the next commit."""
        # The number is given here: it must be the same in memory and in the store.
        (last,) = self._connection.current.execute(
            "select coalesce(max(id), 0) from alerts"
        ).fetchone()
        self._connection.write(
            "insert into alerts (id, time, title, fields) values (?, ?, ?, ?)",
            (int(last) + 1, time_ms, title, orjson.dumps(dict(fields)).decode()),
        )

    def waiting(self, most: int) -> list[WaitingAlert]:
        """The oldest alerts that have not been delivered."""
        rows = self._connection.current.execute(
            "select id, time, title, fields from alerts where delivered_at is null"
            " order by id limit ?",
            (most,),
        )
        return [
            WaitingAlert(r["id"], r["time"], r["title"], orjson.loads(r["fields"])) for r in rows
        ]

    def delivered(self, ids: Iterable[int]) -> None:
        """Record, durably, that these have arrived."""
        now = int(time.time() * 1000)
        for number in ids:
            self._connection.write("update alerts set delivered_at = ? where id = ?", (now, number))
        self._connection.commit()
