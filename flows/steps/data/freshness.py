"""Marks on derived partitions, so that unchanged work is skipped.

There is no state file. A derived partition carries a mark in its Parquet metadata: a hash of the
content of its inputs and of the recipe (SQL text, settings). If the mark is equal, there is nothing
to do.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import datetime
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pyarrow.compute as pc

from lake.content import content_hash, cutoff
from lake.months import month_end
from lake.partitions import PartitionRef
from lake.store import Lake, Partition
from lake.tables import Table
from trading.errors import DataError

if TYPE_CHECKING:
    import duckdb

SQL = Path(__file__).resolve().parents[3] / "sql"
MARK = "nocturne.made_from"
_CONTENT = "nocturne.content"


def load_sql(name: str) -> str:
    """Read a model such as ``features/price``."""
    return (SQL / f"{name}.sql").read_text(encoding="utf-8")


@contextmanager
def connect() -> Iterator[duckdb.DuckDBPyConnection]:
    """Open a DuckDB connection in memory for one unit of work: UTC, and one thread.

    One thread adds floats in one order, so that the same input gives the same bytes.
    """
    import duckdb

    with duckdb.connect(config={"threads": 1}) as connection:
        connection.execute("set timezone = 'UTC'")
        yield connection


@contextmanager
def connect_briefly() -> Iterator[duckdb.DuckDBPyConnection]:
    """`connect` for a query of milliseconds, on a database that this process keeps.

    To start a database takes longer than such a query. What is registered is seen here alone.
    """
    with _kept(os.getpid()).cursor() as connection:
        connection.execute("set timezone = 'UTC'")
        yield connection


@cache
def _kept(_process: int) -> duckdb.DuckDBPyConnection:
    import duckdb

    return duckdb.connect(config={"threads": 1})


def mark_of(recipe: str, inputs: Mapping[str, Any]) -> str:
    """Hash a recipe and its inputs."""
    text = json.dumps({"recipe": recipe, "inputs": inputs}, sort_keys=True, default=str)
    return hashlib.sha256(text.encode()).hexdigest()


def content_of(lake: Lake, partition: Partition, as_of: datetime) -> str:
    """Hash the rows of ``partition`` known at ``as_of``.

    A month that is over at ``as_of`` is not read: its file stores the hash.
    """
    month = partition.values.get("month")
    if month is not None and month_end(month) <= as_of:
        stored = lake.metadata(partition.table, **partition.values).get(_CONTENT)
        if stored:
            return stored
    return content_hash(lake.read_partition(partition, as_of))


def is_current(lake: Lake, table: Table, mark: str, partition: Mapping[str, str]) -> bool:
    """Check whether this partition was made from exactly these inputs."""
    return lake.metadata(table, **partition).get(MARK) == mark


def write_known(
    lake: Lake,
    table: Table,
    data: pa.Table,
    *,
    as_of: datetime,
    partition: Mapping[str, str],
    metadata: Mapping[str, str],
) -> PartitionRef:
    """Write what is known at ``as_of``; rows that an earlier run made for later times stay.

    Otherwise a replay under an old ``as_of`` would remove rows that a release was made from. A bar
    of a month shorter than 31 days is known to its builder before the lake's rule says so: what
    was built now replaces what was.
    """
    later = _later_rows(lake, table, as_of, partition)
    if later is not None:
        built = data[table.time].cast(later[table.time].type)
        later = later.filter(pc.invert(pc.is_in(later[table.time], built)))
    if later is not None and later.num_rows:
        data = data.drop_columns([name for name in table.partition if name in data.column_names])
        shared = [name for name in later.column_names if name in data.column_names]
        data = pa.concat_tables([data, later.select(shared)], promote_options="permissive")
    return lake.write(table, data, metadata, **partition)


def _later_rows(
    lake: Lake, table: Table, as_of: datetime, partition: Mapping[str, str]
) -> pa.Table | None:
    for found in lake.partitions(table, **partition):
        try:
            data = lake.read_partition(found)
        except DataError:
            return None  # damaged or of an older contract: it will be replaced
        times = data[table.time].cast(pa.int64())
        return data.filter(pc.greater_equal(times, cutoff(table, found.values, as_of)))
    return None
