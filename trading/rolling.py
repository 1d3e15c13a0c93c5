"""Incremental measures of the last few candles: rate of change, rank, mean price by volume.

They follow the rules of ``trading.indicators``: ``<name>_size(...)`` floats of zeroed state, one
``<name>_step`` a closed candle, NaN until enough candles were seen. Windows are added afresh,
oldest first, and a day's sums begin at 00:00 UTC, so no value depends on where the history began.

Sources: bandwidth by John Bollinger (1992); volume-weighted average price by Stephen Berkowitz,
Dennis Logue and Eugene Noser (1988).
"""

from __future__ import annotations

import math

from trading.candles import DAY_MS
from trading.indicators import window_mean, window_push
from trading.kernel import Buffer, kernel

NAN = math.nan


@kernel
def bollinger_width(lower: float, middle: float, upper: float) -> float:
    """Distance of the bands as a share of the middle."""
    return (upper - lower) / middle


def roc_size(span: int) -> int:
    """Floats of state: the window."""
    return 2 + span


@kernel
def roc_step(state: Buffer, at: int, span: int, value: float) -> float:
    """Rate of change over ``span`` candles, a share: 0.01 is a rise of one percent."""
    before = state[at + 2 + int(state[at + 1])]
    full = state[at] >= span
    window_push(state, at, span, value)
    if not full:
        return NAN
    return (value - before) / before


def rank_size(span: int) -> int:
    """Floats of state: the window."""
    return 2 + span


@kernel
def rank_step(state: Buffer, at: int, span: int, value: float) -> float:
    """Share of the last ``span`` values, ``value`` among them, that lie below ``value``.

    0.9 or more is the top decile: with 100 different values, the 10 largest. The median is 0.5.
    """
    if not window_push(state, at, span, value):
        return NAN
    below = 0.0
    for i in range(span):
        if state[at + 2 + i] < value:
            below += 1.0
    return below / span


def day_vwap_size() -> int:
    """Floats of state: day, sum of price times volume, sum of volume."""
    return 3


@kernel
def day_vwap_step(state: Buffer, at: int, open_time: int, price: float, volume: float) -> float:
    """Mean price by volume since 00:00 UTC of the candle's day; NaN while nothing was traded."""
    day = float(open_time // DAY_MS + 1)  # days count from 1: a zeroed state has seen none
    if day != state[at]:
        state[at] = day
        state[at + 1] = 0.0
        state[at + 2] = 0.0
    state[at + 1] += price * volume
    state[at + 2] += volume
    if state[at + 2] > 0.0:
        return state[at + 1] / state[at + 2]
    return NAN


def vwap_size(span: int) -> int:
    """Floats of state: two windows."""
    return 2 * (2 + span)


@kernel
def vwap_step(state: Buffer, at: int, span: int, price: float, volume: float) -> float:
    """Mean price by volume of the last ``span`` candles; NaN while nothing was traded in them."""
    full = window_push(state, at, span, price * volume)
    window_push(state, at + 2 + span, span, volume)
    if not full:
        return NAN
    traded = window_mean(state, at + 2 + span, span)
    if traded > 0.0:
        return window_mean(state, at, span) / traded
    return NAN
