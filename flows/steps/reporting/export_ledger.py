"""Copy the executor's ledger (SQLite or PostgreSQL) into the lake, one partition per day.

The ledger is opened read-only and read in one transaction, so that the copy shows one moment,
whatever the executor does meanwhile. Orders, trades and positions are read whole: they are few, and
a late report changes an old one. Events, equity and received candles are only ever added: they are
read from the first day on whose number of rows is another one in the lake. Columns keep their
names; the lake's contract says which become times (from milliseconds) and numbers (from decimal
text).
"""

from __future__ import annotations

import contextlib
import sqlite3
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from lake.ledger_database import LedgerSource, open_ledger, rows_by_day
from lake.store import Lake
from lake.tables import (
    EVENTS,
    FILLS,
    LEDGER_EQUITY,
    ORDERS,
    POSITIONS,
    RECEIVED_CANDLES,
    Table,
)
from trading.errors import DataError

_TABLES = (ORDERS, FILLS, POSITIONS, EVENTS, LEDGER_EQUITY, RECEIVED_CANDLES)
_GROWING = (EVENTS, LEDGER_EQUITY, RECEIVED_CANDLES)
"""Tables whose rows never change once they are written, and which grow all the time."""
_LATER = frozenset({RECEIVED_CANDLES.name})
"""Tables that a ledger from before them lacks, until its executor starts again."""
_TYPES = {"INTEGER": pa.int64(), "REAL": pa.float64(), "TEXT": pa.string()}

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)

Column = tuple[str, pa.DataType]


@dataclass(frozen=True, slots=True)
class LedgerExport:
    """What was read: rows by table, and their days; days that the lake has are left out."""

    rows: Mapping[str, int]
    days: tuple[str, ...]


def export_ledger(lake: Lake, ledger: LedgerSource, *, as_of: datetime) -> LedgerExport:
    """Copy every row before ``as_of``; days that already hold the same rows are not touched.

    A day that was exported under a later ``as_of`` is left alone. Raises `DataError` when
    ``ledger`` is missing or is no ledger.
    """
    rows: dict[str, int] = {}
    days: set[str] = set()
    try:
        since = _changed_since(lake, ledger, as_of)
        with contextlib.closing(open_ledger(replace(ledger, since=since))) as source:
            source.isolation_level = None
            source.execute("begin")
            for table in _TABLES:
                by_day = _rows_by_day(source, table, as_of, since.get(table.name, 0))
                for day, data in by_day.items():
                    _write_day(lake, table, day, data, as_of)
                rows[table.name] = sum(data.num_rows for data in by_day.values())
                days |= set(by_day)
    except sqlite3.Error as error:
        raise DataError(
            f"{ledger.shown} cannot be read as an executor's ledger: {error}"
        ) from error
    return LedgerExport(rows, tuple(sorted(days)))


def _changed_since(lake: Lake, ledger: LedgerSource, as_of: datetime) -> dict[str, int]:
    """When (ms) the first day begins whose rows the lake lacks, by table.

    The day of ``as_of`` is read in any case: what happens in it may replace a row (equity).
    """
    counted = rows_by_day(ledger, {table.name: table.time for table in _GROWING})
    today = _EPOCH + timedelta(days=(as_of - _EPOCH).days)
    begin = {}
    for table in _GROWING:
        held = {
            part.values["day"]: pq.read_metadata(part.path).num_rows
            for part in lake.partitions(table)
        }
        lacking = [today]
        for day, rows in counted.get(table.name, {}).items():
            moment = _EPOCH + timedelta(days=day)
            if held.get(f"{moment:%Y-%m-%d}") != rows:
                lacking.append(moment)
        begin[table.name] = round(min(lacking).timestamp() * 1000)
    return begin


def _rows_by_day(
    source: sqlite3.Connection, table: Table, as_of: datetime, since_ms: int
) -> dict[str, pa.Table]:
    columns: list[Column] = [
        (str(row[1]), _type(table, str(row[1]), str(row[2])))
        for row in source.execute(f"pragma table_info({table.name})")
    ]
    if not columns and table.name in _LATER:
        return {}
    if not columns:
        raise DataError(f"the executor's ledger has no table {table.name}; update the executor")
    names = [name for name, _ in columns]
    found = source.execute(
        f"select {', '.join(names)} from {table.name} where {table.time} >= ? and {table.time} < ?"
        f" order by {table.time}",
        (since_ms, round(as_of.timestamp() * 1000)),
    ).fetchall()
    place = names.index(table.time)
    days: dict[str, list[tuple[Any, ...]]] = {}
    for row in found:
        days.setdefault(f"{_moment(row[place]):%Y-%m-%d}", []).append(row)
    return {day: _arrow(columns, day_rows) for day, day_rows in days.items()}


def _type(table: Table, name: str, declared: str) -> pa.DataType:
    if name in table.schema.names:
        return table.schema.field(name).type
    return _TYPES.get(declared.upper(), pa.string())


def _arrow(columns: list[Column], rows: list[tuple[Any, ...]]) -> pa.Table:
    """Convert the rows of one day to the lake's types."""
    data = {}
    for place, (name, kind) in enumerate(columns):
        convert = _converter(kind)
        data[name] = pa.array(
            [None if row[place] is None else convert(row[place]) for row in rows], kind
        )
    return pa.table(data)


def _converter(kind: pa.DataType) -> Callable[[Any], Any]:
    if pa.types.is_timestamp(kind):
        return _moment
    return float if pa.types.is_floating(kind) else lambda value: value


def _moment(milliseconds: int) -> datetime:
    return datetime.fromtimestamp(milliseconds / 1000, UTC)


def _write_day(lake: Lake, table: Table, day: str, data: pa.Table, as_of: datetime) -> None:
    held = lake.read(table, [table.time], day=day)[table.time].to_pylist()
    if not any(moment >= as_of for moment in held):
        lake.write(table, data, day=day)
