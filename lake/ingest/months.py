"""The months that files of candles hold, and stored months that no file holds any more."""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from lake.ingest.additions import ASKED_KEY, SOURCES_KEY
from lake.ingest.discovery import Source
from lake.ingest.formats import frames
from lake.ingest.reports import FileReport
from lake.store import Lake
from lake.tables import RAW_CANDLES, TABLES
from lake.tables.columns import SERIES
from trading.candles import Integers, interval_ms, interval_name
from trading.errors import DataError


@dataclass(frozen=True, slots=True)
class Months:
    """The interval of a file's candles and the months, such as ``2025-06``, that it has rows of."""

    interval: str
    months: tuple[str, ...]


def months_of(sources: Iterable[Source]) -> dict[str, Months | DataError]:
    """Return what each file of candles holds, by its name; the error of one that cannot be read."""
    found: dict[str, Months | DataError] = {}
    for source in sources:
        if source.kind == "archive":
            found[source.name] = Months(source.interval, (source.period[:7],))
        elif source.kind == "candles":
            try:
                found[source.name] = _of_file(source)
            except DataError as error:
                found[source.name] = error
    return found


def _of_file(source: Source) -> Months:
    times = frames.read_times(source.path)
    if not len(times):
        raise DataError("it has no rows")
    interval = source.interval or _spacing(times)
    interval_ms(interval)
    months = np.unique(times.astype("datetime64[ms]").astype("datetime64[M]"))
    return Months(interval, tuple(str(month) for month in months))


def _spacing(times: Integers) -> str:
    """Take the most common spacing of the rows as the interval of a candle file that names none."""
    steps = np.diff(np.unique(times))
    if not len(steps):
        raise DataError("its interval is unknown; put it into a folder such as candles_1m")
    return interval_name(Counter(steps.tolist()).most_common(1)[0][0])


def folder_of(source: Source) -> str:
    """Return a short hash of the folder that is imported: equal names elsewhere are other files."""
    folder = source.path.resolve().parents[source.name.count("/")]
    return hashlib.sha256(str(folder).encode()).hexdigest()[:16]


def remove_unsupported(
    lake: Lake,
    sources: Sequence[Source],
    reports: Iterable[FileReport],
    months: Mapping[str, Months | DataError],
) -> int:
    """Remove months of candles that none of the files that they were made of holds any more.

    So what was once read wrongly, such as seconds as milliseconds, leaves no month of 1970 behind.
    Months of a file that vanished or cannot be read stay, and so do those that came over the wire.
    Returns how many were removed.
    """
    failed = {report.path for report in reports if report.status == "failed"}
    held: dict[tuple[str, str], set[tuple[str, ...]]] = {}
    for source in sources:
        found = months.get(source.name)
        if isinstance(found, Months) and source.name not in failed:
            held[source.name, folder_of(source)] = {
                (source.venue, source.symbol, found.interval, month) for month in found.months
            }
    removed = 0
    # An archive's months are in its name; only a file of the user's own may lose one.
    series = {(item.venue, item.symbol) for item in sources if item.kind == "candles"}
    for venue, symbol in sorted(series):
        for part in lake.partitions(RAW_CANDLES, venue=venue, symbol=symbol):
            made_of = _sources(lake, part.values)
            place = tuple(part.values[name] for name in RAW_CANDLES.partition)
            if made_of and made_of <= held.keys() and not any(place in held[k] for k in made_of):
                _remove(lake, part.values)
                removed += 1
    return removed


def _remove(lake: Lake, values: Mapping[str, str]) -> None:
    """Remove a month and what was made from it, the raw rows last."""
    where = {name: values[name] for name in ("venue", "symbol")}
    made = [t for t in TABLES.values() if t.partition == SERIES and t.layer != RAW_CANDLES.layer]
    for table in made if values["interval"] == "1m" else ():
        for part in lake.partitions(table, **where):
            if part.values["month"] == values["month"]:
                lake.remove(table, **part.values)
    lake.remove(RAW_CANDLES, **values)


def _sources(lake: Lake, values: Mapping[str, str]) -> set[tuple[str, str]]:
    """Return name and folder of the files of a month; empty if rows came over the wire too."""
    marks = lake.metadata(RAW_CANDLES, **values)
    try:
        found = json.loads(marks.get(SOURCES_KEY, "{}"))
        made_of = {(name, str(mark.get("folder", ""))) for name, mark in found.items()}
    except (ValueError, AttributeError):
        return set()
    return set() if ASKED_KEY in marks else made_of
