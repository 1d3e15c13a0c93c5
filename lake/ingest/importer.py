"""Import files into raw partitions: only what is missing or changed, one partition at a time.

The lake itself records what was imported: a partition's file names its sources (size, modification
time, SHA-256) and how far ``as_of`` let each be read. A second run compares these and reads
nothing. A file that cannot be read is reported with its reason; the others are imported.
"""

from __future__ import annotations

import json
import os
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from lake.content import known_rows, milliseconds, moment_of
from lake.files import sha256_file
from lake.ingest import sources
from lake.ingest.additions import ASKED_KEY, SOURCES_KEY
from lake.ingest.candle_files import read_candle_table
from lake.ingest.candle_rows import refused_rows
from lake.ingest.discovery import Layout, Source, UnusableFile, discover
from lake.ingest.file_cache import FileCache
from lake.ingest.months import Months, folder_of, months_of, remove_unsupported
from lake.ingest.reports import FileReport, ImportReport, Status, per_file
from lake.partitions import iso, parse_iso
from lake.store import Lake
from lake.tables import RAW_CANDLES, RAW_FUNDING, RAW_INSTRUMENTS, Table
from trading.candles import MINUTE_MS, interval_ms
from trading.errors import DataError, NocturneError

Progress = Callable[[int, int, str], None]


@dataclass(frozen=True)
class _Unit:
    """One partition and the files that have rows for it."""

    table: Table
    partition: tuple[tuple[str, str], ...]
    sources: tuple[Source, ...]

    @property
    def values(self) -> dict[str, str]:
        return dict(self.partition)


@dataclass(frozen=True)
class _Outcome:
    reports: tuple[FileReport, ...]
    written: bool


@dataclass(frozen=True)
class _Read:
    """Rows of one source for one partition; ``mark`` is what the partition records about it."""

    source: Source
    table: pa.Table
    mark: dict[str, Any]
    note: str


def import_folder(
    lake: Lake,
    folder: Path,
    as_of: datetime,
    venue: str = "binance_usdm",
    symbols: Sequence[str] | None = None,
    progress: Progress | None = None,
    layout: Layout = "any",
) -> ImportReport:
    """Import what ``folder`` holds and the lake lacks, but no row unknown at ``as_of``.

    ``venue`` is for files whose path names none. ``progress`` is called with (done, total,
    partition). Raises `DataError` if the folder does not exist or holds nothing to import.
    """
    if not folder.is_dir():
        raise DataError(f"the folder {folder} does not exist; give the folder of the archive")
    wanted = set(symbols) if symbols else None
    found = list(discover(folder, venue, layout))
    rejected = [item for item in found if isinstance(item, UnusableFile)]
    chosen = [
        item
        for item in found
        if isinstance(item, Source)
        and (wanted is None or item.kind == "instruments" or item.symbol in wanted)
    ]
    if not found:
        what = (
            "file of freqtrade" if layout == "freqtrade" else "archive ZIP, candle file or snapshot"
        )
        raise DataError(f"the folder {folder} holds no {what}")
    months = months_of(chosen)
    units, reports = _plan(chosen, as_of, months)
    reports += [FileReport(item.name, "failed", "", "", 0, item.reason) for item in rejected]
    outcomes = _run(lake, units, as_of, progress)
    for outcome in outcomes:
        reports += outcome.reports
    merged = per_file(reports)
    written = sum(outcome.written for outcome in outcomes)
    written += remove_unsupported(lake, chosen, merged, months)
    return ImportReport(merged, partitions_written=written)


def _run(
    lake: Lake, units: list[_Unit], as_of: datetime, progress: Progress | None
) -> list[_Outcome]:
    outcomes = []
    files = FileCache()
    # Decompression, CSV, hashing and Parquet all release the interpreter's lock.
    with ThreadPoolExecutor(max_workers=min(8, os.cpu_count() or 1)) as pool:
        results = pool.map(lambda unit: _import_unit(lake, unit, as_of, files), units)
        for done, (unit, outcome) in enumerate(zip(units, results, strict=True), start=1):
            outcomes.append(outcome)
            if progress is not None:
                progress(done, len(units), " ".join(unit.values.values()))
    return outcomes


def _plan(
    chosen: Iterable[Source], as_of: datetime, months: Mapping[str, Months | DataError]
) -> tuple[list[_Unit], list[FileReport]]:
    groups: dict[tuple[str, tuple[tuple[str, str], ...]], list[Source]] = defaultdict(list)
    reports = []
    tables = {table.view: table for table in (RAW_CANDLES, RAW_FUNDING, RAW_INSTRUMENTS)}
    for source in chosen:
        try:
            places = _partitions_of(source, as_of, months)
        except (DataError, OSError) as error:
            reason = _unreadable(error) if isinstance(error, OSError) else str(error)
            reports.append(_report(source, "failed", reason=reason))
            continue
        if not places:
            reports.append(_report(source, "ahead", reason=f"not before {iso(as_of)}"))
        for table, partition in places:
            groups[table.view, tuple(partition.items())].append(source)
    units = [_Unit(tables[view], values, tuple(group)) for (view, values), group in groups.items()]
    return units, reports


def _partitions_of(
    source: Source, as_of: datetime, months: Mapping[str, Months | DataError]
) -> list[tuple[Table, dict[str, str]]]:
    """Return the partitions that a source has rows for and that begin before ``as_of``."""
    if source.kind == "instruments":
        snapshot = sources.read_instruments(source.path)
        known = snapshot.time < milliseconds(as_of)
        return [(RAW_INSTRUMENTS, {"venue": snapshot.venue})] if known else []
    place = {"venue": source.venue, "symbol": source.symbol}
    if source.kind == "funding":
        return [(RAW_FUNDING, place)]
    found = months[source.name]
    if isinstance(found, DataError):
        raise found
    last = f"{moment_of(milliseconds(as_of) - interval_ms(found.interval)):%Y-%m}"
    place["interval"] = found.interval
    return [(RAW_CANDLES, {**place, "month": month}) for month in found.months if month <= last]


def _import_unit(lake: Lake, unit: _Unit, as_of: datetime, files: FileCache) -> _Outcome:
    marks = _marks(lake, unit)
    if all(_is_known(source, marks.get(source.name), as_of) for source in unit.sources):
        return _Outcome(tuple(_report(source, "unchanged") for source in unit.sources), False)
    reads, reports = [], []
    for source in unit.sources:
        try:
            reads.append(_read(source, unit, as_of, files))
        except NocturneError as error:
            reports.append(_report(source, "failed", reason=str(error)))
        except OSError as error:
            reports.append(_report(source, "failed", reason=_unreadable(error)))
    if not any(read.table.num_rows for read in reads):
        reports += [_report(read.source, "ahead", reason=read.note) for read in reads]
        return _Outcome(tuple(reports), False)
    try:
        merged = _merge(lake, unit, reads, replaced=_replaces(lake, unit, marks, reads))
        marks |= {read.source.name: read.mark for read in reads}
        metadata = {SOURCES_KEY: json.dumps(marks, sort_keys=True)}
        asked = lake.metadata(unit.table, **unit.values).get(ASKED_KEY)
        if asked is not None:
            metadata[ASKED_KEY] = asked
        lake.write(unit.table, merged, metadata=metadata, **unit.values)
    except NocturneError as error:
        reports += [_report(read.source, "failed", reason=str(error)) for read in reads]
        return _Outcome(tuple(reports), False)
    reports += [_report(r.source, "imported", r.table.num_rows, r.note) for r in reads]
    return _Outcome(tuple(reports), True)


def _marks(lake: Lake, unit: _Unit) -> dict[str, dict[str, Any]]:
    text = lake.metadata(unit.table, **unit.values).get(SOURCES_KEY, "{}")
    try:
        marks = json.loads(text)
    except ValueError:
        return {}
    return marks if isinstance(marks, dict) else {}


def _is_known(source: Source, mark: dict[str, Any] | None, as_of: datetime) -> bool:
    """Tell whether the partition holds this very file, as far as ``as_of`` lets it be read."""
    if mark is None or (mark["until"] and parse_iso(mark["until"]) < as_of):
        return False
    status = source.path.stat()
    if status.st_size != mark["size"]:
        return False
    same_time = bool(status.st_mtime_ns == mark["mtime_ns"])
    return same_time or sha256_file(source.path) == mark["sha256"]


def _read(source: Source, unit: _Unit, as_of: datetime, files: FileCache) -> _Read:
    status, note = source.path.stat(), ""
    if source.kind == "archive":
        verified = sources.verify_archive(source.path)
        table = sources.read_archive(verified.data, source.path.stem)
        sha256, note = verified.sha256, verified.note
        _check_archive_period(table, source)
    else:
        table, sha256 = files.get(source.path, lambda: _read_other(source))
    refused = refused_rows(table)
    if unit.table is RAW_CANDLES:
        table = _of_month(table, unit.values["month"])
        refused = [row for row in refused if f"{moment_of(row.time):%Y-%m}" == unit.values["month"]]
    if refused:
        first = refused[0]
        left_out = f"{len(refused)} rows left out, first {iso(moment_of(first.time))}: "
        note = "; ".join(part for part in (left_out + first.reason, note) if part)
    known = known_rows(unit.table, table, unit.values, as_of)
    mark = {
        "size": status.st_size,
        "mtime_ns": status.st_mtime_ns,
        "sha256": sha256,
        "folder": folder_of(source),
        "until": "" if known.num_rows == table.num_rows else iso(as_of),
    }
    if refused:
        mark["refused"] = [[row.time, row.reason, *row.values] for row in refused]
    return _Read(source, known, mark, note)


def _read_other(source: Source) -> pa.Table:
    if source.kind == "candles":
        return read_candle_table(source.path)
    if source.kind == "funding":
        return sources.read_funding(source.path)
    return sources.read_instruments(source.path).table


def _check_archive_period(table: pa.Table, source: Source) -> None:
    length = len("2025-05-20") if len(source.period) > len("2025-05") else len("2025-05")
    bounds = pc.min_max(table["open_time"]).as_py()
    for moment in (bounds["min"], bounds["max"]):
        if moment.strftime("%Y-%m-%d")[:length] != source.period:
            raise DataError(
                f"it holds a candle of {moment:%Y-%m-%d %H:%M}, outside {source.period}"
            )


def _of_month(table: pa.Table, month: str) -> pa.Table:
    start = np.datetime64(month, "M")
    first, after = (int((start + n).astype("datetime64[ms]").astype(np.int64)) for n in (0, 1))
    times = table["open_time"].cast(pa.int64())
    inside = pc.and_(pc.greater_equal(times, first), pc.less(times, after))
    return table if pc.all(inside, min_count=0).as_py() else table.filter(inside)


def _replaces(
    lake: Lake, unit: _Unit, marks: dict[str, dict[str, Any]], reads: Sequence[_Read]
) -> bool:
    """Tell whether the sources just read are all that a partition of candles was made of.

    Then its old rows go, so that what a source no longer holds, or holds otherwise, heals. Rows of
    a source that vanished from the folder, or that came over the wire, stay.
    """
    whole = all(not read.mark["until"] for read in reads)
    wire = ASKED_KEY in lake.metadata(unit.table, **unit.values)
    names = {read.source.name for read in reads}
    return unit.table is RAW_CANDLES and bool(marks) and whole and not wire and names >= set(marks)


def _merge(lake: Lake, unit: _Unit, reads: Sequence[_Read], *, replaced: bool) -> pa.Table:
    """Merge the rows of the sources with those of the partition; the lowest rank of a key wins.

    The ranks: archive rows (all columns), full rows of the lake, Parquet candles (OHLCV only),
    other rows of the lake. So a changed source replaces its own rows, but never a full row with a
    poorer one. If all of it is ``replaced``, the partition's own rows do not count.
    """
    parts = [
        _ranked(read.table, 0 if read.source.kind == "archive" else 2, unit.table) for read in reads
    ]
    if not replaced and lake.path(unit.table, **unit.values).is_file():
        held = lake.read(unit.table, list(unit.table.schema.names), None, **unit.values)
        if unit.table is RAW_CANDLES:
            full = held["quote_volume"].is_valid()
            parts.append(_ranked(held.filter(full), 1, unit.table))
            held = held.filter(pc.invert(full))
        parts.append(_ranked(held, 3, unit.table))
    if len(parts) == 1:
        return parts[0].drop_columns(["_key", "_rank"])
    table = pa.concat_tables(parts, promote_options="default").combine_chunks()
    table = table.sort_by([("_key", "ascending"), ("_rank", "ascending")])
    keys = table["_key"].combine_chunks()
    first = pc.not_equal(keys.slice(1), keys.slice(0, len(keys) - 1)).to_pylist()
    merged = table.filter(pa.array([True, *first])).drop_columns(["_key", "_rank"])
    return _changes(merged) if unit.table is RAW_INSTRUMENTS else merged


def _changes(snapshots: pa.Table) -> pa.Table:
    """Keep the first and the last of each instrument's equal snapshots in a row."""
    snapshots = snapshots.sort_by([("symbol", "ascending"), ("time", "ascending")])
    rows = snapshots.drop_columns(["time"]).to_pylist()
    keep = [
        not (0 < at < len(rows) - 1 and rows[at - 1] == row == rows[at + 1])
        for at, row in enumerate(rows)
    ]
    return snapshots.filter(pa.array(keep, pa.bool_()))


def _ranked(table: pa.Table, rank: int, contract: Table) -> pa.Table:
    """Add the columns ``_key`` (what counts as the same row) and ``_rank`` (which one is kept)."""
    for field in contract.schema:
        if field.name not in table.column_names:
            table = table.append_column(field, pa.nulls(table.num_rows, field.type))
    table = table.select(contract.schema.names)
    key = table[contract.key[0]]
    if contract is RAW_FUNDING:
        # The time of an event jitters by milliseconds between sources; its minute does not.
        key = pc.divide(pc.add(key.cast(pa.int64()), MINUTE_MS // 2), MINUTE_MS)
    elif contract is RAW_INSTRUMENTS:
        times = table["time"].cast(pa.int64()).cast(pa.string())
        key = pc.binary_join_element_wise(key, times, "@")
    ranks = pa.array(np.full(table.num_rows, rank), pa.int64())
    return table.append_column("_key", key).append_column("_rank", ranks)


def _unreadable(error: OSError) -> str:
    return f"it cannot be read: {error.strerror or error}"


def _report(source: Source, status: Status, rows: int = 0, reason: str = "") -> FileReport:
    return FileReport(source.name, status, source.venue, source.symbol, rows, reason)
