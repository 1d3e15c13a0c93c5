"""The universe: the most traded symbols of the last day, from what the lake holds."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

import pyarrow as pa
import pyarrow.compute as pc

from flows.sources.trading_hours import ALWAYS_OPEN, TradingHours
from lake.content import milliseconds
from lake.store import Lake
from lake.tables import CANDLES

WINDOW = timedelta(hours=24)
LONGEST_CLOSED = timedelta(days=14)
"""No venue that is open at all is closed for longer."""


@dataclass(frozen=True, slots=True)
class UniverseMember:
    """One symbol of the universe; ``quote_volume`` is in the quote asset over the window.

    ``source`` is ``exchange`` when every candle carried the exchange's quote volume, and
    ``close x volume`` when any of them did not and the sum was estimated.
    """

    rank: int
    symbol: str
    quote_volume: float
    source: str


def scan(
    lake: Lake, *, as_of: datetime, venue: str, size: int, hours: TradingHours = ALWAYS_OPEN
) -> tuple[UniverseMember, ...]:
    """Return the top ``size`` symbols of ``venue`` by quote volume in 24 hours before ``as_of``.

    Where the venue was closed all that time, as before a Monday's session, the 24 hours before
    those count, too, and so on. A symbol without candles in that time is left out. Equal volumes
    are ordered by name.
    """
    begin = _begin(as_of, hours)
    symbols = {
        partition.values["symbol"]
        for partition in lake.partitions(CANDLES, venue=venue, interval="1m")
    }
    measured = [
        (symbol, *volume)
        for symbol in sorted(symbols)
        if (volume := _quote_volume(lake, venue, symbol, begin, as_of)) is not None
    ]
    measured.sort(key=lambda entry: (-entry[1], entry[0]))
    return tuple(UniverseMember(rank, *entry) for rank, entry in enumerate(measured[:size], 1))


def _begin(as_of: datetime, hours: TradingHours) -> datetime:
    begin, end = as_of - WINDOW, milliseconds(as_of)
    while as_of - begin < LONGEST_CLOSED and not hours.open_minutes(milliseconds(begin), end):
        begin -= WINDOW
    return begin


def _quote_volume(
    lake: Lake, venue: str, symbol: str, begin: datetime, as_of: datetime
) -> tuple[float, str] | None:
    months = sorted({f"{begin:%Y-%m}", f"{as_of:%Y-%m}"})
    total, estimated, seen = 0.0, False, False
    for month in months:
        for partition in lake.partitions(
            CANDLES, venue=venue, symbol=symbol, interval="1m", month=month
        ):
            rows = lake.read_partition(partition, as_of)
            rows = rows.filter(pc.greater_equal(rows["open_time"], pa.scalar(begin)))
            if not rows.num_rows:
                continue
            seen = True
            exact = rows["quote_volume"]
            estimated = estimated or exact.null_count > 0
            turnover = pc.multiply(rows["close"], rows["volume"])
            total += float(pc.sum(pc.coalesce(exact, turnover)).as_py() or 0.0)
    if not seen:
        return None
    return total, "close x volume" if estimated else "exchange"
