"""How alike symbols have moved lately, for the limit on positions that are the same bet."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from trading.candles import DAY_MS, HOUR_MS, CandleColumns, Floats, Integers

WINDOW_DAYS = 30
LEAST_DAYS = 7
"""Days of common returns in the window that two symbols need to have a correlation."""


def daily_correlations(candles: Sequence[CandleColumns], days: Integers) -> Floats:
    """Correlation of each pair of ``candles`` as known at the start of each of ``days``.

    ``days`` are UTC days since 1970, ascending; the result is ``[day, symbol, symbol]``. A value is
    Pearson's, of the hourly log returns (of the candles' own interval where that is longer) of the
    :data:`WINDOW_DAYS` days before, over the hours that both symbols have; NaN where there are too
    few or a price did not move. Nothing that closes after the start of the day is used.
    """
    period = max(HOUR_MS, max(c.interval_ms for c in candles))
    first = min(int(c.open_time[0]) for c in candles) // period * period
    first = max(first, (int(days[0]) - WINDOW_DAYS) * DAY_MS // period * period - period)
    last = int(days[-1]) * DAY_MS
    count = max((last - first) // period, 0)
    returns = np.stack([_returns(c, first, period, count) for c in candles], axis=1)
    ends = first + period * np.arange(1, count + 1, dtype=np.int64)
    least = LEAST_DAYS * DAY_MS // period
    found = np.empty((len(days), len(candles), len(candles)))
    for place, day in enumerate((days * DAY_MS).tolist()):
        start = np.searchsorted(ends, day - WINDOW_DAYS * DAY_MS, "right")
        stop = np.searchsorted(ends, day, "right")
        found[place] = correlations(returns[start:stop], least)
    return found


def _returns(candles: CandleColumns, first: int, period: int, count: int) -> Floats:
    """Log returns of the ``count`` periods from ``first`` (ms) on; NaN where a close is missing."""
    place = (candles.open_time - first) // period
    inside = (place >= 0) & (place < count)
    closes = np.full(count, np.nan)
    closes[place[inside]] = candles.close[inside]  # the last one in a period wins
    found = np.full(count, np.nan)
    if count > 1:
        found[1:] = np.diff(np.log(closes))
    return found


def correlations(returns: Floats, least: int) -> Floats:
    """Pearson correlation of each pair of columns of ``returns``, over the rows that both have.

    NaN for pairs with fewer than ``least`` such rows, or with a column that did not vary.
    """
    known = np.isfinite(returns)
    rows = known.astype(np.float64)
    values = np.where(known, returns, 0.0)
    # Deviations from each column's own mean keep the sums below free of cancellation.
    values = np.where(known, values - values.sum(0) / np.maximum(rows.sum(0), 1.0), 0.0)
    count = rows.T @ rows
    sums = values.T @ rows  # of a column, over the rows of each other one
    squares = (values * values).T @ rows
    shared = np.maximum(count, 1.0)
    product = values.T @ values - sums * sums.T / shared
    spread = squares - sums * sums / shared
    scale = np.sqrt(np.maximum(spread, 0.0) * np.maximum(spread.T, 0.0))
    moved = (count >= max(least, 2)) & (scale > 0.0)
    found: Floats = np.full(count.shape, np.nan)
    np.divide(product, scale, out=found, where=moved)
    np.clip(found, -1.0, 1.0, out=found)
    return found
