"""ICT structures of bars in memory: as events, and as what was known after each bar.

Both come from `trading.ict.batch`. Every event stands at the bar at whose close it became known. It
contains nothing that a later bar decides, so the rows up to a moment are what was known then.
"""

from __future__ import annotations

import functools
import hashlib
from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

import trading.ict
from lake.tables import STRUCTURES
from trading.candles import CandleColumns, Floats, Integers, interval_ms
from trading.ict.batch import FIELDS, IctSettings, Structures, Table, find_structures
from trading.ict.step import VIEW_NAMES

SETTINGS: Mapping[str, IctSettings] = {"15m": IctSettings(), "1h": IctSettings(max_age=200)}
"""How structures are found on each interval. A history of 3 x ``max_age`` bars gives the same
structures as a longer one; both are shorter than `MEMORY`.
"""
MEMORY = timedelta(days=28)
EVENTS: Mapping[str, tuple[tuple[str, str], ...]] = {
    "swings": (("superseded", "superseded"), ("broken", "broken")),
    "breaks": (),
    "gaps": (("touched", "touched"), ("filled", "filled")),
    "blocks": (("mitigated", "mitigated"), ("broken", "broken"), ("void", "void")),
    "pools": (("swept", "swept"), ("taken", "taken")),
}
"""What can happen to a structure after it is found: column of the batch table, event."""
KINDS = {"swings": "swing", "gaps": "gap", "blocks": "block", "pools": "pool"}
BREAKS = {1.0: "break", 2.0: "change_of_character"}
PLAIN_MONTHS = 12
"""Up to this many symbol-months plain kernels are faster than compiling; the bits are equal."""

Texts = npt.NDArray[np.str_]


def is_worth_compiling(symbol_months: int) -> bool:
    """Check whether compiling the kernels pays for this many months of one symbol."""
    return symbol_months > PLAIN_MONTHS


@functools.cache
def ict_version() -> str:
    """Hash the code that finds structures: it changes what is stored."""
    files = [*sorted(Path(trading.ict.__path__[0]).glob("*.py")), Path(__file__)]
    digest = hashlib.sha256()
    for file in files:
        digest.update(file.name.encode() + b"\0" + file.read_bytes() + b"\0")
    return digest.hexdigest()


def candles_of(bars: pa.Table, interval: str) -> CandleColumns:
    """Convert rows of the table ``bars`` of one symbol and interval to columns in order."""
    ordered = bars.sort_by("open_time")
    times = ordered["open_time"].cast(pa.int64()).to_numpy()
    names = ("open", "high", "low", "close", "volume")
    opens, highs, lows, closes, volumes = (
        np.asarray(ordered[name].to_numpy(), dtype=np.float64) for name in names
    )
    return CandleColumns.of(
        times, opens, highs, lows, closes, volumes, interval_ms=interval_ms(interval)
    )


def structure_events(
    candles: CandleColumns, settings: IctSettings, *, compiled: bool = False
) -> pa.Table:
    """Return all events of the structures of ``candles``, as rows of the table ``structures``."""
    found = find_structures(candles, settings, compiled=compiled)
    parts = [part for name in FIELDS for part in _events_of(name, found, candles)]
    events = pa.concat_tables(parts)
    # Two swings that one candle breaks leave the same block twice: one event is enough.
    distinct = events.group_by(events.column_names, use_threads=False).aggregate([])
    return distinct.select(events.column_names).sort_by(
        [(name, "ascending") for name in STRUCTURES.key]
    )


def _events_of(name: str, found: Structures, candles: CandleColumns) -> Iterable[pa.Table]:
    table: Table = getattr(found, name)
    if name == "pools":
        table = _first_versions(table)
    known = table["known"]
    kinds = _kinds(name, table)
    yield _rows(candles, table, known, kinds, "found", name)
    for column, event in EVENTS[name]:
        happened = np.isfinite(table[column])
        part = {key: values[happened] for key, values in table.items()}
        # A pool may be taken before its second swing confirms it: the event waits until then.
        when = np.maximum(part[column], part["known"])
        yield _rows(candles, part, when, kinds[happened], event, name)


def _first_versions(pools: Table) -> Table:
    """Return one row a pool: its first version, with what happened to any of them."""
    found: dict[tuple[float, float], int] = {}
    events = {name: pools[name].copy() for name, _ in EVENTS["pools"]}
    for row, key in enumerate(zip(pools["side"].tolist(), pools["at"].tolist(), strict=True)):
        first = found.setdefault(key, row)
        for column in events.values():
            column[first] = np.fmin(column[first], column[row])
    rows = np.fromiter(found.values(), dtype=np.int64, count=len(found))
    return {name: events.get(name, values)[rows] for name, values in pools.items()}


def _kinds(name: str, table: Table) -> Texts:
    if name == "breaks":
        return np.array([BREAKS[kind] for kind in table["kind"].tolist()], dtype=np.str_)
    return np.full(len(table["at"]), KINDS[name])


def _rows(
    candles: CandleColumns, table: Table, when: Floats, kinds: Texts, event: str, name: str
) -> pa.Table:
    moment = pa.timestamp("ms", "UTC")
    rows, at, found = (column.astype(np.int64) for column in (when, table["at"], table["known"]))
    top, bottom = _reach(candles, table, at, name)
    opened: Integers = candles.open_time[rows]
    return pa.table(
        {
            "open_time": pa.array(opened).cast(moment),
            "known": pa.array(opened + candles.interval_ms).cast(moment),
            "kind": pa.array(kinds.tolist(), pa.string()),
            "event": pa.array([event] * len(rows), pa.string()),
            "side": pa.array(table["side"].astype(np.int64)),
            "bar_time": pa.array(candles.open_time[at]).cast(moment),
            "found_at": pa.array(candles.open_time[found] + candles.interval_ms).cast(moment),
            "top": pa.array(top),
            "bottom": pa.array(bottom),
        }
    )


def _reach(candles: CandleColumns, table: Table, at: Integers, name: str) -> tuple[Floats, Floats]:
    """Return top and bottom; for a level both are the level."""
    if name in ("gaps", "blocks"):
        return table["top"], table["bottom"]
    if name == "pools":
        # The mean changes with every member of a pool; the level of its first swing does not.
        level = np.where(table["side"] > 0.0, candles.high[at], candles.low[at])
        return level, level
    return table["level"], table["level"]


def known_after_bars(bars: pa.Table, symbols: Iterable[str], *, compiled: bool = False) -> pa.Table:
    """Return what was known of structures after each bar of 15m and 1h.

    The columns are `trading.ict.step.VIEW_NAMES`. ``bars`` has symbol and interval; NaN becomes
    null. ``known_at`` is the bar's close.
    """
    moment = pa.timestamp("ms", "UTC")
    parts = []
    for symbol in symbols:
        own = bars.filter(pc.equal(bars["symbol"], symbol))
        for interval, settings in SETTINGS.items():
            candles = candles_of(own.filter(pc.equal(own["interval"], interval)), interval)
            found = find_structures(candles, settings, views=True, compiled=compiled)
            closed = candles.open_time + candles.interval_ms
            columns = {
                "symbol": pa.repeat(pa.scalar(symbol), len(candles)),
                "interval": pa.repeat(pa.scalar(interval), len(candles)),
                "open_time": pa.array(candles.open_time).cast(moment),
                "known_at": pa.array(closed).cast(moment),
            }
            views = {name: pa.array(found.view(name), from_pandas=True) for name in VIEW_NAMES}
            parts.append(pa.table(columns | views))
    return pa.concat_tables(parts)


def since(moment: datetime) -> datetime:
    """Return the time from which bars are needed for the structures at ``moment``."""
    return moment - MEMORY
