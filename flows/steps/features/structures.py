"""The table ``structures``: ICT structures of the bars, built per month where bars changed."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

import pyarrow as pa
import pyarrow.compute as pc

from flows.steps.data.candles import start_compiling
from flows.steps.data.freshness import MARK, content_of, is_current, mark_of, write_known
from flows.steps.features.bars import BuildResult
from flows.steps.features.ict_columns import (
    SETTINGS,
    candles_of,
    ict_version,
    is_worth_compiling,
    since,
    structure_events,
)
from lake.months import month_before, month_end, month_start
from lake.store import Lake, Partition
from lake.tables import BARS, STRUCTURES


def build_structures(
    lake: Lake, *, as_of: datetime, symbols: Sequence[str], venue: str = "binance_usdm"
) -> BuildResult:
    """Find the structures of every symbol's 15m and 1h bars known at ``as_of``.

    A month is built from its own bars and those of the month before; needs `build_bars` first.
    """
    months = [
        partition
        for symbol in symbols
        for interval in SETTINGS
        for partition in lake.partitions(BARS, venue=venue, symbol=symbol, interval=interval)
    ]
    compiled = is_worth_compiling(len(months) // len(SETTINGS))
    if compiled:
        start_compiling()
    written = skipped = rows = 0
    built: set[str] = set()
    for partition in months:
        made = _build_month(lake, partition, as_of, compiled)
        if made is None:
            skipped += 1
            continue
        written, rows = written + 1, rows + made
        built.add(partition.values["month"])
    return BuildResult("structures", written, skipped, rows, tuple(sorted(built)))


def _build_month(lake: Lake, partition: Partition, as_of: datetime, compiled: bool) -> int | None:
    """Build one month of one series; return the rows written, None when nothing changed."""
    target = dict(partition.values)
    month = target["month"]
    until = min(as_of, month_end(month))
    before = lake.partitions(BARS, **{**target, "month": month_before(month)})
    inputs = {
        part.path.relative_to(lake.root).as_posix(): content_of(lake, part, until)
        for part in (*before, partition)
    }
    mark = mark_of(ict_version(), inputs)
    if is_current(lake, STRUCTURES, mark, target):
        return None
    bars = pa.concat_tables(
        [lake.read_partition(part, until) for part in (*before, partition)],
        promote_options="default",
    )
    first = month_start(month)
    bars = bars.filter(pc.greater_equal(bars["open_time"], pa.scalar(since(first))))
    interval = target["interval"]
    candles = candles_of(bars, interval)
    events = structure_events(candles, SETTINGS[interval], compiled=compiled)
    own = events.filter(pc.greater_equal(events["open_time"], pa.scalar(first)))
    ref = write_known(lake, STRUCTURES, own, as_of=as_of, partition=target, metadata={MARK: mark})
    return ref.rows
