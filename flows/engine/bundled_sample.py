"""The bundled sample is a piece of the past: flows that use it work as of its last day."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

from flows.settings import PROJECT, ResearchSettings
from lake.months import month_end
from lake.store import Lake
from lake.tables import RAW_CANDLES

FOLDER = PROJECT / "data_lake" / "sample"
_MINUTE = timedelta(minutes=1)
_MONTHLY_FILE = re.compile(r"-1m-(\d{4}-\d{2})\.zip$")


def end_of_bundled_sample(settings: ResearchSettings) -> datetime | None:
    """Return the time at which the bundled candles end, for settings that have no others.

    None when the settings name another folder, turn the download on or name symbols that the sample
    lacks, and when the lake holds newer candles of one of them.
    """
    if settings.sample != FOLDER or settings.download.enabled:
        return None
    ends = [end for symbol in settings.symbols for end in _ends(symbol)]
    if not ends or _holds_newer(settings, max(ends)):
        return None
    return max(ends)


def _ends(symbol: str) -> Iterator[datetime]:
    for path in FOLDER.glob(f"candles_1m/*/{symbol}.parquet"):
        last = _last_open_time(path)
        if last is not None:
            yield last + _MINUTE
    for path in FOLDER.glob(f"binance_archive/**/{symbol}-1m-*.zip"):
        month = _MONTHLY_FILE.search(path.name)
        if month is not None:
            yield month_end(month[1])


def _holds_newer(settings: ResearchSettings, end: datetime) -> bool:
    stored = Lake(settings.lake).partitions(RAW_CANDLES, venue=settings.venue, interval="1m")
    months = [
        part
        for part in stored
        if part.values["month"] >= f"{end:%Y-%m}" and part.values["symbol"] in settings.symbols
    ]
    return any((_last_open_time(part.path) or end) >= end for part in months)


def _last_open_time(path: Path) -> datetime | None:
    """Return the last time of a file of candles, from its footer alone."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        footer = pq.read_metadata(path)
    except (OSError, pa.ArrowInvalid):
        return None
    column = footer.schema.names.index("open_time")
    groups = [footer.row_group(index).column(column) for index in range(footer.num_row_groups)]
    times = [group.statistics.max for group in groups if group.statistics is not None]
    return max(times).astimezone(UTC) if times else None
