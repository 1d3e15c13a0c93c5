"""Arrow tables cast to their contract, and the hash of their content."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from lake.tables import Table
from trading.candles import DAY_MS, interval_ms
from trading.errors import SchemaMismatch

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)

MONTH = "1mo"
"""The interval of a calendar month, as the archive of Binance names it."""
LONGEST_MONTH_MS = 31 * DAY_MS
"""Under an ``as_of`` a month counts as this long: known late in a short one, never early."""


def milliseconds(moment: datetime) -> int:
    """Return exact milliseconds since the epoch, rounded down; a float of seconds is not exact."""
    since = moment - _EPOCH
    return since.days * DAY_MS + since.seconds * 1000 + since.microseconds // 1000


def moment_of(value: int) -> datetime:
    """Return the UTC time of milliseconds since the epoch."""
    seconds, rest = divmod(value, 1000)
    return datetime.fromtimestamp(seconds, UTC).replace(microsecond=rest * 1000)


def place(table: Table, partition: Mapping[str, str]) -> str:
    """Name table and partition: ``raw.candles venue=binance_usdm symbol=BTCUSDT``."""
    return " ".join([table.title, *(f"{name}={partition[name]}" for name in table.partition)])


def conform(table: Table, data: pa.Table, partition: Mapping[str, str]) -> pa.Table:
    """Cast ``data`` to the contract and sort it by its unique key, or raise `SchemaMismatch`.

    Missing optional columns become null. The partition's own columns may be present if they agree
    with the partition.
    """
    where = place(table, partition)
    data = _without_partition_columns(table, data, partition, where)
    columns = [_column(data, field, where) for field in table.schema]
    fields = list(table.schema)
    for name in sorted(set(data.column_names) - set(table.schema.names)):
        field, column = _extra_column(table, data, name, where)
        fields.append(field)
        columns.append(column)
    result = pa.table(columns, schema=pa.schema(fields))
    if not _strictly_ascending(result, table.key):
        result = result.sort_by([(name, "ascending") for name in table.key])
        _check_key(table, result, where)
    _check_period(table, result, partition, where)
    return result.combine_chunks()


def _without_partition_columns(
    table: Table, data: pa.Table, partition: Mapping[str, str], where: str
) -> pa.Table:
    for name in table.partition:
        if name not in data.column_names or name in table.schema.names:
            continue
        values = pc.unique(data[name]).to_pylist()
        if values not in ([], [partition[name]]):
            other = next(value for value in values if value != partition[name])
            raise SchemaMismatch(
                f"{where}: column '{name}' holds {other!r}, the partition is {partition[name]!r}; "
                "write each partition separately"
            )
        data = data.drop_columns([name])
    return data


def _column(data: pa.Table, field: pa.Field, where: str) -> pa.ChunkedArray:
    if field.name not in data.column_names:
        if field.nullable:
            return pa.chunked_array([pa.nulls(data.num_rows, field.type)])
        raise SchemaMismatch(
            f"{where}: column '{field.name}' is missing, the contract wants {field.type}; "
            "add it before writing"
        )
    column = data[field.name]
    if column.null_count and not field.nullable:
        raise SchemaMismatch(
            f"{where}: column '{field.name}' has {column.null_count} empty values, the contract "
            "wants none; quarantine these rows first"
        )
    return _cast(column, field.name, field.type, where)


def _cast(column: pa.ChunkedArray, name: str, want: pa.DataType, where: str) -> pa.ChunkedArray:
    if column.type == want:
        return column
    complaint = f"{where}: column '{name}' is {column.type}, the contract wants {want}; "
    if not _castable(column.type, want):
        raise SchemaMismatch(complaint + "convert it before writing")
    try:
        return column.cast(want)
    except pa.ArrowInvalid as error:
        reason = str(error).splitlines()[0]
        raise SchemaMismatch(complaint + f"a value does not fit ({reason})") from error


def _castable(have: pa.DataType, want: pa.DataType) -> bool:
    """Allow casts that keep the meaning: no text to numbers, no naive time to UTC."""
    if pa.types.is_null(have):
        return True
    if pa.types.is_dictionary(have):
        return _castable(have.value_type, want)
    if pa.types.is_floating(want):
        return bool(pa.types.is_integer(have) or pa.types.is_floating(have))
    if pa.types.is_integer(want):
        return bool(pa.types.is_integer(have))
    if pa.types.is_timestamp(want):
        return bool(pa.types.is_timestamp(have)) and have.tz in ("UTC", "Etc/UTC", "+00:00")
    text = pa.types.is_large_string(have) or pa.types.is_string_view(have)
    return bool(pa.types.is_string(want) and text)


def _extra_column(
    table: Table, data: pa.Table, name: str, where: str
) -> tuple[pa.Field, pa.ChunkedArray]:
    column = data[name]
    if table.extra == "float":
        column = _cast(column, name, pa.float64(), where)
    elif table.extra == "none":
        raise SchemaMismatch(
            f"{where}: column '{name}' ({column.type}) is not in the contract, which has "
            f"{', '.join(table.schema.names)}; drop it or extend the contract"
        )
    elif pa.types.is_dictionary(column.type) or pa.types.is_large_string(column.type):
        column = _cast(column, name, pa.string(), where)
    return pa.field(name, column.type), column


def _strictly_ascending(data: pa.Table, key: tuple[str, ...]) -> bool:
    if len(key) != 1 or pa.types.is_string(data.schema.field(key[0]).type):
        return False
    values = data[key[0]].combine_chunks().cast(pa.int64()).to_numpy(zero_copy_only=False)
    return bool(np.all(values[1:] > values[:-1]))


def _check_key(table: Table, data: pa.Table, where: str) -> None:
    if data.num_rows < 2:
        return
    same = None
    for name in table.key:
        column = data[name].combine_chunks()
        equal = pc.equal(column.slice(1), column.slice(0, len(column) - 1))
        same = equal if same is None else pc.and_(same, equal)
    at = pc.index(same, True).as_py()
    if at >= 0:
        values = ", ".join(f"{name}={data[name][at + 1]}" for name in table.key)
        raise SchemaMismatch(f"{where}: the key {values} appears twice; remove one of the two rows")


def _check_period(table: Table, data: pa.Table, partition: Mapping[str, str], where: str) -> None:
    period = partition.get("month", partition.get("day"))
    if period is None or not data.num_rows:
        return
    form = "%Y-%m" if "month" in partition else "%Y-%m-%d"
    bounds = pc.min_max(data[table.time]).as_py()
    for moment in (bounds["min"], bounds["max"]):
        if moment.strftime(form) != period:
            raise SchemaMismatch(
                f"{where}: a row of {moment.isoformat()} does not belong to {period}; "
                "write it to the partition of its own time"
            )


def cutoff(table: Table, partition: Mapping[str, str], as_of: datetime) -> int:
    """Return the first ``time`` (ms) that ``as_of`` hides; earlier rows may be read."""
    limit = milliseconds(as_of)
    if table.known == "before":
        return limit
    if table.known == "close":
        return limit - longest_ms(partition["interval"]) + 1
    return limit + 1


def longest_ms(interval: str) -> int:
    """Return the milliseconds of an interval, and of a month the most that it can have."""
    return LONGEST_MONTH_MS if interval == MONTH else interval_ms(interval)


def known_rows(
    table: Table, data: pa.Table, partition: Mapping[str, str], as_of: datetime | None
) -> pa.Table:
    """Return the rows of one partition that may be read under ``as_of`` (``None``: all)."""
    if as_of is None or not data.num_rows:
        return data
    times = data[table.time].cast(pa.int64())
    keep = pc.less(times, cutoff(table, partition, as_of))
    return data if pc.all(keep).as_py() else data.filter(keep)


def content_hash(data: pa.Table) -> str:
    """Return the SHA-256 of names, types and values, independent of chunks and compression.

    A null counts as its bit in the validity mask and a zero in the values, so garbage under a null
    does not matter; floats count bit by bit. Column order does not matter, row order does.
    """
    digest = hashlib.sha256(f"rows={data.num_rows}".encode())
    for name in sorted(data.column_names):
        column = data[name]
        array = column.combine_chunks() if isinstance(column, pa.ChunkedArray) else column
        digest.update(f"\n{name}:{array.type}\n".encode())
        _digest_array(digest, array)
    return digest.hexdigest()


def _digest_array(digest: Any, array: pa.Array) -> None:
    kind = array.type
    valid = array.is_valid() if array.null_count else None
    digest.update(b"all" if valid is None else _bytes(valid))
    if pa.types.is_null(kind):
        return
    if pa.types.is_string(kind) or pa.types.is_binary(kind):
        filled = (
            array if valid is None else array.fill_null("" if pa.types.is_string(kind) else b"")
        )
        lengths = pc.binary_length(filled).to_numpy(zero_copy_only=False)
        digest.update(np.ascontiguousarray(lengths).tobytes())
        digest.update(
            "".join(filled.to_pylist()).encode()
            if pa.types.is_string(kind)
            else b"".join(filled.to_pylist())
        )
        return
    if pa.types.is_boolean(kind):
        digest.update(_bytes(array if valid is None else array.fill_null(False)))
        return
    if pa.types.is_timestamp(kind):
        array = array.view(pa.int64())
    elif not (pa.types.is_integer(kind) or pa.types.is_floating(kind)):
        array = pa.array([repr(value) for value in array.to_pylist()], pa.string())
        _digest_array(digest, array)
        return
    filled = array if valid is None else array.fill_null(0)
    digest.update(np.ascontiguousarray(filled.to_numpy(zero_copy_only=False)).data)


def _bytes(flags: pa.Array) -> bytes:
    return np.packbits(flags.to_numpy(zero_copy_only=False)).tobytes()
