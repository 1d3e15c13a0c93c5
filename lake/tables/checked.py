"""Layer ``checked``: candles that passed the checks, the bars built from them, and what failed."""

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
