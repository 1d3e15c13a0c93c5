"""Features of one symbol: DuckDB runs the models of ``sql/`` for partitions whose inputs changed.

A feature row is a closed 15-minute bar and holds what was known at its close. Every window is
shorter than `LOOKBACK`, so that a month's features depend on that month and the one before only.
`flows.steps.features.cross_section` compares the symbols; no other symbol changes these features.
"""

from __future__ import annotations

import functools
import tomllib
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pyarrow.compute as pc

from flows.steps.data.candles import start_compiling
from flows.steps.data.freshness import (
    MARK,
    SQL,
    connect,
    content_of,
    is_current,
    load_sql,
    mark_of,
    write_known,
)
from flows.steps.features.bars import BuildResult, Progress, with_names
from flows.steps.features.ict_columns import ict_version, is_worth_compiling, known_after_bars
from lake.months import month_before, month_end, month_start
from lake.store import Lake, Partition
from lake.tables import BARS, CANDLES, FEATURES, RAW_FUNDING, RELATIVE, Table
from trading.candles import HOUR_MS, interval_ms
from trading.errors import DataError

if TYPE_CHECKING:
    import duckdb

FEATURE_INTERVAL = "15m"
HIGHER = {"hours": "1h", "four_hours": "4h", "days": "1d"}
ICT_INTERVALS = {"ict_quarters": "15m", "ict_hours": "1h"}
LOOKBACK = timedelta(days=28)
_MODELS = (
    "grid",
    "price",
    "volatility",
    "higher",
    "context",
    "funding",
    "calendar",
    "ict",
    "features",
)


RELATIVE_GROUP = "relative"


@functools.cache
def _groups() -> Mapping[str, Mapping[str, str]]:
    text = (SQL / "features" / "features.toml").read_text(encoding="utf-8")
    return {group: dict(names) for group, names in tomllib.loads(text).items()}


@functools.cache
def feature_descriptions() -> Mapping[str, str]:
    """Return one line per feature, in the order of the table's groups."""
    return {name: text for group in _groups().values() for name, text in group.items()}


def feature_names() -> tuple[str, ...]:
    """Return all features, in a fixed order."""
    return tuple(feature_descriptions())


def feature_groups() -> Mapping[str, tuple[str, ...]]:
    """Return the names of all features by their group."""
    return {group: tuple(names) for group, names in _groups().items()}


def relative_names() -> tuple[str, ...]:
    """Return the features that compare a symbol with the universe."""
    return tuple(_groups()[RELATIVE_GROUP])


def read_features(
    lake: Lake,
    venue: str,
    symbol: str,
    as_of: datetime,
    *,
    full_hours: bool = False,
    since: datetime | None = None,
) -> pa.Table:
    """Return the features of one symbol known at ``as_of``, its own and those that compare it.

    Rows ascend in time; a row that has not been compared has nulls there. With ``full_hours``, only
    the first row and those of bars that close on a full hour, a month in memory at a time. Months
    that ended before ``since`` are left out.
    """
    where = {"venue": venue, "symbol": symbol, "interval": FEATURE_INTERVAL}
    parts: list[pa.Table] = []
    for partition in lake.partitions(FEATURES, **where):
        if since is not None and month_end(partition.values["month"]) <= since:
            continue
        own = lake.read_partition(partition, as_of)
        if full_hours:
            own = own.filter(_on_full_hours(own, keep_first=not parts))
        parts.append(_compared(lake, own, partition, as_of))
    if not parts:
        return FEATURES.schema.empty_table()
    return pa.concat_tables(parts, promote_options="default")


def _on_full_hours(own: pa.Table, keep_first: bool) -> pa.Array:
    closes = own["open_time"].cast(pa.int64()).to_numpy() + interval_ms(FEATURE_INTERVAL)
    chosen = closes % HOUR_MS == 0
    chosen[:1] |= keep_first
    return pa.array(chosen)


def _compared(lake: Lake, own: pa.Table, partition: Partition, as_of: datetime) -> pa.Table:
    """Add the features that compare a symbol with others to those of one month."""
    found = lake.partitions(RELATIVE, **partition.values)
    names = ["open_time", *relative_names()]
    compared = lake.read_partition(found[0], as_of, names) if found else None
    place = None if compared is None else pc.index_in(own["open_time"], compared["open_time"])
    for name in relative_names():
        if compared is not None and name in compared.column_names:
            column = compared[name].combine_chunks().take(place)
        else:
            column = pa.nulls(own.num_rows, pa.float64())
        own = own.append_column(name, column)
    return own


def build_features(
    lake: Lake,
    *,
    as_of: datetime,
    symbols: Sequence[str],
    venue: str = "binance_usdm",
    progress: Progress | None = None,
) -> BuildResult:
    """Build the 15-minute features of ``symbols``, each from its own data alone.

    Reads what was known at ``as_of``: checked minutes, bars, funding. Needs `build_bars` first.
    """
    written = skipped = rows = 0
    built: set[str] = set()
    months = {symbol: _months(lake, venue, symbol) for symbol in symbols}
    compiled = is_worth_compiling(sum(map(len, months.values())))
    if compiled:
        start_compiling()
    for symbol in symbols:
        for month in months[symbol]:
            mark = _features_mark(lake, venue, symbol, month, as_of)
            names = {"venue": venue, "symbol": symbol}
            names |= {"interval": FEATURE_INTERVAL, "month": month}
            if is_current(lake, FEATURES, mark, names):
                skipped += 1
                continue
            table = _features_of_month(lake, venue, symbol, month, as_of, compiled)
            marked = {MARK: mark}
            ref = write_known(lake, FEATURES, table, as_of=as_of, partition=names, metadata=marked)
            written += 1
            rows += ref.rows
            built.add(month)
        if progress:
            progress(f"{symbol} features: {len(months[symbol])} months")
    return BuildResult("features", written, skipped, rows, tuple(sorted(built)))


def _months(lake: Lake, venue: str, symbol: str) -> list[str]:
    found = lake.partitions(BARS, venue=venue, symbol=symbol, interval=FEATURE_INTERVAL)
    return [partition.values["month"] for partition in found]


def _inputs(
    lake: Lake, venue: str, symbol: str, month: str
) -> list[tuple[Table, str, tuple[Partition, ...]]]:
    """Return every partition that a month's features of one symbol are made from."""
    wanted = [(CANDLES, "1m"), *((BARS, name) for name in (FEATURE_INTERVAL, *HIGHER.values()))]
    found = []
    for table, interval in wanted:
        parts: list[Partition] = []
        for name in (month_before(month), month):
            parts.extend(
                lake.partitions(table, venue=venue, symbol=symbol, interval=interval, month=name)
            )
        found.append((table, interval, tuple(parts)))
    found.append((RAW_FUNDING, "", lake.partitions(RAW_FUNDING, venue=venue, symbol=symbol)))
    return found


def _features_mark(lake: Lake, venue: str, symbol: str, month: str, as_of: datetime) -> str:
    until = min(as_of, month_end(month))
    contents: dict[str, Any] = {"month": month, "venue": venue, "symbol": symbol}
    for _, _, partitions in _inputs(lake, venue, symbol, month):
        for partition in partitions:
            name = partition.path.relative_to(lake.root).as_posix()
            contents[name] = content_of(lake, partition, until)
    recipe = "\n".join([ict_version(), *(load_sql(f"features/{name}") for name in _MODELS)])
    return mark_of(recipe, contents)


def _features_of_month(
    lake: Lake, venue: str, symbol: str, month: str, as_of: datetime, compiled: bool
) -> pa.Table:
    """Compute the features of one symbol in one month."""
    sources: dict[str, list[pa.Table]] = {"candles": [], "bars": [], "funding": []}
    since = month_start(month) - LOOKBACK
    until = min(as_of, month_end(month))
    for table, interval, partitions in _inputs(lake, venue, symbol, month):
        names = {"symbol": symbol, "interval": interval}
        for partition in partitions:
            rows = lake.read_partition(partition, until)
            recent = pc.greater_equal(rows[table.time], pa.scalar(since))
            sources[table.name].append(with_names(rows.filter(recent), names))
    if not any(table.num_rows for table in sources["bars"]):
        raise DataError(f"no bars of {symbol} in {month}; build the bars first")
    tables = {
        name: pa.concat_tables(parts, promote_options="default") if parts else _NO_FUNDING
        for name, parts in sources.items()
    }
    return compute_features(tables, symbol, month_start(month), until, compiled=compiled)


def features_known_at(lake: Lake, venue: str, symbol: str, moment: datetime) -> pa.Table:
    """Compute the features of ``symbol`` in the month of the last bar that closed by ``moment``.

    As a nightly of that time would have: nothing known later is read.
    """
    last = moment - timedelta(milliseconds=interval_ms(FEATURE_INTERVAL))
    return _features_of_month(lake, venue, symbol, f"{last:%Y-%m}", moment, compiled=False)


_NO_FUNDING = pa.table(
    {
        "symbol": pa.array([], pa.string()),
        "funding_time": pa.array([], pa.timestamp("ms", tz="UTC")),
        "funding_rate": pa.array([], pa.float64()),
    }
)


def compute_features(
    tables: Mapping[str, pa.Table],
    symbol: str,
    first_time: datetime,
    until_time: datetime,
    *,
    compiled: bool = False,
) -> pa.Table:
    """Run the feature models over ``candles``, ``bars`` and ``funding`` of one symbol in memory.

    Pure. The tables have a ``symbol`` column and, for bars, ``interval``; rows of the result
    are the 15-minute bars that open in [first_time, until_time), sorted, without the features that
    compare symbols. ``compiled`` finds structures with compiled kernels, which changes nothing but
    the time.
    """
    structures = known_after_bars(tables["bars"], (symbol,), compiled=compiled)
    with connect() as connection:
        for name, table in {**tables, "ict_bars": structures}.items():
            connection.register(name, table)
        _create_groups(connection, symbol)
        span = {"first_time": first_time, "until_time": until_time}
        result = connection.sql(load_sql("features/features"), params=span).to_arrow_table()
    return result.drop_columns(["symbol"])


def _create_groups(connection: duckdb.DuckDBPyConnection, symbol: str) -> None:
    """Create the feature groups of one symbol, as the tables that ``features.sql`` joins."""
    own = {"symbol": symbol}
    _create(connection, "grid", "grid", own)
    _create(connection, "price", "price")
    _create(connection, "volatility", "volatility", own)
    for name, interval in HIGHER.items():
        params = {**own, "interval": interval, "interval_ms": interval_ms(interval)}
        _create(connection, name, "higher", params)
    for name, interval in ICT_INTERVALS.items():
        connection.execute(
            f"create or replace temp table {name} as "
            "from ict_bars where symbol = $symbol and interval = $interval order by open_time",
            {**own, "interval": interval},
        )
    _create(connection, "context", "context")
    _create(connection, "ict", "ict")
    _create(connection, "funding_rates", "funding", own)
    _create(connection, "calendar", "calendar")


def _create(
    connection: duckdb.DuckDBPyConnection,
    table: str,
    model: str,
    params: Mapping[str, Any] | None = None,
) -> None:
    """Create a temporary table from a model; a model sorts what depends on the order of rows."""
    query = load_sql(f"features/{model}")
    connection.execute(f"create or replace temp table {table} as {query}", dict(params or {}))
