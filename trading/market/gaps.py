"""Missing candles of a series, in a window that a result stands for."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from trading.candles import CandleColumns


class Gaps(NamedTuple):
    """How many candles a window lacks, in how many places."""

    places: int = 0
    candles: int = 0

    @property
    def sentence(self) -> str:
        """Say it to a person; empty where nothing is missing."""
        if not self.candles:
            return ""
        what = "1 candle is" if self.candles == 1 else f"{self.candles:,} candles are"
        where = "1 place" if self.places == 1 else f"{self.places:,} places"
        return f"{what} missing in {where}"


def gaps_in(candles: CandleColumns, start_ms: int | None = None, end_ms: int | None = None) -> Gaps:
    """Return what is missing from ``start_ms`` to ``end_ms``, exclusive.

    Without them the window begins with the first candle and ends with the last. A window without
    any candle lacks nothing.
    """
    times, length = candles.open_time, candles.interval_ms
    # Sliced alone: a slice of all columns is validated again, which costs a pass over each.
    first = 0 if start_ms is None else int(np.searchsorted(times, start_ms))
    last = len(times) if end_ms is None else int(np.searchsorted(times, end_ms))
    times = times[first:last]
    if not len(times):
        return Gaps()
    before = 0 if start_ms is None else (int(times[0]) - start_ms) // length
    after = 0 if end_ms is None else (end_ms - int(times[-1]) - 1) // length
    inside = (int(times[-1]) - int(times[0])) // length + 1 - len(times)
    places = int(np.count_nonzero(np.diff(times) > length)) if inside else 0
    return Gaps(places + (before > 0) + (after > 0), inside + before + after)
