"""From an order back to its causes; reads one ledger and changes nothing."""

from __future__ import annotations

import sqlite3
from dataclasses import dataclass
from typing import Any

import orjson

from executor.ledger.reader import LedgerPlace, open_reading
from trading.errors import DataError

Record = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Chain:
    """An order and what caused it; ``events`` begin with the order's own intent."""

    order: Record
    fills: tuple[Record, ...]
    position: Record | None
    events: tuple[Record, ...]
    signal: Record | None
    candle: Record | None
    account: str
    published: str


def read_chain(ledger: LedgerPlace, wanted: str) -> Chain:
    """The chain of an order by client id (or its beginning) or exchange id.

    Raises:
        DataError: no ledger there, no such order, or several.
    """
    with open_reading(ledger) as database:
        return _read(database, wanted)


def _read(database: sqlite3.Connection, wanted: str) -> Chain:
    order = _find(database, wanted)
    position = None
    if order["position_id"] is not None:
        position = _one(database, "select * from positions where id = ?", order["position_id"])
    events = _walk(database, order["cause"])
    origin = _walk(database, position["cause"]) if position is not None else ()
    fills = database.execute(
        "select * from fills where client_id = ? order by time", (order["client_id"],)
    )
    both = (*events, *origin)
    meta = dict(database.execute("select name, value from meta").fetchall())
    return Chain(
        order=order,
        fills=tuple(dict(row) for row in fills),
        position=position,
        events=events,
        signal=_first(both, "signal_generated"),
        candle=_first(both, "candle_closed"),
        account=meta.get("account", ""),
        published=meta.get("published", ""),
    )


def _find(database: sqlite3.Connection, wanted: str) -> Record:
    name = wanted.strip()
    rows = database.execute(
        "select * from orders where client_id = ?1 or exchange_id = ?1 or child_id = ?1", (name,)
    ).fetchall()
    if not rows and name:
        pattern = name.replace("%", "").replace("_", "") + "%"
        rows = database.execute(
            "select * from orders where client_id like ? order by created_at", (pattern,)
        ).fetchall()
    if not rows:
        raise DataError(f"there is no order '{wanted}' in this ledger")
    if len(rows) > 1:
        some = ", ".join(row["client_id"] for row in rows[:3])
        raise DataError(f"'{wanted}' begins {len(rows)} orders ({some} …); write more of the id")
    return dict(rows[0])


def _walk(database: sqlite3.Connection, event_id: str | None) -> tuple[Record, ...]:
    chain: list[Record] = []
    while event_id is not None and len(chain) < 100:
        event = _one(database, "select * from events where id = ?", event_id)
        if event is None:
            break
        event["data"] = orjson.loads(event["data"])
        chain.append(event)
        event_id = event["cause"]
    return tuple(chain)


def _one(database: sqlite3.Connection, sql: str, value: object) -> Record | None:
    row = database.execute(sql, (value,)).fetchone()
    return None if row is None else dict(row)


def _first(events: tuple[Record, ...], kind: str) -> Record | None:
    return next((event for event in events if event["type"] == kind), None)
