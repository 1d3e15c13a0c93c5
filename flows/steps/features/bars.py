"""Bars of 3 minutes to a day, built from the checked minutes of every symbol."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import TYPE_CHECKING

import pyarrow as pa

from flows.steps.data.freshness import (
    MARK,
    connect,
    content_of,
    is_current,
    load_sql,
    mark_of,
    write_known,
)
from lake.content import milliseconds
from lake.months import month_end
from lake.store import Lake, Partition
from lake.tables import BARS, CANDLES
from trading.candles import MINUTE_MS, interval_ms

if TYPE_CHECKING:
    import duckdb

BARS_SQL = "bars/bars"
_NEVER_MS = 2**53
INTERVALS = ("3m", "5m", "15m", "1h", "4h", "1d")

Progress = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class BuildResult:
    """What a build did: partitions written, partitions unchanged, rows written."""

    table: str
    written: int
    skipped: int
    rows: int
    months: tuple[str, ...]

    def __str__(self) -> str:
        return f"{self.table}: {self.written} partitions written, {self.skipped} unchanged"


@dataclass(frozen=True, slots=True)
class BarSpan:
    """Which bars are made of the minutes: their unit and length, and the times (ms) they lie in.

    See `sql/bars/bars.sql`; with another ``unit`` than minute, the calendar gives the length.
    """

    known_until: int
    sparse: bool
    unit: str = "minute"
    interval_ms: int = MINUTE_MS
    offset_ms: int = 0
    first_ms: int = 0
    from_ms: int = 0
    to_ms: int = _NEVER_MS


def fold(connection: duckdb.DuckDBPyConnection, span: BarSpan) -> pa.Table:
    """Fold the minutes, which are registered as ``candles``, into bars."""
    return connection.sql(load_sql(BARS_SQL), params=asdict(span)).to_arrow_table()


def build_bars(
    lake: Lake,
    *,
    as_of: datetime,
    symbols: Sequence[str],
    venue: str = "binance_usdm",
    sparse: bool = False,
    days: bool = True,
    progress: Progress | None = None,
) -> BuildResult:
    """Build 3m to 1d bars of every symbol from its checked minutes known at ``as_of``.

    A bar is closed and complete: it has all of its minutes, except where the venue omits
    minutes without trades (``sparse``). Without ``days``, those of a day are built elsewhere: see
    `build_long_bars`.
    """
    intervals = INTERVALS if days else INTERVALS[:-1]
    written = skipped = rows = 0
    months: set[str] = set()
    for symbol in symbols:
        minutes = lake.partitions(CANDLES, venue=venue, symbol=symbol, interval="1m")
        for place, partition in enumerate(minutes):
            # A month is complete once candles of a later month exist.
            over = place + 1 < len(minutes)
            made = _bars_of_month(lake, partition, as_of, over, sparse, intervals)
            if made is None:
                skipped += len(intervals)
            else:
                written += len(intervals)
                rows += made
                months.add(partition.values["month"])
        if progress:
            progress(f"{symbol} bars: {len(minutes)} months")
    return BuildResult("bars", written, skipped, rows, tuple(sorted(months)))


def _bars_of_month(
    lake: Lake,
    partition: Partition,
    as_of: datetime,
    over: bool,
    sparse: bool,
    intervals: Sequence[str],
) -> int | None:
    """Build the intervals of one month; return the rows written, None when nothing changed."""
    values = dict(partition.values)
    inputs = {"candles": content_of(lake, partition, as_of), "over": over, **values}
    if sparse:
        inputs["sparse"] = True
    mark = mark_of(load_sql(BARS_SQL), inputs)
    targets = [{**values, "interval": interval} for interval in intervals]
    if all(is_current(lake, BARS, mark, target) for target in targets):
        return None
    candles = with_names(lake.read_partition(partition, as_of), values)
    if not candles.num_rows:
        return None
    last = candles["open_time"][-1].value + interval_ms("1m")
    until = min(milliseconds(month_end(values["month"])), milliseconds(as_of)) if over else last
    rows = 0
    with connect() as connection:
        connection.register("candles", candles)
        for target in targets:
            length = interval_ms(target["interval"])
            bars = fold(connection, BarSpan(interval_ms=length, known_until=until, sparse=sparse))
            ref = write_known(
                lake, BARS, bars, as_of=as_of, partition=target, metadata={MARK: mark}
            )
            rows += ref.rows
    return rows


def with_names(data: pa.Table, names: Mapping[str, str]) -> pa.Table:
    """Add a partition's values as columns."""
    for name in ("venue", "symbol", "interval"):
        if names.get(name):
            data = data.append_column(name, pa.repeat(pa.scalar(names[name]), data.num_rows))
    return data
