"""Layer ``checked``: candles that passed, bars built from them, and what failed or is missing."""

from __future__ import annotations

from lake.contract import TEXT, TIME, WHOLE, Table, schema_of
from lake.tables.columns import FLOW, OHLCV, PRICES, SERIES

CANDLES = Table(
    name="candles",
    layer="checked",
    # gap_before: candles missing directly before this one, so that a gap is data, not absence.
    schema=schema_of(OHLCV | {"gap_before": WHOLE}, FLOW),
    key=("open_time",),
    partition=SERIES,
    time="open_time",
    known="close",
    view="candles",
)
BARS = Table(
    name="bars",
    layer="checked",
    # candles: how many base candles the bar was built from; fewer than the full number marks a gap.
    schema=schema_of(OHLCV | {"candles": WHOLE}, FLOW),
    key=("open_time",),
    partition=SERIES,
    time="open_time",
    known="close",
    view="bars",
)
QUARANTINE = Table(
    name="quarantine",
    layer="checked",
    schema=schema_of(
        {"open_time": TIME, "reason": TEXT},
        PRICES | FLOW,
    ),
    key=("open_time", "reason"),
    partition=SERIES,
    time="open_time",
    known="close",
    view="quarantine",
)
GAPS = Table(
    name="gaps",
    layer="checked",
    # first and last are the first and the last missing minute; a gap is known when it is over.
    schema=schema_of({"first": TIME, "last": TIME, "minutes": WHOLE, "cause": TEXT}, {}),
    key=("first", "last"),
    partition=("venue", "symbol", "interval"),
    time="last",
    known="before",
    view="gaps",
)
