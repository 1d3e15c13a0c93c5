"""Rows that came over the wire, added to raw partitions: nothing fuller is ever replaced.

A partition remembers in its file's key-values which sources it was made of, and on which day each
source was last requested for the minutes that it still lacks, so that the next run does not request
them again at once.
"""

from __future__ import annotations

import json
from datetime import date

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from lake.store import Lake
from lake.tables import RAW_CANDLES, RAW_FUNDING, RAW_POSITIONING, Table
from trading.errors import DataError

SOURCES_KEY = "nocturne.sources"
ASKED_KEY = "nocturne.asked"

Times = npt.NDArray[np.int64]


def open_times(lake: Lake, venue: str, symbol: str, month: str) -> Times:
    """Sorted open times (ms) of a month of one-minute candles; empty if there are none."""
    values = {"venue": venue, "symbol": symbol, "interval": "1m", "month": month}
    if not lake.path(RAW_CANDLES, **values).is_file():
        return np.empty(0, np.int64)
    try:
        column = pq.read_table(
            lake.path(RAW_CANDLES, **values), columns=["open_time"], partitioning=None
        )["open_time"]
    except (OSError, pa.ArrowInvalid):
        return np.empty(0, np.int64)  # a damaged file is fetched again
    times: Times = column.cast(pa.int64()).to_numpy()
    return times


def last_open_time(lake: Lake, venue: str, symbol: str, interval: str) -> int | None:
    """Open time (ms) of the newest raw candle; None if there is none."""
    months = lake.partitions(RAW_CANDLES, venue=venue, symbol=symbol, interval=interval)
    for part in reversed(months):
        times = lake.read_partition(part, columns=["open_time"])["open_time"].cast(pa.int64())
        if len(times):
            return int(times[-1].as_py())
    return None


def row_count(lake: Lake, venue: str, symbol: str, month: str) -> int:
    """Rows of a month of one-minute candles, from the file's footer alone."""
    values = {"venue": venue, "symbol": symbol, "interval": "1m", "month": month}
    try:
        return int(pq.read_metadata(lake.path(RAW_CANDLES, **values)).num_rows)
    except (OSError, pa.ArrowInvalid):
        return 0


def source_names(lake: Lake, venue: str, symbol: str, month: str) -> frozenset[str]:
    """Names of the files that a month was made of."""
    text = lake.metadata(RAW_CANDLES, venue=venue, symbol=symbol, interval="1m", month=month).get(
        SOURCES_KEY, "{}"
    )
    try:
        return frozenset(name.rsplit("/", 1)[-1] for name in json.loads(text))
    except (ValueError, AttributeError):
        return frozenset()


def asked_on(lake: Lake, venue: str, symbol: str, month: str) -> dict[str, str]:
    """Return the day (ISO) on which each source was last requested for what the month lacks."""
    return _asked(lake, {"venue": venue, "symbol": symbol, "interval": "1m", "month": month})


def _asked(lake: Lake, values: dict[str, str]) -> dict[str, str]:
    try:
        found = json.loads(lake.metadata(RAW_CANDLES, **values).get(ASKED_KEY, "{}"))
    except ValueError:
        return {}
    return found if isinstance(found, dict) else {}


def add_candles(
    lake: Lake,
    venue: str,
    symbol: str,
    rows: pa.Table,
    source: str,
    today: date,
    interval: str = "1m",
) -> int:
    """Add candles that the lake lacks, and note that ``source`` was asked ``today``.

    Rows of the lake stay as they are, unless they lack the quote volume that the new row has.
    Returns how many rows were new.
    """
    added = 0
    for month, part in _by_month(rows):
        values = {"venue": venue, "symbol": symbol, "interval": interval, "month": month}
        held = _held(lake, RAW_CANDLES, values)
        merged = part if held is None else _merged_candles(held, part)
        before = 0 if held is None else held.num_rows
        _write(lake, RAW_CANDLES, merged, values, source, today)
        added += merged.num_rows - before
    return added


def note_asked(lake: Lake, venue: str, symbol: str, month: str, source: str, today: date) -> None:
    """Note that ``source`` had nothing for what the month lacks."""
    values = {"venue": venue, "symbol": symbol, "interval": "1m", "month": month}
    held = _held(lake, RAW_CANDLES, values)
    if held is not None:
        _write(lake, RAW_CANDLES, held, values, source, today)


def add_rows(lake: Lake, table: Table, venue: str, symbol: str, rows: pa.Table) -> int:
    """Add rows of ``raw.funding`` or ``raw.positioning``; of one time, the lake's row stays.

    Where the lake's row has an empty column and the new one a value, the value is taken over.
    """
    if table not in (RAW_FUNDING, RAW_POSITIONING):
        raise DataError(f"{table.title} does not take rows one by one; import a file instead")
    values = {"venue": venue, "symbol": symbol}
    held = _held(lake, table, values)
    if rows.num_rows == 0:
        return 0
    merged = (
        _first_of_each(rows.select(table.schema.names), table.time)
        if held is None
        else (_filled(held.select(table.schema.names), rows.select(table.schema.names), table.time))
    )
    lake.write(table, merged, metadata=_kept(lake, table, values), **values)
    return int(merged.num_rows) - (0 if held is None else int(held.num_rows))


def _by_month(rows: pa.Table) -> list[tuple[str, pa.Table]]:
    if rows.num_rows == 0:
        return []
    times = rows["open_time"].cast(pa.int64()).to_numpy().astype("datetime64[ms]")
    months = times.astype("datetime64[M]")
    return [(str(month), rows.filter(pa.array(months == month))) for month in np.unique(months)]


def _held(lake: Lake, table: Table, values: dict[str, str]) -> pa.Table | None:
    path = lake.path(table, **values)
    if not path.is_file():
        return None
    try:
        return lake.read(table, list(table.schema.names), None, **values)
    except DataError:
        return None  # a damaged file is replaced


def _merged_candles(held: pa.Table, new: pa.Table) -> pa.Table:
    full = pc.is_valid(held["quote_volume"])
    keep, poor = held.filter(full), held.filter(pc.invert(full))
    better = new.filter(pc.is_valid(new["quote_volume"]))
    parts = [keep, better, poor, new]
    table = pa.concat_tables([p.select(held.column_names) for p in parts])
    return _first_of_each(table, "open_time")


def _first_of_each(table: pa.Table, key: str) -> pa.Table:
    """Of rows with one key, the first; sorted by key."""
    times = table[key].cast(pa.int64()).to_numpy()
    _, first = np.unique(times, return_index=True)
    return table.take(pa.array(first))


def _filled(held: pa.Table, new: pa.Table, key: str) -> pa.Table:
    new = _first_of_each(new, key)
    position = pc.index_in(held[key], value_set=new[key].combine_chunks())
    columns = []
    for name in held.column_names:
        values = new[name].combine_chunks().take(position.combine_chunks())
        columns.append(pc.coalesce(held[name].combine_chunks(), values))
    filled = pa.table(columns, schema=held.schema)
    fresh = new.filter(pc.invert(pc.is_in(new[key], value_set=held[key].combine_chunks())))
    return _first_of_each(pa.concat_tables([filled, fresh]), key)


def _kept(lake: Lake, table: Table, values: dict[str, str]) -> dict[str, str]:
    return {k: v for k, v in lake.metadata(table, **values).items() if k == SOURCES_KEY}


def _write(
    lake: Lake, table: Table, rows: pa.Table, values: dict[str, str], source: str, today: date
) -> None:
    marks = _kept(lake, table, values)
    marks[ASKED_KEY] = json.dumps(
        {**_asked(lake, values), source: today.isoformat()}, sort_keys=True
    )
    lake.write(table, rows, metadata=marks, **values)
