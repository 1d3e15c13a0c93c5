"""Copy the executor's ledger (SQLite) into the lake, a partition a day.

The ledger is opened read-only and read in one transaction, so that what is copied is one moment of it,
whatever the executor does meanwhile. Rows are cut by their own market time.
"""

from __future__ import annotations

import contextlib
import sqlite3
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pyarrow as pa

from lake.store import Lake
from lake.tables import EVENTS, FILLS, LEDGER_EQUITY, ORDERS, POSITIONS, Table
from trading.errors import DataError

_KINDS = {"INTEGER": pa.int64(), "REAL": pa.float64(), "TEXT": pa.string()}


@dataclass(frozen=True, slots=True)
class _Mapping:
    """How one SQLite table becomes a lake table; columns not named here keep their names."""

    source: str
    table: Table
    time: str
    renamed: Mapping[str, str] = field(default_factory=dict)
    converted: Mapping[str, Callable[[Any], Any]] = field(default_factory=dict)


def _moment(milliseconds: int | None) -> datetime | None:
    return None if milliseconds is None else datetime.fromtimestamp(milliseconds / 1000, UTC)


def _real(text: str | float | None) -> float | None:
    return None if text is None else float(text)


def _direction(side: int) -> str:
    return "long" if side > 0 else "short"


_TABLES = (
    _Mapping(
        "orders",
        ORDERS,
        "created_at",
        {"client_id": "client_order_id", "kind": "type", "trigger_price": "stop_price"},
        {"quantity": _real, "stop_price": _real, "filled": _real},
    ),
    _Mapping(
        "fills",
        FILLS,
        "time",
        {"client_id": "client_order_id"},
        {name: _real for name in ("price", "quantity", "fee", "realized_pnl")},
    ),
    _Mapping(
        "positions",
        POSITIONS,
        "opened_at",
        {"id": "position_id", "exit_reason": "reason"},
        {
            "position_id": str,
            "side": _direction,
            "quantity": _real,
            "realized_pnl": _real,
            "fees": _real,
            "opened_at": _moment,
            "closed_at": _moment,
        },
    ),
    _Mapping("events", EVENTS, "time", {"id": "event_id", "type": "kind"}),
    _Mapping("equity", LEDGER_EQUITY, "time", {}, {"equity": _real, "wallet": _real}),
)


@dataclass(frozen=True, slots=True)
class LedgerExport:
    """What was copied: rows by lake table, over all days."""

    rows: Mapping[str, int]
    days: tuple[str, ...]


def export_ledger(lake: Lake, ledger: Path, *, as_of: datetime) -> LedgerExport:
    """Copy every row before ``as_of``; days that hold the same already are not touched.

    A day that was exported under a later ``as_of`` is left as it is. Raises `DataError` when ``ledger``
    is missing or is no ledger.
    """
    if not ledger.is_file():
        raise DataError(f"the executor's ledger {ledger} does not exist; start the executor first")
    rows: dict[str, int] = {}
    days: set[str] = set()
    try:
        with contextlib.closing(sqlite3.connect(f"{ledger.as_uri()}?mode=ro", uri=True)) as source:
            source.isolation_level = None
            source.execute("begin")
            for mapping in _TABLES:
                by_day = _rows_by_day(source, mapping, as_of)
                for day, data in by_day.items():
                    _write_day(lake, mapping.table, day, data, as_of)
                rows[mapping.table.name] = sum(data.num_rows for data in by_day.values())
                days |= set(by_day)
    except sqlite3.Error as error:
        raise DataError(f"{ledger} cannot be read as an executor's ledger: {error}") from error
    return LedgerExport(rows, tuple(sorted(days)))


def _rows_by_day(
    source: sqlite3.Connection, mapping: _Mapping, as_of: datetime
) -> dict[str, pa.Table]:
    columns = [
        (str(row[1]), str(row[2]).upper())
        for row in source.execute(f"pragma table_info({mapping.source})")
    ]
    if not columns:
        raise DataError(f"the executor's ledger has no table {mapping.source}; update the executor")
    cutoff = round(as_of.timestamp() * 1000)
    names = ", ".join(name for name, _ in columns)
    found = source.execute(
        f"select {names} from {mapping.source} where {mapping.time} < ? order by {mapping.time}",
        (cutoff,),
    ).fetchall()
    place = [name for name, _ in columns].index(mapping.time)
    days: dict[str, list[tuple[Any, ...]]] = {}
    for row in found:
        days.setdefault(f"{_moment(row[place]):%Y-%m-%d}", []).append(row)
    return {day: _arrow(columns, day_rows, mapping) for day, day_rows in days.items()}


def _arrow(
    columns: list[tuple[str, str]], rows: list[tuple[Any, ...]], mapping: _Mapping
) -> pa.Table:
    """Rows of one day with the lake's names and types, and a ``time`` column first."""
    data: dict[str, pa.Array] = {}
    for place, (source_name, kind) in enumerate(columns):
        name = mapping.renamed.get(source_name, source_name)
        values = [row[place] for row in rows]
        if source_name == mapping.time:
            moments = [_moment(value) for value in values]
            data["time"] = pa.array(moments, pa.timestamp("ms", tz="UTC"))
            if source_name == "time":
                continue
        convert = mapping.converted.get(name)
        if convert is not None:
            values = [convert(value) for value in values]
        data[name] = pa.array(values, _type(mapping.table, name, kind, convert))
    return pa.table(data)


def _type(table: Table, name: str, kind: str, convert: Callable[[Any], Any] | None) -> pa.DataType:
    if name in table.schema.names:
        return table.schema.field(name).type
    return pa.float64() if convert is _real else _KINDS.get(kind, pa.string())


def _write_day(lake: Lake, table: Table, day: str, data: pa.Table, as_of: datetime) -> None:
    held = lake.read(table, ["time"], day=day)["time"].to_pylist()
    if not any(moment >= as_of for moment in held):
        lake.write(table, data, day=day)
