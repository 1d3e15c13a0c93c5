"""Read the candle file that a user gives: any Parquet file with the six usual columns."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from trading.candles import CandleColumns, Floats, Integers
from trading.errors import DataError
from trading.market.candle_checks import enclosing, refuse_impossible, to_milliseconds

PRICES = ("open", "high", "low", "close")
COLUMNS = ("open_time", *PRICES, "volume")
# Epoch milliseconds of the year 2286; epoch microseconds are larger from April 1970 on.
_LARGEST_MS = 10_000_000_000_000
_IN_A_MS = {"ms": 1, "us": 1_000, "ns": 1_000_000}


def read_candles(path: Path) -> CandleColumns:
    """Read and validate a Parquet file; the result ascends by open_time whatever the row order.

    ``open_time`` is a timestamp (with a zone, or without one and then UTC) or a whole number since
    1970, whose unit is recognised. Raises `DataError` with one sentence naming the file, the row
    and the value.
    """
    table = _read(path)
    if table.num_rows == 0:
        raise DataError(f"{path} has no rows; give a file with candles")
    times = _times(path, table.column("open_time"))
    columns = {name: _numbers(path, name, table.column(name)) for name in COLUMNS[1:]}
    for name in PRICES:
        _refuse(path, name, columns[name], ~(columns[name] > 0.0), "a price above 0")
    _refuse(path, "volume", columns["volume"], ~(columns["volume"] >= 0.0), "a volume of 0 or more")
    if pa.float32() in table.schema.types:
        columns["high"], columns["low"] = enclosing(*(columns[name] for name in PRICES))
    try:
        refuse_impossible(*(columns[name] for name in PRICES))
    except DataError as error:
        raise DataError(f"{path}: {error}") from error
    if np.any(np.diff(times) <= 0):
        order = np.argsort(times, kind="stable")
        times = times[order]
        columns = {name: values[order] for name, values in columns.items()}
        _refuse_duplicates(path, times, order)
    return CandleColumns.of(
        times,
        columns["open"],
        columns["high"],
        columns["low"],
        columns["close"],
        columns["volume"],
    )


def _read(path: Path) -> pa.Table:
    if not path.exists():
        raise DataError(f"candle file {path} does not exist; give a Parquet file of candles")
    if not path.is_file():
        raise DataError(f"candle file {path} is not a file; give one Parquet file of candles")
    try:
        # Not read_table: it would read "month=2025-05/" in a path as a column.
        with pq.ParquetFile(path) as file:
            names = file.schema_arrow.names
            for name in COLUMNS:
                if names.count(name) != 1:
                    raise DataError(
                        f"{path} has {'no' if name not in names else 'more than one'} column"
                        f" {name!r}; candles need {', '.join(COLUMNS)}, the file has"
                        f" {', '.join(names)}"
                    )
            return file.read(columns=list(COLUMNS))
    except (pa.ArrowException, OSError) as error:
        reason = str(error).strip().splitlines()[0].rstrip(".")
        raise DataError(f"{path} cannot be read as Parquet: {reason}") from error


def _times(path: Path, column: pa.ChunkedArray) -> Integers:
    """Return epoch milliseconds, UTC."""
    _refuse_nulls(path, "open_time", column)
    kind = column.type
    times: Integers
    if pa.types.is_timestamp(kind):
        raw = _array(column, pa.int64())
        if kind.unit == "s":
            times = np.clip(raw, -1, _LARGEST_MS) * 1_000
        else:
            times = raw // _IN_A_MS[kind.unit]
            if np.any(times * _IN_A_MS[kind.unit] != raw):
                raise DataError(
                    f"{path}: open_time holds times finer than a millisecond, which no candle"
                    " opens at"
                )
    elif kind == pa.int64():
        try:
            times = to_milliseconds(_array(column))
        except DataError as error:
            raise DataError(f"{path}: {error}") from error
    else:
        raise DataError(
            f"{path}: open_time is {kind}; a timestamp or int64 milliseconds since 1970 is needed"
        )
    strange = (times < 0) | (times >= _LARGEST_MS)
    if strange.any():
        row = int(np.argmax(strange))
        raise DataError(
            f"{path}: open_time in row {row} is {times[row]}; milliseconds since 1970 are needed"
        )
    return times


def _numbers(path: Path, name: str, column: pa.ChunkedArray) -> Floats:
    _refuse_nulls(path, name, column)
    kind = column.type
    if not (pa.types.is_floating(kind) or pa.types.is_integer(kind) or pa.types.is_decimal(kind)):
        raise DataError(f"{path}: column {name!r} is {kind}; numbers are needed")
    if kind != pa.float64():  # a cast imports pyarrow.compute, which takes 0.05 s
        column = column.cast(pa.float64(), safe=False)
    values: Floats = _array(column)
    return values


def _array(column: pa.ChunkedArray, kind: pa.DataType | None = None) -> Any:
    """View the values in numpy; Arrow's own to_numpy would import pandas (0.4 s)."""
    whole = column.combine_chunks()
    return np.from_dlpack(whole if kind is None else whole.view(kind))


def _refuse_nulls(path: Path, name: str, column: pa.ChunkedArray) -> None:
    if column.null_count:
        import pyarrow.compute as pc

        row = pc.index(column.is_null(), True).as_py()
        raise DataError(f"{path}: column {name!r} is empty in row {row}; every candle needs it")


def _refuse(path: Path, name: str, values: Any, bad: Any, needed: str) -> None:
    """Refuse the first bad value and name its row; rows count from 0 as in the file."""
    bad = bad | ~np.isfinite(values)
    if bad.any():
        row = int(np.argmax(bad))
        raise DataError(f"{path}: {name} in row {row} is {values[row]}; {needed} is needed")


def _refuse_duplicates(path: Path, times: Any, rows: Any) -> None:
    same = np.flatnonzero(np.diff(times) == 0)
    if same.size:
        first = int(same[0])
        moment = np.datetime64(int(times[first]), "ms")
        raise DataError(
            f"{path}: rows {rows[first]} and {rows[first + 1]} both open at {moment}Z;"
            " remove the duplicate"
        )
