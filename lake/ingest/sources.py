"""Market data files as Arrow tables: archive ZIPs, candles and funding in Parquet, instruments.

Nothing is invented: what a source lacks is null. An unreadable file raises `DataError` with the
reason; the importer reports it and goes on.
"""

from __future__ import annotations

import hashlib
import io
import json
import zipfile
import zlib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv as pa_csv
import pyarrow.parquet as pq

from lake.content import milliseconds, moment_of
from lake.contract import TIME
from lake.partitions import parse_iso
from lake.tables import RAW_CANDLES, RAW_FUNDING, RAW_INSTRUMENTS, VENUES
from trading.errors import DataError
from trading.market.candle_checks import (
    describe_impossible,
    enclosing,
    impossible_rows,
    to_milliseconds,
)

# The archive's own order; newer files name the columns in a header, older ones do not.
_ARCHIVE = {
    "open_time": pa.int64(),
    "open": pa.float64(),
    "high": pa.float64(),
    "low": pa.float64(),
    "close": pa.float64(),
    "volume": pa.float64(),
    "close_time": pa.int64(),
    "quote_volume": pa.float64(),
    "trades": pa.int64(),
    "taker_buy_base": pa.float64(),
    "taker_buy_quote": pa.float64(),
    "ignore": pa.string(),
}
_OHLCV = ("open", "high", "low", "close", "volume")
_REFUSED_KEY = b"nocturne.refused"


@dataclass(frozen=True)
class Verified:
    """An archive's bytes and SHA-256; ``note`` says if there was no CHECKSUM to compare with."""

    data: bytes
    sha256: str
    note: str


def verify_archive(path: Path) -> Verified:
    """Read a ZIP and compare it with the ``.CHECKSUM`` beside it; `DataError` if they differ."""
    data = path.read_bytes()
    sha256 = hashlib.sha256(data).hexdigest()
    checksum = path.with_name(path.name + ".CHECKSUM")
    if not checksum.is_file():
        return Verified(data, sha256, "not verified: there is no CHECKSUM file beside it")
    words = checksum.read_text(encoding="utf-8", errors="replace").split()
    if not words or words[0].lower() != sha256:
        want = words[0][:12] if words else "nothing"
        raise DataError(
            f"it hashes to {sha256[:12]}…, its CHECKSUM says {want}…; download it again"
        )
    return Verified(data, sha256, "")


def read_archive(data: bytes, stem: str = "") -> pa.Table:
    """Candles of an archive ZIP: one CSV of twelve columns, header or none, times in ms or µs.

    With ``stem``, the ZIP's own name without its ending: the CSV inside must bear the same.
    """
    return read_archive_csv(_only_csv(data, stem))


def _only_csv(data: bytes, stem: str = "") -> bytes:
    """The one CSV inside a ZIP; `DataError` when there is not exactly one, or it is damaged."""
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            names = [name for name in archive.namelist() if name.endswith(".csv")]
            if len(names) != 1:
                raise DataError(f"it holds {len(names)} CSV files, one is expected")
            inside = names[0].rsplit("/", 1)[-1].removesuffix(".csv")
            if stem and inside != stem:
                raise DataError(
                    f"it holds the data of {inside}, its name says {stem}; download it again"
                )
            return archive.read(names[0])
    except (zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError) as error:
        raise DataError(f"the ZIP is damaged ({error}); download it again") from error


def read_funding_archive(data: bytes) -> pa.Table:
    """Funding rates of an archive ZIP: ``calc_time, funding_interval_hours, last_funding_rate``."""
    try:
        table = pa_csv.read_csv(pa.py_buffer(_only_csv(data)))
    except pa.ArrowInvalid as error:
        reason = str(error).splitlines()[0]
        raise DataError(f"the CSV is torn or not of the archive's form ({reason})") from error
    missing = {"calc_time", "last_funding_rate"} - set(table.column_names)
    if missing:
        raise DataError(
            f"column '{min(missing)}' is missing; it has {', '.join(table.column_names)}"
        )
    renamed = pa.table(
        {
            "funding_time": table["calc_time"],
            "funding_rate": table["last_funding_rate"].cast(pa.float64()),
            "mark_price": pa.nulls(table.num_rows, pa.float64()),
        }
    )
    return _with_utc_time(renamed, "funding_time")


def read_archive_csv(text: bytes) -> pa.Table:
    """Read the candles of an archive's CSV, with or without a header."""
    if not text.strip():
        raise DataError("the CSV is empty")
    header = not text[:1].isdigit()
    if header and not text.startswith(b"open_time,"):
        first = text.split(b"\n", 1)[0].decode(errors="replace")[:60]
        raise DataError(f"the CSV begins with '{first}', neither a candle nor the archive's header")
    try:
        table = pa_csv.read_csv(
            pa.py_buffer(text),
            read_options=pa_csv.ReadOptions(
                column_names=list(_ARCHIVE), skip_rows=int(header), use_threads=False
            ),
            convert_options=pa_csv.ConvertOptions(
                column_types=_ARCHIVE, include_columns=list(RAW_CANDLES.schema.names)
            ),
        )
    except pa.ArrowInvalid as error:
        reason = str(error).splitlines()[0]
        raise DataError(f"the CSV is torn or not of the archive's form ({reason})") from error
    return _candles(table)


def read_candles(path: Path) -> pa.Table:
    """Read the candles of a Parquet file: ``open_time``, OHLCV and other contract columns."""
    table = read_parquet(path)
    needed = ("open_time", "open", "high", "low", "close", "volume")
    missing = [name for name in needed if name not in table.column_names]
    if missing:
        raise DataError(f"column '{missing[0]}' is missing; it has {', '.join(table.column_names)}")
    return _candles(table)


def read_funding(path: Path) -> pa.Table:
    """Read a Parquet file of ``funding_time`` and ``funding_rate``; jitter of the times is kept."""
    table = read_parquet(path)
    columns = [name for name in RAW_FUNDING.schema.names if name in table.column_names]
    if "funding_time" not in columns or "funding_rate" not in columns:
        raise DataError(f"it needs funding_time and funding_rate; it has {table.column_names}")
    return _with_utc_time(table.select(columns), "funding_time")


def read_parquet(path: Path) -> pa.Table:
    """Read a whole Parquet file; `DataError` if it is damaged."""
    try:
        return pq.read_table(path, partitioning=None)
    except (pa.ArrowInvalid, OSError) as error:
        reason = str(error).splitlines()[0]
        raise DataError(f"the Parquet file is damaged ({reason})") from error


def _candles(table: pa.Table) -> pa.Table:
    """Return sorted rows; those that cannot be stored are listed in the schema's metadata."""
    columns = [name for name in RAW_CANDLES.schema.names if name in table.column_names]
    table = _with_utc_time(table.select(columns), "open_time")
    refused: list[Refused] = []
    table = _without_empty(table, refused)
    table = _without_contradictions(table, refused)
    if table.num_rows:
        table = _with_possible_prices(table)
    elif refused:
        raise DataError(f"{refused[0].reason}: {moment_of(refused[0].time):%Y-%m-%d %H:%M}")
    if refused:
        rows = [[row.time, row.reason, *row.values] for row in sorted(set(refused))]
        table = table.replace_schema_metadata({_REFUSED_KEY: json.dumps(rows)})
    return table


class Refused(NamedTuple):
    """A candle that raw cannot hold, with the reason; ``values`` are open to volume."""

    time: int
    reason: str
    values: tuple[float | None, ...]


def refused_rows(table: pa.Table) -> list[Refused]:
    """Return the candles that were left out when the table was read."""
    text = (table.schema.metadata or {}).get(_REFUSED_KEY, b"[]")
    return [Refused(time, reason, tuple(values)) for time, reason, *values in json.loads(text)]


def _refuse(table: pa.Table, reason: str, refused: list[Refused]) -> None:
    times = table["open_time"].cast(pa.int64()).to_pylist()
    rows = zip(*(table[name].to_pylist() for name in _OHLCV), strict=True)
    refused.extend(Refused(time, reason, row) for time, row in zip(times, rows, strict=True))


def _without_empty(table: pa.Table, refused: list[Refused]) -> pa.Table:
    if not any(table[name].null_count for name in _OHLCV):
        return table
    full = pa.array(np.ones(table.num_rows, bool))
    for name in _OHLCV:
        full = pc.and_(full, pc.is_valid(table[name]))
    _refuse(table.filter(pc.invert(full)), "a price or the volume is missing", refused)
    return table.filter(full)


def _without_contradictions(table: pa.Table, refused: list[Refused]) -> pa.Table:
    """Sort rows by open time; keep a repeated row once, and neither of two different ones."""
    times = table["open_time"].cast(pa.int64()).combine_chunks()
    rising = pc.less(times.slice(0, max(0, len(times) - 1)), times.slice(1))
    if pc.all(rising, min_count=0).as_py():
        return table
    distinct = table.group_by(table.column_names, use_threads=False).aggregate([])
    distinct = distinct.select(table.column_names).sort_by("open_time")
    counts = distinct.group_by("open_time").aggregate([([], "count_all")])
    twice = counts.filter(pc.greater(counts["count_all"], 1))["open_time"].combine_chunks()
    if not len(twice):
        return distinct
    same = pc.is_in(distinct["open_time"], value_set=twice)
    _refuse(distinct.filter(same), "two different candles for one minute", refused)
    return distinct.filter(pc.invert(same))


def _with_possible_prices(table: pa.Table) -> pa.Table:
    """Undo the rounding of float32; refuse a file of which most rows are impossible."""
    try:
        prices = [np.asarray(table[n].cast(pa.float64()).to_numpy()) for n in _OHLCV[:4]]
    except (pa.ArrowInvalid, pa.ArrowNotImplementedError):
        return table  # the contract refuses the column by name
    if pa.float32() in table.schema.types:
        wide = dict(zip(("high", "low"), enclosing(*prices), strict=True))
        prices = [prices[0], wide["high"], wide["low"], prices[3]]
        for name, values in wide.items():
            table = table.set_column(table.schema.get_field_index(name), name, pa.array(values))
    outside = impossible_rows(*prices)
    if outside.sum() * 2 > len(outside):
        row = int(np.argmax(outside))
        raise DataError(
            f"{describe_impossible(row, *prices)}; so are {outside.sum()} of {len(outside)} rows"
        )
    return table


def _with_utc_time(table: pa.Table, name: str) -> pa.Table:
    column = table[name]
    if column.null_count:
        raise DataError(f"column '{name}' has {column.null_count} empty values")
    if pa.types.is_integer(column.type):
        values = to_milliseconds(np.asarray(column.cast(pa.int64()).to_numpy()))
        column = pa.chunked_array([pa.array(values)]).cast(TIME)
    elif pa.types.is_timestamp(column.type) and column.type.tz is not None:
        column = column.cast(TIME, safe=False)
    else:
        raise DataError(
            f"column '{name}' is {column.type}; a timestamp with a time zone or a whole number "
            "since 1970 are expected"
        )
    return table.set_column(table.schema.get_field_index(name), name, column)


def time_range(path: Path, column: str) -> tuple[int, int] | None:
    """Return the first and last time (ms) of a Parquet file; None if it is empty."""
    table = _with_utc_time(read_parquet_columns(path, [column]), column)
    bounds = pc.min_max(table[column].cast(pa.int64())).as_py()
    return None if bounds["min"] is None else (bounds["min"], bounds["max"])


def read_parquet_columns(path: Path, columns: list[str]) -> pa.Table:
    """Read some columns of a Parquet file; `DataError` if it is damaged or lacks one."""
    try:
        return pq.read_table(path, columns=columns, partitioning=None).select(columns)
    except (pa.ArrowInvalid, OSError, KeyError) as error:
        raise DataError(f"the Parquet file is damaged or lacks {columns[0]}") from error


def columns_of(path: Path) -> tuple[str, ...]:
    """Return the names of a Parquet file's columns; `DataError` if it is damaged."""
    try:
        return tuple(pq.read_schema(path).names)
    except (pa.ArrowInvalid, OSError) as error:
        reason = str(error).splitlines()[0]
        raise DataError(f"the Parquet file is damaged ({reason})") from error


@dataclass(frozen=True)
class Instruments:
    """A snapshot of a venue's filters, as of ``time`` (ms UTC)."""

    venue: str
    time: int
    table: pa.Table


def read_instruments(path: Path) -> Instruments:
    """Read ``instruments.json``: venue, snapshot time, exchangeInfo's symbols, brackets, fees."""
    try:
        data = json.loads(path.read_bytes())
        venue, time = str(data["venue"]), milliseconds(parse_iso(str(data["time"])))
        brackets = {item["symbol"]: item["brackets"] for item in data.get("leverageBrackets", [])}
        fees = {item["symbol"]: item for item in data.get("commissionRates", [])}
        rows = [
            _instrument(
                symbol, time, brackets.get(symbol["symbol"]), fees.get(symbol["symbol"], {})
            )
            for symbol in data["symbols"]
        ]
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise DataError(f"it is not a snapshot of instruments ({error!r})") from error
    if venue not in VENUES:
        raise DataError(f"the venue '{venue}' is not known; known are {', '.join(VENUES)}")
    columns = {
        field.name: pa.array([row[field.name] for row in rows], field.type)
        for field in RAW_INSTRUMENTS.schema
    }
    return Instruments(venue, time, pa.table(columns, schema=RAW_INSTRUMENTS.schema))


def _instrument(
    symbol: Mapping[str, Any], time: int, brackets: Any, fees: Mapping[str, Any]
) -> dict[str, Any]:
    filters = {item["filterType"]: item for item in symbol["filters"]}
    lot = filters["LOT_SIZE"]
    # Spot says minNotional, futures notional.
    least = filters.get("MIN_NOTIONAL", filters.get("NOTIONAL", {}))
    return {
        "symbol": str(symbol["symbol"]),
        "time": time,
        "base": str(symbol["baseAsset"]),
        "quote": str(symbol["quoteAsset"]),
        "status": str(symbol["status"]),
        "tick_size": str(filters["PRICE_FILTER"]["tickSize"]),
        "step_size": str(lot["stepSize"]),
        "min_quantity": str(lot["minQty"]),
        "max_quantity": str(lot["maxQty"]),
        "market_max_quantity": filters.get("MARKET_LOT_SIZE", {}).get("maxQty"),
        "min_notional": least.get("notional", least.get("minNotional")),
        "maker_fee": fees.get("makerCommissionRate"),
        "taker_fee": fees.get("takerCommissionRate"),
        "margin_brackets": None if brackets is None else json.dumps(brackets, sort_keys=True),
    }
