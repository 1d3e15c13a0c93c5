"""Alerts that wait to be delivered: rows of the ledger, so that a crash loses none."""

from __future__ import annotations

import time
from collections.abc import Iterable, Mapping

import orjson

from executor.ledger.connection import LedgerConnection
from executor.notifications.alert_store import AlertLevel, WaitingAlert


class Outbox:
    """The table ``alerts``: written with their events, delivered at least once to each channel."""

    def __init__(self, connection: LedgerConnection) -> None:
        self._connection = connection

    def add(
        self,
        time_ms: int,
        title: str,
        fields: Mapping[str, str],
        level: AlertLevel = AlertLevel.WARNING,
        *,
        wanted: bool = True,
    ) -> None:
        """Add an alert; it joins the next commit."""
        # The number is given here: it must be the same in memory and in the store.
        (last,) = self._connection.current.execute(
            "select coalesce(max(id), 0) from alerts"
        ).fetchone()
        self._connection.write(
            "insert into alerts (id, time, title, fields, level, delivered_at)"
            " values (?, ?, ?, ?, ?, ?)",
            (
                int(last) + 1,
                time_ms,
                title,
                orjson.dumps(dict(fields)).decode(),
                int(level),
                None if wanted else _now_ms(),
            ),
        )

    def waiting(self, most: int, channel: str = "") -> list[WaitingAlert]:
        """Alerts that ``channel`` has not taken: critical ones first, then the oldest."""
        rows = self._connection.current.execute(
            "select id, time, title, fields, level from alerts where delivered_at is null"
            " and (? = '' or instr(delivered_to, ' ' || ? || ' ') = 0)"
            " order by level = 2 desc, id limit ?",
            (channel, channel, most),
        )
        return [
            WaitingAlert(
                r["id"], r["time"], r["title"], orjson.loads(r["fields"]), AlertLevel(r["level"])
            )
            for r in rows
        ]

    def delivered(self, ids: Iterable[int], channel: str, channels: Iterable[str]) -> None:
        """Record, durably, that a channel took these; all of ``channels`` end the waiting."""
        wanted = set(channels)
        for number in ids:
            (text,) = self._connection.current.execute(
                "select delivered_to from alerts where id = ?", (number,)
            ).fetchone()
            took = {*text.split(), channel}
            self._connection.write(
                "update alerts set delivered_to = ?, delivered_at = ? where id = ?",
                (f" {' '.join(sorted(took))} ", _now_ms() if wanted <= took else None, number),
            )
        self._connection.commit()


def _now_ms() -> int:
    return int(time.time() * 1000)
