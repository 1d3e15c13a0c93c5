"""Incremental measures of the last few candles: rate of change, rank, mean price by volume.

They follow the rules of ``trading.indicators.core``: ``<name>_size(...)`` floats of zeroed state,
one ``<name>_step`` a closed candle, NaN until it has seen enough candles. Sums start at fixed
times, those of a day at 00:00 UTC, so no value depends on where the history starts.

Sources: bandwidth by John Bollinger (1992); volume-weighted average price by Stephen Berkowitz,
Dennis Logue and Eugene Noser (1988).
"""

from __future__ import annotations

import math

from trading.candles import DAY_MS
from trading.indicators.windows import COUNT, OLDEST, moments_size, moments_step, ring_push
from trading.jit.kernel import Buffer, kernel

NAN = math.nan

VALUES = 2
"""Where the values start in a window: after their count and the place of the oldest."""


@kernel
def bollinger_width(lower: float, middle: float, upper: float) -> float:
    """Distance of the bands as a share of the middle."""
    return (upper - lower) / middle


@kernel
def roc_size(span: int) -> int:
    """Floats of state: the window."""
    return VALUES + span


@kernel
def window_push(state: Buffer, at: int, span: int, value: float) -> bool:
    """Replace the oldest value of the window by ``value``; whether the window is full."""
    ring_push(state, at, VALUES, span, value)
    return state[at + COUNT] >= span


@kernel
def roc_step(state: Buffer, at: int, span: int, value: float) -> float:
    """Rate of change over ``span`` candles, a share: 0.01 is a rise of one percent."""
    before = state[at + VALUES + int(state[at + OLDEST])]
    full = state[at + COUNT] >= span
    window_push(state, at, span, value)
    if not full:
        return NAN
    return (value - before) / before


@kernel
def rank_size(span: int) -> int:
    """Floats of state: the window in the order of time, then in the order of size."""
    return VALUES + 2 * span


@kernel
def place_among(state: Buffer, first: int, count: int, value: float) -> int:
    """How many of ``count`` ascending numbers from ``first`` on lie below ``value``."""
    low = 0
    high = count
    while low < high:
        middle = (low + high) // 2
        if state[first + middle] < value:
            low = middle + 1
        else:
            high = middle
    return low


@kernel
def rank_step(state: Buffer, at: int, span: int, value: float) -> float:
    """Share of the last ``span`` values, ``value`` among them, that lie below ``value``.

    0.9 or more is the top decile: with 100 different values, the 10 largest. The median is 0.5.
    Places are found by bisection; the values between the old place and the new one move by one. No
    value may be NaN.
    """
    known = min(int(state[at + COUNT]), span)
    first = at + VALUES + span
    gone = known
    if known == span:
        gone = place_among(state, first, known, state[at + VALUES + int(state[at + OLDEST])])
    below = place_among(state, first, known, value)
    if below > gone:
        below -= 1
        for i in range(first + gone, first + below):
            state[i] = state[i + 1]
    else:
        for i in range(first + gone, first + below, -1):
            state[i] = state[i - 1]
    state[first + below] = value
    if not window_push(state, at, span, value):
        return NAN
    return below / span


def day_vwap_size() -> int:
    """Floats of state: day, sum of price times volume, sum of volume, whether it is whole."""
    return 4


@kernel
def day_vwap_step(state: Buffer, at: int, open_time: int, price: float, volume: float) -> float:
    """Mean price by volume since 00:00 UTC of the candle's day; NaN before the first trade.

    It is NaN all day if the candles begin inside the day.
    """
    day = float(open_time // DAY_MS + 1)  # days count from 1: a zeroed state has seen none
    if day != state[at]:
        state[at + 3] = 1.0 if state[at] > 0.0 or open_time % DAY_MS == 0 else 0.0
        state[at] = day
        state[at + 1] = 0.0
        state[at + 2] = 0.0
    state[at + 1] += price * volume
    state[at + 2] += volume
    if state[at + 2] > 0.0 and state[at + 3] > 0.0:
        return state[at + 1] / state[at + 2]
    return NAN


@kernel
def vwap_size(span: int) -> int:
    """Floats of state: two windows."""
    return 2 * moments_size(span)


@kernel
def vwap_step(state: Buffer, at: int, span: int, turn: int, price: float, volume: float) -> float:
    """Mean price by volume of the last ``span`` candles; NaN if nothing was traded in them.

    ``turn`` is the candle's open time in candle lengths.
    """
    spent, _ = moments_step(state, at, span, turn, price * volume)
    traded, _ = moments_step(state, at + moments_size(span), span, turn, volume)
    if traded > 0.0:
        return spent / traded
    return NAN
