"""The candles of the symbol that was traded last, joined into as many bars as a chart shows."""

from __future__ import annotations

import sqlite3
from typing import Any

from trading.candles import MINUTE_MS

INTERVALS_MIN = (1, 5, 15, 30, 60, 240)
MOST_BARS = 300
MOST_MINUTES = 4_320
_OF_THE_NEWEST_TRADE = (
    " from received_candles c join (select venue, symbol from positions"
    " where closed_at is not null order by closed_at desc limit 1) p"
    " on c.venue = p.venue and c.symbol = p.symbol"
)
_SPAN = (
    "select min(open_time) as first, max(open_time) as last from"
    f" (select c.open_time{_OF_THE_NEWEST_TRADE} order by c.open_time desc limit {MOST_MINUTES})"
)
_MINUTES = (
    f"select c.symbol, c.open_time, c.open, c.high, c.low, c.close{_OF_THE_NEWEST_TRADE}"
    " where c.open_time >= ? order by c.open_time, c.received_at"
)


def received_bars(connection: sqlite3.Connection) -> list[dict[str, Any]]:
    """Return the bars, oldest first; none with less than two minutes.

    The minutes are joined as they are read: three days of them are not held at once.
    """
    first, last = connection.execute(_SPAN).fetchone()
    if first is None or first == last:
        return []
    span = (last - first) // MINUTE_MS + 1
    step = next((n for n in INTERVALS_MIN if span <= n * MOST_BARS), INTERVALS_MIN[-1])
    interval = step * MINUTE_MS
    bars: list[dict[str, Any]] = []
    for symbol, at, opened, high, low, close in connection.execute(_MINUTES, (first,)):
        begin = at // interval * interval
        if not bars or bars[-1]["time"] != begin:
            bars.append({"symbol": symbol, "interval": interval, "time": begin, "open": opened})
            bars[-1] |= {"high": high, "low": low}
        bar = bars[-1]
        bar["high"], bar["low"] = max(bar["high"], high), min(bar["low"], low)
        bar["close"] = close
    return bars
