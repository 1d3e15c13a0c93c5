"""Bars of a week and a month, and of a day where a venue's day does not begin at 00:00 UTC."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime

import pyarrow as pa

from flows.settings import ResearchSettings
from flows.steps.data.freshness import (
    MARK,
    connect,
    content_of,
    is_current,
    load_sql,
    mark_of,
    write_known,
)
from flows.steps.features.bars import (
    BARS_SQL,
    BarSpan,
    BuildResult,
    build_bars,
    fold,
    with_names,
)
from lake.content import MONTH, milliseconds
from lake.months import month_end, month_start
from lake.store import Lake, Partition
from lake.tables import BARS, CANDLES
from trading.candles import HOUR_MS, MINUTE_MS

UNITS = {"1w": "week", MONTH: "month"}
DAY = {"1d": "day"}


def build_all_bars(
    lake: Lake, as_of: datetime, symbol: str, settings: ResearchSettings
) -> tuple[BuildResult, BuildResult]:
    """Build the bars of a symbol from 3 minutes to a month, with the venue's days."""
    venue = settings.venue
    sparse, offset = venue in settings.validation.sparse_venues, settings.day_offsets.get(venue, 0)
    return (
        build_bars(
            lake, as_of=as_of, symbols=[symbol], venue=venue, sparse=sparse, days=not offset
        ),
        build_long_bars(
            lake, as_of=as_of, symbols=[symbol], venue=venue, sparse=sparse, day_offset=offset
        ),
    )


def build_long_bars(
    lake: Lake,
    *,
    as_of: datetime,
    symbols: Sequence[str],
    venue: str = "binance_usdm",
    sparse: bool = False,
    day_offset: int = 0,
) -> BuildResult:
    """Build 1w and 1mo bars of every symbol from its checked minutes known at ``as_of``.

    Weeks begin on Monday, months on the first; both at the venue's day, which is ``day_offset``
    hours ahead of UTC (9: midnight in Seoul). With an offset the 1d bars are built here, too. A bar
    lies in the month in which it opens; one inside which the series begins is left out.
    """
    units = UNITS | DAY if day_offset else UNITS
    written = skipped = rows = 0
    months: set[str] = set()
    for symbol in symbols:
        minutes = lake.partitions(CANDLES, venue=venue, symbol=symbol, interval="1m")
        for place, partition in enumerate(minutes):
            parts = minutes[place : place + 2]
            made = _bars_of_month(lake, parts, as_of, units, place == 0, sparse, day_offset)
            if made is None:
                skipped += len(units)
            else:
                written += len(units)
                rows += made
                months.add(partition.values["month"])
    return BuildResult("long bars", written, skipped, rows, tuple(sorted(months)))


def _bars_of_month(
    lake: Lake,
    parts: Sequence[Partition],
    as_of: datetime,
    units: dict[str, str],
    begins: bool,
    sparse: bool,
    day_offset: int,
) -> int | None:
    """Build the bars that open in the first of ``parts``; None when nothing changed.

    The other part is the month after it, which a bar may reach into. ``begins``: the series does.
    """
    values = parts[0].values
    inputs = {
        "candles": [content_of(lake, part, as_of) for part in parts],
        "months": [part.values["month"] for part in parts],
        "begins": begins,
        "sparse": sparse,
        "day_offset": day_offset,
    }
    mark = mark_of(load_sql(BARS_SQL), inputs)
    targets = {name: {**values, "interval": name} for name in units}
    if all(is_current(lake, BARS, mark, target) for target in targets.values()):
        return None
    read = [lake.read_partition(part, as_of) for part in parts]
    candles = pa.concat_tables(read, promote_options="default")
    if not read[0].num_rows:
        return None
    first = candles["open_time"][0].value if begins else 0
    span = BarSpan(
        known_until=candles["open_time"][-1].value + MINUTE_MS,
        sparse=sparse,
        offset_ms=day_offset * HOUR_MS,
        first_ms=first,
        from_ms=milliseconds(month_start(values["month"])),
        to_ms=milliseconds(month_end(values["month"])),
    )
    rows = 0
    with connect() as connection:
        connection.register("candles", with_names(candles, values))
        for name, target in targets.items():
            bars = fold(connection, replace(span, unit=units[name]))
            ref = write_known(
                lake, BARS, bars, as_of=as_of, partition=target, metadata={MARK: mark}
            )
            rows += ref.rows
    return rows
