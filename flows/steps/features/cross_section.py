"""Symbols compared: the universe of each day, and every symbol beside its members.

The universe of a day holds the symbols that traded most on the day before. It is written when the
day is first built and then stays, so that a symbol that comes or goes changes no other's past.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

import pyarrow as pa
import pyarrow.compute as pc

from flows.steps.data.freshness import (
    MARK,
    connect,
    content_of,
    is_current,
    load_sql,
    mark_of,
    write_known,
)
from flows.steps.features.bars import BuildResult, with_names
from flows.steps.features.features import FEATURE_INTERVAL
from lake.content import content_hash
from lake.months import month_before, month_end, month_start
from lake.store import Lake
from lake.tables import BARS, FEATURES, RELATIVE, UNIVERSE, Table

if TYPE_CHECKING:
    import duckdb

COMPARED = ("ret_1", "ret_4", "ret_96", "volume_ratio_4_96")
"""What is compared across the universe."""
LOOKBACK = timedelta(days=2)
"""The longest window of a comparison is a day; the universe of a day looks at the day before."""
UNIVERSE_SIZE = 150


def build_universe(
    lake: Lake, *, as_of: datetime, venue: str = "binance_usdm", size: int = UNIVERSE_SIZE
) -> BuildResult:
    """Write the universe of every day up to ``as_of`` that has none yet, from all bars of a venue.

    Delete the table's partitions to choose the days again, for example after years of other symbols
    were imported. Needs `build_bars` first.
    """
    written = rows = 0
    built: list[str] = []
    months = _months(lake, BARS, venue)
    for month in months:
        stored = lake.read(UNIVERSE, UNIVERSE.schema.names, venue=venue, month=month)
        days = _days(month, as_of)
        missing = [day for day in days if day not in set(stored["day_start"].to_pylist())]
        mark = _universe_mark(lake, venue, month, as_of) if missing else ""
        if not missing or is_current(lake, UNIVERSE, mark, {"venue": venue, "month": month}):
            continue  # days without a day before them stay without a universe
        found = _universe_of(lake, venue, month, missing, size)
        if found.num_rows or stored.num_rows:
            marks = {MARK: mark}
            ref = lake.write(UNIVERSE, _joined(stored, found), marks, venue=venue, month=month)
            written += 1
            rows += ref.rows
            built.append(month)
    return BuildResult("universe", written, len(months) - written, rows, tuple(built))


def _universe_mark(lake: Lake, venue: str, month: str, as_of: datetime) -> str:
    """Return the mark of all bars that the universe of a month is chosen from."""
    until = min(as_of, month_end(month))
    bars = {
        part.path.relative_to(lake.root).as_posix(): content_of(lake, part, until)
        for name in (month_before(month), month)
        for part in lake.partitions(BARS, venue=venue, interval=FEATURE_INTERVAL, month=name)
    }
    return mark_of(load_sql("features/universe"), bars)


def _joined(stored: pa.Table, found: pa.Table) -> pa.Table:
    return pa.concat_tables([stored, found], promote_options="permissive")


def _days(month: str, as_of: datetime) -> list[datetime]:
    """Return the days of a month that have begun at ``as_of``."""
    first, until = month_start(month), month_end(month)
    days = [first + timedelta(days=count) for count in range((until - first).days)]
    return [day for day in days if day <= as_of]


def _universe_of(
    lake: Lake, venue: str, month: str, days: Sequence[datetime], size: int
) -> pa.Table:
    since = days[0] - timedelta(days=1)
    columns = ["open_time", "close", "volume", "quote_volume"]
    parts = [
        with_names(rows, {"symbol": symbol})
        for symbol in _symbols(lake, BARS, venue, (month_before(month), month))
        for rows in _rows(lake, BARS, venue, symbol, month, columns, (since, days[-1]))
    ]
    if not parts:
        return UNIVERSE.schema.empty_table()
    with connect() as connection:
        connection.register("bars", pa.concat_tables(parts))
        span = {"first_day": days[0], "until_day": days[-1] + timedelta(days=1), "size": size}
        found = connection.sql(load_sql("features/universe"), params=span).to_arrow_table()
    wanted = pa.array(days, UNIVERSE.schema.field("day_start").type)
    found = found.set_column(0, "day_start", found["day_start"].cast(wanted.type))
    return found.filter(pc.is_in(found["day_start"], wanted)).select(UNIVERSE.schema.names)


def build_relative(
    lake: Lake, *, as_of: datetime, symbols: Sequence[str], venue: str = "binance_usdm"
) -> BuildResult:
    """Compare ``symbols`` with the universe of each day, from features that are stored.

    Needs `build_features` and `build_universe` first.
    """
    written = skipped = rows = 0
    built: set[str] = set()
    months = sorted(
        {
            part.values["month"]
            for symbol in symbols
            for part in lake.partitions(
                FEATURES, venue=venue, symbol=symbol, interval=FEATURE_INTERVAL
            )
        }
    )
    for month in months:
        section = _CrossSection(lake, venue, month, as_of)
        stale = []
        for symbol in symbols:
            names = {"venue": venue, "symbol": symbol}
            names |= {"interval": FEATURE_INTERVAL, "month": month}
            if not lake.partitions(FEATURES, **names):
                continue
            if is_current(lake, RELATIVE, section.mark_of(symbol), names):
                skipped += 1
            else:
                stale.append(symbol)
        for symbol, table in section.compare(stale):
            names = {"venue": venue, "symbol": symbol}
            names |= {"interval": FEATURE_INTERVAL, "month": month}
            marks = {MARK: section.mark_of(symbol)}
            ref = write_known(lake, RELATIVE, table, as_of=as_of, partition=names, metadata=marks)
            written += 1
            rows += ref.rows
            built.add(month)
    return BuildResult("relative", written, skipped, rows, tuple(sorted(built)))


class _CrossSection:
    """One month of the universe: its members, and the content of their features."""

    def __init__(self, lake: Lake, venue: str, month: str, as_of: datetime) -> None:
        self._lake, self._venue, self._month = lake, venue, month
        self._until = min(as_of, month_end(month))
        self._since = month_start(month) - LOOKBACK
        self._universe = self._members()
        members = sorted(set(self._universe["symbol"].to_pylist()))
        self._contents = {symbol: self._content(symbol) for symbol in members}
        self._shared = mark_of(
            "\n".join(load_sql(f"features/{name}") for name in ("market", "relative")),
            {"universe": content_hash(self._universe), "members": self._contents},
        )

    def _members(self) -> pa.Table:
        parts = [
            self._lake.read(
                UNIVERSE, ["day_start", "symbol"], self._until, venue=self._venue, month=name
            )
            for name in (month_before(self._month), self._month)
        ]
        days = pa.concat_tables(parts)
        return days.filter(pc.greater_equal(days["day_start"], pa.scalar(self._since)))

    def _content(self, symbol: str) -> list[str]:
        where = {"venue": self._venue, "symbol": symbol, "interval": FEATURE_INTERVAL}
        return [
            content_of(self._lake, part, self._until)
            for name in (month_before(self._month), self._month)
            for part in self._lake.partitions(FEATURES, month=name, **where)
        ]

    def mark_of(self, symbol: str) -> str:
        """Return the mark of a symbol's month: its own features, and those of the members."""
        own = self._contents.get(symbol) or self._content(symbol)
        return mark_of(self._shared, {"symbol": symbol, "own": own, "venue": self._venue})

    def compare(self, symbols: Sequence[str]) -> Iterable[tuple[str, pa.Table]]:
        """Yield each symbol with its rows of the month."""
        if not symbols:
            return
        with connect() as connection:
            self._load(connection, sorted({*symbols, *self._contents}))
            span = {"first_time": month_start(self._month), "until_time": self._until}
            for symbol in symbols:
                params = {"symbol": symbol, **span}
                table = connection.sql(load_sql("features/relative"), params=params)
                yield symbol, table.to_arrow_table()

    def _load(self, connection: duckdb.DuckDBPyConnection, symbols: Sequence[str]) -> None:
        columns = ["open_time", *COMPARED]
        parts = [
            with_names(rows, {"symbol": symbol})
            for symbol in symbols
            for rows in _rows(
                self._lake,
                FEATURES,
                self._venue,
                symbol,
                self._month,
                columns,
                (self._since, self._until),
            )
        ]
        connection.register("own", pa.concat_tables(parts))
        connection.register("universe", self._universe)
        connection.execute(f"create temp table market as {load_sql('features/market')}")


def _rows(
    lake: Lake,
    table: Table,
    venue: str,
    symbol: str,
    month: str,
    columns: Sequence[str],
    span: tuple[datetime, datetime],
) -> Iterable[pa.Table]:
    """Yield what a month and the one before hold of one symbol in a span, known at its end."""
    since, until = span
    where = {"venue": venue, "symbol": symbol, "interval": FEATURE_INTERVAL}
    for name in (month_before(month), month):
        for part in lake.partitions(table, month=name, **where):
            rows = lake.read_partition(part, until, columns).select(list(columns))
            yield rows.filter(pc.greater_equal(rows["open_time"], pa.scalar(since)))


def _months(lake: Lake, table: Table, venue: str) -> list[str]:
    found = lake.partitions(table, venue=venue, interval=FEATURE_INTERVAL)
    return sorted({part.values["month"] for part in found})


def _symbols(lake: Lake, table: Table, venue: str, months: Iterable[str]) -> list[str]:
    wanted: Mapping[str, str] = {"venue": venue, "interval": FEATURE_INTERVAL}
    return sorted(
        {
            part.values["symbol"]
            for month in months
            for part in lake.partitions(table, month=month, **wanted)
        }
    )
