"""The candles of a compared day: as the executor received them, else those of the lake."""

from __future__ import annotations

from datetime import datetime

import numpy as np

from flows.steps.data.candles import load_candles
from flows.steps.evidence.live_day import LiveDay, Subject
from lake.store import Lake
from trading.candles import MINUTE_MS, CandleColumns


def series_of(lake: Lake, live: LiveDay, subject: Subject, as_of: datetime) -> CandleColumns:
    """Candles of a subject up to ``as_of``: as received, else those of the lake."""
    stored = load_candles(lake, subject.venue, subject.symbol, as_of)
    received = live.heard.get((subject.venue, subject.symbol), {})
    rows = {
        int(time): values
        for time, *values in zip(
            stored.open_time.tolist(),
            stored.open.tolist(),
            stored.high.tolist(),
            stored.low.tolist(),
            stored.close.tolist(),
            stored.volume.tolist(),
            strict=True,
        )
    }
    for time, (candle, _) in received.items():
        rows[time] = [candle.open, candle.high, candle.low, candle.close, candle.volume]
    times = sorted(rows)
    columns = np.array([rows[time] for time in times], dtype=np.float64).reshape(-1, 5).T
    return CandleColumns.of(
        np.array(times, dtype=np.int64),
        columns[0],
        columns[1],
        columns[2],
        columns[3],
        columns[4],
        MINUTE_MS,
    )


def contiguous(candles: CandleColumns, first: int, last: int) -> CandleColumns:
    """The candles up to ``last`` from the end of the last hole before ``first`` on."""
    until = candles.slice(None, last + MINUTE_MS)
    jumps = np.flatnonzero(np.diff(until.open_time) != MINUTE_MS)
    before = jumps[until.open_time[jumps + 1] <= first]
    begin = int(before[-1]) + 1 if before.size else 0
    return until.rows(begin, len(until))


def has_hole(candles: CandleColumns) -> bool:
    """Tell whether minutes are missing between the first candle and the last."""
    return bool(np.any(np.diff(candles.open_time) != MINUTE_MS))
