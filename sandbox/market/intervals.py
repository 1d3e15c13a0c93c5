"""Kline intervals and the open times of their bars (UTC)."""

from __future__ import annotations

from datetime import UTC, datetime

import numpy as np
import numpy.typing as npt

from trading.candles import DAY_MS, MINUTE_MS, MONDAY_MS, WEEK_MS

# Upbit has bars of ten minutes, Binance has not.
UPBIT_ONLY = frozenset({"10m"})
INTERVALS = {
    "1m": MINUTE_MS,
    "3m": 3 * MINUTE_MS,
    "5m": 5 * MINUTE_MS,
    "10m": 10 * MINUTE_MS,
    "15m": 15 * MINUTE_MS,
    "30m": 30 * MINUTE_MS,
    "1h": 60 * MINUTE_MS,
    "2h": 120 * MINUTE_MS,
    "4h": 240 * MINUTE_MS,
    "6h": 360 * MINUTE_MS,
    "8h": 480 * MINUTE_MS,
    "12h": 720 * MINUTE_MS,
    "1d": DAY_MS,
    "3d": 3 * DAY_MS,
    "1w": WEEK_MS,
    "1M": 31 * DAY_MS,
}


def bar_start(interval: str, time: int) -> int:
    """Return the open time (ms) of the bar that holds ``time`` (ms)."""
    if interval == "1M":
        moment = datetime.fromtimestamp(time / 1000, UTC)
        return _month_ms(moment.year, moment.month)
    size = INTERVALS[interval]
    offset = MONDAY_MS if interval == "1w" else 0
    return (time - offset) // size * size + offset


def next_start(interval: str, start: int) -> int:
    """Return the open time (ms) of the bar after the one that opens at ``start``."""
    if interval == "1M":
        moment = datetime.fromtimestamp(start / 1000, UTC)
        return _month_ms(moment.year + moment.month // 12, moment.month % 12 + 1)
    return start + INTERVALS[interval]


def bar_starts(interval: str, times: npt.NDArray[np.int64]) -> npt.NDArray[np.int64]:
    """Return the open times (ms) of the bars that hold ``times`` (ms)."""
    if interval == "1M":
        months = times.astype("datetime64[ms]").astype("datetime64[M]")
        return months.astype("datetime64[ms]").astype(np.int64)
    size = INTERVALS[interval]
    offset = MONDAY_MS if interval == "1w" else 0
    return (times - offset) // size * size + offset


def _month_ms(year: int, month: int) -> int:
    return int(datetime(year, month, 1, tzinfo=UTC).timestamp() * 1000)
