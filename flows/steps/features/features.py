"""Features: DuckDB runs the models of ``sql/`` for partitions whose inputs changed.

A feature row is a closed 15-minute bar and holds what was known at its close. Every window is
shorter than `LOOKBACK`, so that a month's features depend on that month and the one before only.
"""

from __future__ import annotations

import functools
import tomllib
from collections.abc import Iterable, Mapping, Sequence
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
    month_before,
    month_end,
    month_start,
    write_known,
)
from flows.steps.features.bars import BuildResult, Progress, with_names
from flows.steps.features.ict_columns import ict_version, is_worth_compiling, known_after_bars
from lake.store import Lake, Partition
from lake.tables import BARS, CANDLES, FEATURES, RAW_FUNDING, Table
from trading.candles import interval_ms
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
    "market",
    "relative",
    "volatility",
    "higher",
    "context",
    "funding",
    "calendar",
    "ict",
    "features",
)


@functools.cache
def feature_descriptions() -> Mapping[str, str]:
    """Return one line per feature, in the order of the table's groups."""
    groups = tomllib.loads((SQL / "features" / "features.toml").read_text(encoding="utf-8"))
    return {name: text for group in groups.values() for name, text in group.items()}


def feature_names() -> tuple[str, ...]:
    """Return all features, in a fixed order."""
    return tuple(feature_descriptions())


def build_features(
    lake: Lake,
    *,
    as_of: datetime,
    symbols: Sequence[str],
    universe: Sequence[str] | None = None,
    venue: str = "binance_usdm",
    progress: Progress | None = None,
) -> BuildResult:
    """Build the 15-minute features of ``symbols``, compared with all of ``universe``.

    Without ``universe`` the symbols are compared with one another; give it when the symbols of
    one run are built one by one. Reads what was known at ``as_of``: checked minutes, bars,
    funding. Needs `build_bars` first.
    """
    written = skipped = rows = 0
    built: list[str] = []
    compared = tuple(sorted({*symbols, *(universe or ())}))
    months = _months(lake, venue, symbols)
    compiled = is_worth_compiling(len(months) * len(symbols))
    if compiled:
        start_compiling()
    for month in months:
        present = _present(lake, venue, compared, month)
        wanted = [symbol for symbol in symbols if symbol in present]
        mark = _features_mark(lake, venue, present, month, as_of)
        names = {"venue": venue, "interval": FEATURE_INTERVAL, "month": month}
        if all(is_current(lake, FEATURES, mark, {**names, "symbol": s}) for s in wanted):
            skipped += len(wanted)
            continue
        tables = _features_of_month(lake, venue, present, wanted, month, as_of, compiled)
        for symbol in wanted:
            ref = write_known(
                lake,
                FEATURES,
                tables[symbol],
                as_of=as_of,
                partition={**names, "symbol": symbol},
                metadata={MARK: mark},
            )
            written += 1
            rows += ref.rows
        built.append(month)
        if progress:
            progress(f"features {month}: {', '.join(wanted)}, {len(feature_names())} columns")
    return BuildResult("features", written, skipped, rows, tuple(built))


def _present(lake: Lake, venue: str, symbols: Iterable[str], month: str) -> list[str]:
    """Return the symbols that have bars in a month."""
    where = {"venue": venue, "interval": FEATURE_INTERVAL, "month": month}
    return [symbol for symbol in symbols if lake.partitions(BARS, symbol=symbol, **where)]


def _months(lake: Lake, venue: str, symbols: Iterable[str]) -> list[str]:
    found = {
        partition.values["month"]
        for symbol in symbols
        for partition in lake.partitions(BARS, venue=venue, symbol=symbol, interval="15m")
    }
    return sorted(found)


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


def _features_mark(
    lake: Lake, venue: str, symbols: Sequence[str], month: str, as_of: datetime
) -> str:
    until = min(as_of, month_end(month))
    contents: dict[str, Any] = {"month": month, "venue": venue, "symbols": list(symbols)}
    for symbol in symbols:
        for _, _, partitions in _inputs(lake, venue, symbol, month):
            for partition in partitions:
                name = partition.path.relative_to(lake.root).as_posix()
                contents[name] = content_of(lake, partition, until)
    recipe = "\n".join([ict_version(), *(load_sql(f"features/{name}") for name in _MODELS)])
    return mark_of(recipe, contents)


def _features_of_month(
    lake: Lake,
    venue: str,
    symbols: Sequence[str],
    wanted: Sequence[str],
    month: str,
    as_of: datetime,
    compiled: bool,
) -> dict[str, pa.Table]:
    """Compute features of the ``wanted`` symbols in one month, compared with all ``symbols``."""
    sources: dict[str, list[pa.Table]] = {"candles": [], "bars": [], "funding": []}
    since = month_start(month) - LOOKBACK
    until = min(as_of, month_end(month))
    for symbol in symbols:
        for table, interval, partitions in _inputs(lake, venue, symbol, month):
            names = {"symbol": symbol, "interval": interval}
            for partition in partitions:
                rows = lake.read_partition(partition, until)
                recent = pc.greater_equal(rows[table.time], pa.scalar(since))
                sources[table.name].append(with_names(rows.filter(recent), names))
    if not any(table.num_rows for table in sources["bars"]):
        raise DataError(f"no bars of {', '.join(symbols)} in {month}; build the bars first")
    tables = {
        name: pa.concat_tables(parts, promote_options="default") if parts else _NO_FUNDING
        for name, parts in sources.items()
    }
    first = month_start(month)
    return compute_features(tables, symbols, first, until, wanted, compiled=compiled)


_NO_FUNDING = pa.table(
    {
        "symbol": pa.array([], pa.string()),
        "funding_time": pa.array([], pa.timestamp("ms", tz="UTC")),
        "funding_rate": pa.array([], pa.float64()),
    }
)


def compute_features(
    tables: Mapping[str, pa.Table],
    symbols: Sequence[str],
    first_time: datetime,
    until_time: datetime,
    wanted: Sequence[str] | None = None,
    *,
    compiled: bool = False,
) -> dict[str, pa.Table]:
    """Run the feature models over ``candles``, ``bars`` and ``funding`` in memory.

    Pure. The tables have a ``symbol`` column and, for bars, ``interval``; rows of the result
    are the 15-minute bars that open in [first_time, until_time), sorted, with `feature_names`.
    ``wanted`` are the symbols of the result, by default all. ``compiled`` finds structures with
    compiled kernels, which changes nothing but the time.
    """
    chosen = symbols if wanted is None else wanted
    structures = known_after_bars(tables["bars"], chosen, compiled=compiled)
    with connect() as connection:
        for name, table in {**tables, "ict_bars": structures}.items():
            connection.register(name, table)
        _compare_symbols(connection, symbols)
        span = {"first_time": first_time, "until_time": until_time}
        results = {}
        for symbol in chosen:
            _groups_of(connection, symbol)
            table = connection.sql(load_sql("features/features"), params=span).to_arrow_table()
            results[symbol] = table.drop_columns(["symbol"])
    return results


def _compare_symbols(connection: duckdb.DuckDBPyConnection, symbols: Sequence[str]) -> None:
    """Create the tables ``grids`` and ``prices`` (all symbols) and ``market``."""
    for place, symbol in enumerate(symbols):
        _create(connection, "grid", "grid", {"symbol": symbol})
        _create(connection, "price", "price")
        for one, many in (("grid", "grids"), ("price", "prices")):
            if place == 0:
                connection.execute(f"create temp table {many} as from {one}")
            else:
                connection.execute(f"insert into {many} from {one}")
    _create(connection, "market", "market")


def _groups_of(connection: duckdb.DuckDBPyConnection, symbol: str) -> None:
    """Create the feature groups of one symbol, as the tables that ``features.sql`` joins."""
    own = {"symbol": symbol}
    for one, many in (("grid", "grids"), ("price", "prices")):
        connection.execute(
            f"create or replace temp table {one} as "
            f"from {many} where symbol = $symbol order by open_time",
            own,
        )
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
    _create(connection, "relative", "relative")
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
