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
STRUCTURES = Table(
    name="structures",
    layer="features",
    # One row an event, at the bar at whose close (known) it became known; at: the bar on which the
    # structure lies. A level has top and bottom at itself.
    schema=schema_of(
        {
            "open_time": TIME,
            "known": TIME,
            "kind": TEXT,
            "event": TEXT,
            "side": WHOLE,
            "at": TIME,
            "top": REAL,
            "bottom": REAL,
        },
        {},
    ),
    key=("open_time", "kind", "event", "side", "at"),
    partition=SERIES,
    time="open_time",
    known="close",
    view="structures",
)
