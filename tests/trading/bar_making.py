"""Longer candles from shorter ones, all at once."""

from __future__ import annotations

import numpy as np

from trading.candles import CandleColumns


def bars_of(candles: CandleColumns, length: int) -> CandleColumns:
    """Candles of ``length`` ms made from shorter ones, without one inside which these begin."""
    whole = np.flatnonzero(candles.open_time // length * length >= candles.open_time[0])
    candles = candles.rows(int(whole[0]), len(candles))
    slots = candles.open_time // length
    starts = np.flatnonzero(np.diff(slots, prepend=-1))
    ends = np.append(starts[1:], len(candles)) - 1
    return CandleColumns.of(
        slots[starts] * length,
        candles.open[starts],
        np.maximum.reduceat(candles.high, starts),
        np.minimum.reduceat(candles.low, starts),
        candles.close[ends],
        np.add.reduceat(candles.volume, starts),
        length,
    )
