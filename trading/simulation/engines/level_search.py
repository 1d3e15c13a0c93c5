"""Extremes of blocks of candles and days, and the first candle that touches a level (kernels)."""

from __future__ import annotations

from trading.jit.kernel import Buffer, kernel
from trading.market.rows import BLOCK, WIDE, Extremes, Rows
from trading.positions.position import (
    BEST,
    DAY_END,
    END_OF_DATA,
    NO_EXIT,
    OFF,
    TRAIL,
)
from trading.simulation.engines.plain_trades import calm_range, row_exit
from trading.simulation.engines.trade_log import day_horizon
from trading.simulation.layout import Horizons, TradingWindow
from trading.simulation.signals import ends_day


@kernel
def fill_extremes(lows: Buffer, highs: Buffer, block: int, least: Buffer, most: Buffer) -> None:
    """Write the least of ``lows`` and most of ``highs`` in each block; the last may be shorter."""
    for b in range(len(least)):
        start = b * block
        low = lows[start]
        high = highs[start]
        for i in range(start + 1, min(start + block, len(lows))):
            low = min(low, lows[i])
            high = max(high, highs[i])
        least[b] = low
        most[b] = high


@kernel
def extremes_between(rows: Rows, extremes: Extremes, first: int, last: int) -> tuple[float, float]:
    """Lowest low and highest high of rows ``first`` to ``last``."""
    low, high = rows.lows[first], rows.highs[first]
    i = first + 1
    while i <= last:
        if i % BLOCK == 0 and i + BLOCK - 1 <= last:
            low = min(low, extremes.least[i // BLOCK])
            high = max(high, extremes.most[i // BLOCK])
            i += BLOCK
        else:
            low = min(low, rows.lows[i])
            high = max(high, rows.highs[i])
            i += 1
    return low, high


@kernel
def fill_days(rows: Rows, extremes: Extremes) -> None:
    """Write the extremes of each day, and from each block to the end of the day it starts in."""
    days = extremes.days
    for d in range(len(extremes.day_low)):
        low, high = extremes_between(rows, extremes, days[d], days[d + 1] - 1)
        extremes.day_low[d] = low
        extremes.day_high[d] = high
    d = len(days) - 2
    for b in range(len(extremes.least) - 1, -1, -1):
        start = b * BLOCK
        while days[d] > start:
            d -= 1
        end = days[d + 1] - 1
        if end >= start + BLOCK:
            extremes.rest_least[b] = min(extremes.least[b], extremes.rest_least[b + 1])
            extremes.rest_most[b] = max(extremes.most[b], extremes.rest_most[b + 1])
        else:
            low, high = extremes_between(rows, extremes, start, end)
            extremes.rest_least[b] = low
            extremes.rest_most[b] = high


@kernel
def split_found(
    found: list[int],
    found_of: list[int],
    total: int,
    firsts: list[int],
    entries: list[int],
) -> None:
    """Sort rows found in order of time into their sets.

    ``firsts`` is where each set starts; it is moved to the set's end.
    """
    for f in range(total):
        k = found_of[f]
        entries[firsts[k]] = found[f]
        firsts[k] += 1


@kernel
def fill_horizons(
    rows: Rows, extremes: Extremes, entries: list[int], window: TradingWindow, horizons: Horizons
) -> None:
    """Write how each of ``entries`` of a day-bound strategy ends if no level is touched."""
    days = extremes.days
    d, first = 0, 0
    while first < len(entries):
        while days[d + 1] <= entries[first] + 1:
            d += 1
        last = days[d + 1] - 1
        end = day_horizon(rows, last, window.base_ms)
        code = DAY_END if end == last else NO_EXIT
        if end > window.last or not (end > last or ends_day(rows, end, window.base_ms)):
            end, code = min(end, window.last), END_OF_DATA
        after = first
        while after < len(entries) and entries[after] + 1 < days[d + 1]:
            after += 1
        following = after
        while following < len(entries) and entries[following] <= end:
            following += 1
        for s in range(first, after):
            horizons.ends[s] = end
            horizons.codes[s] = code
            horizons.following[s] = following
            horizons.low[s] = OFF
        first = after


@kernel
def measure_horizon(rows: Rows, extremes: Extremes, row: int, horizons: Horizons, s: int) -> None:
    """Write the extremes of ``row``, on which entry ``s`` fills, to its end."""
    end = horizons.ends[s]
    if horizons.codes[s] == END_OF_DATA:  # the window may end before the day
        low, high = extremes_between(rows, extremes, row, end)
    else:
        if horizons.codes[s] == NO_EXIT:
            end -= 1
        low, high = rows.lows[row], rows.highs[row]
        boundary = (row + BLOCK) // BLOCK * BLOCK
        for i in range(row + 1, min(boundary, end + 1)):
            low = min(low, rows.lows[i])
            high = max(high, rows.highs[i])
        if boundary <= end:
            low = min(low, extremes.rest_least[boundary // BLOCK])
            high = max(high, extremes.rest_most[boundary // BLOCK])
    horizons.low[s] = low
    horizons.high[s] = high


@kernel
def first_touch(
    rows: Rows, extremes: Extremes, start: int, stop: int, lower: float, upper: float
) -> int:
    """Return the first row of ``start`` to ``stop`` with a low <= ``lower`` or a high >= ``upper``.

    ``stop + 1`` if there is none. A level that is off is NaN. Blocks that reach beyond ``stop``
    are skipped only when untouched.
    """
    i = start
    while i <= stop:
        if i % WIDE == 0 and not (
            extremes.wide_least[i // WIDE] <= lower or extremes.wide_most[i // WIDE] >= upper
        ):
            i += WIDE
        elif i % BLOCK == 0 and not (
            extremes.least[i // BLOCK] <= lower or extremes.most[i // BLOCK] >= upper
        ):
            i += BLOCK
        elif rows.lows[i] <= lower or rows.highs[i] >= upper:
            return i
        else:
            i += 1
    return stop + 1


@kernel
def touch_row(position: Buffer, rows: Rows, extremes: Extremes, start: int, stop: int) -> int:
    """Return the first row of ``start`` to ``stop`` on which a level ends a plain position.

    ``stop + 1`` if there is none. Only candles that leave the calm range are checked. The state is
    left as it was before the row, so that the row can be checked again.
    """
    i = start
    while i <= stop:
        lower, upper = calm_range(position)
        i = first_touch(rows, extremes, i, stop, lower, upper)
        if i > stop or not position[TRAIL] > 0.0:
            return i
        best = position[BEST]
        if row_exit(position, rows, i, 0, False, False) != NO_EXIT:
            position[BEST] = best
            return i
        i += 1
    return stop + 1
