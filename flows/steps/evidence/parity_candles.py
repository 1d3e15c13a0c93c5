"""The candles of a compared day: as the executor received them, else those of the lake."""

from __future__ import annotations

from datetime import datetime

import numpy as np

from flows.steps.data.candles import load_candles
from flows.steps.evidence.live_day import LiveDay, Subject
from flows.steps.evidence.received import NOTHING
from lake.store import Lake
from trading.candles import MINUTE_MS, CandleColumns


def series_of(lake: Lake, live: LiveDay, subject: Subject, as_of: datetime) -> CandleColumns:
    """Candles of a subject up to ``as_of``: as received, else those of the lake."""
    stored = load_candles(lake, subject.venue, subject.symbol, as_of)
    return live.heard.get((subject.venue, subject.symbol), NOTHING).over(stored)


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
