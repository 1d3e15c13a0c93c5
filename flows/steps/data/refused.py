"""Candles that the import left out, as rows for the quarantine."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import datetime

import pyarrow as pa

from lake.content import milliseconds
from lake.contract import TIME
from lake.ingest.additions import SOURCES_KEY
from lake.store import Lake
from lake.tables import RAW_CANDLES
from trading.candles import MINUTE_MS

_COLUMNS = ("open", "high", "low", "close", "volume")
_SCHEMA = pa.schema(
    {"open_time": TIME, "reason": pa.string(), **dict.fromkeys(_COLUMNS, pa.float64())}
)


def refused_rows(lake: Lake, values: Mapping[str, str], as_of: datetime) -> pa.Table:
    """Return what a month's sources held and raw could not: one row a minute and reason.

    Of several rows with one reason the first is kept; the reason says that there are more.
    """
    sources = json.loads(lake.metadata(RAW_CANDLES, **values).get(SOURCES_KEY, "{}"))
    rows: dict[tuple[int, str], list[float | None]] = {}
    for name in sorted(sources):
        for time, reason, *prices in sources[name].get("refused", ()):
            if time + MINUTE_MS <= milliseconds(as_of):
                rows.setdefault((time, f"{reason} ({name})"), prices)
    if not rows:
        return _SCHEMA.empty_table()
    keys = sorted(rows)
    columns = {
        name: pa.array([rows[key][index] for key in keys], pa.float64())
        for index, name in enumerate(_COLUMNS)
    }
    return pa.table(
        {
            "open_time": pa.array([time for time, _ in keys], pa.int64()).cast(TIME),
            "reason": pa.array([reason for _, reason in keys], pa.string()),
            **columns,
        }
    )
