"""Layer ``features``: what is computed from bars."""

from __future__ import annotations

from lake.contract import REAL, TEXT, TIME, WHOLE, Table, schema_of
from lake.tables.columns import SERIES

FEATURES = Table(
    name="features",
    layer="features",
    schema=schema_of({"open_time": TIME}, {}),
    key=("open_time",),
    partition=SERIES,
    time="open_time",
    known="close",
    extra="float",
    view="features",
)
RELATIVE = Table(
    name="relative",
    layer="features",
    schema=schema_of({"open_time": TIME}, {}),
    key=("open_time",),
    partition=SERIES,
    time="open_time",
    known="close",
    extra="float",
    view="relative",
)
UNIVERSE = Table(
    name="universe",
    layer="features",
    # The members of each UTC day, known when it begins; a day that is written is not changed.
    schema=schema_of({"day_start": TIME, "symbol": TEXT, "place": WHOLE, "quote_volume": REAL}, {}),
    key=("day_start", "symbol"),
    partition=("venue", "month"),
    time="day_start",
    known="upto",
    view="universe",
)
STRUCTURES = Table(
    name="structures",
    layer="features",
    # One row per event, at the bar whose close (known) revealed it. bar_time is the bar that the
    # structure lies on, found_at the close that first revealed it: two breaks may leave a block on
    # one bar. The top and bottom of a level are equal.
    schema=schema_of(
        {
            "open_time": TIME,
            "known": TIME,
            "kind": TEXT,
            "event": TEXT,
            "side": WHOLE,
            "bar_time": TIME,
            "found_at": TIME,
            "top": REAL,
            "bottom": REAL,
        },
        {},
    ),
    key=("open_time", "kind", "event", "side", "bar_time", "found_at"),
    partition=SERIES,
    time="open_time",
    known="close",
    view="structures",
)
