"""The condition sets of 1m, 3m and 15m, with one predicate per condition (kernels).

MA is the simple mean of closes. A golden cross is a fast line that was not above the slow one on
the candle before and is above it now; a dead cross is its mirror. A spread is the distance of two
lines as a share of the slow one. A condition on unknown values is not met.
"""

from __future__ import annotations

import math

from trading.indicators.comparison import above, sign
from trading.indicators.windows import moments_size, moments_step
from trading.jit.kernel import Buffer, apart, kernel
from trading.strategies.surge.layout import (
    BAND,
    BAND_CROSS,
    BAND_SPAN,
    BAND_WIDTH,
    BEFORE,
    DAILY_BARS,
    ENTRY_CROSS,
    FALLS,
    KNOWN,
    LONG,
    LONG_BAND,
    LONG_BAND_WIDTH,
    LONG_SPAN,
    M1_BAND_BARS,
    M1_BAND_SPREAD,
    M1_COMPOUND_BARS,
    M1_COMPOUND_DOWN,
    M1_ENTRY_BARS,
    M1_ENTRY_DOWN,
    M1_PULLBACK_BARS,
    M1_SPREAD,
    M1_TREND_BARS,
    M3_BAND_BARS,
    M3_BAND_SPREAD,
    M3_ENTRY_BARS,
    M3_FILTER,
    M3_FILTER_BARS,
    M3_FILTER_BELOW,
    M3_NEAR,
    M3_PULLBACK_BARS,
    M3_TREND_BARS,
    M15_BAND_BARS,
    M15_FALLS,
    M15_NEAR,
    M15_TREND_BARS,
    M15_TREND_SPREAD,
    MIDDLE,
    MIDDLE_SPAN,
    MOST_BARS,
    NEAR,
    PULLBACK_CROSS,
    QUICK,
    QUICK_SPAN,
    SHORT,
    SHORT_SPAN,
    SINCE_DOWN,
    SINCE_UP,
    TREND_CROSS,
    WINDOWS,
)


@kernel
def one_later(since: float) -> float:
    """Return a count of candles, one candle later; 0 is never, as is a count above the limit."""
    if since == 0.0 or since >= MOST_BARS:
        return 0.0
    return since + 1.0


@kernel
def cross_step(state: Buffer, at: int, fast: float, slow: float) -> None:
    """Feed the two lines of one candle."""
    difference = sign(fast - slow, max(abs(fast), abs(slow)))
    up, down = one_later(state[at + SINCE_UP]), one_later(state[at + SINCE_DOWN])
    if state[at + KNOWN] > 0.0:
        before = state[at + BEFORE]
        if difference > 0.0 and before <= 0.0:
            up = 1.0
        elif difference < 0.0 and before >= 0.0:
            down = 1.0
    state[at + SINCE_UP] = up
    state[at + SINCE_DOWN] = down
    state[at + KNOWN] = 1.0 if fast == fast and slow == slow else 0.0
    state[at + BEFORE] = difference


@kernel
def within(since: float, bars: float) -> bool:
    """Return whether something happened within the last ``bars`` candles, this one included."""
    return 0.0 < since <= bars


@kernel
def golden(state: Buffer, cross: int, bars: float) -> bool:
    """Return whether there was a golden cross within ``bars`` candles."""
    return within(state[cross + SINCE_UP], bars)


@kernel
def dead(state: Buffer, cross: int, bars: float) -> bool:
    """Return whether there was a dead cross within ``bars`` candles."""
    return within(state[cross + SINCE_DOWN], bars)


@kernel
def spread(fast: float, slow: float) -> float:
    """Return the distance of two lines as a share of the slow one."""
    return abs(fast - slow) / slow


@apart
def follow(state: Buffer, at: int, par: Buffer, turn: int, close: float) -> None:
    """Feed one closed candle of a timeframe to its means, bands and crosses."""
    short_span, quick_span = int(par[SHORT_SPAN]), int(par[QUICK_SPAN])
    middle_span, long_span = int(par[MIDDLE_SPAN]), int(par[LONG_SPAN])
    window = at + WINDOWS
    short, _ = moments_step(state, window, short_span, turn, close)
    window += moments_size(short_span)
    quick, _ = moments_step(state, window, quick_span, turn, close)
    window += moments_size(quick_span)
    middle, _ = moments_step(state, window, middle_span, turn, close)
    window += moments_size(middle_span)
    long, long_variance = moments_step(state, window, long_span, turn, close)
    window += moments_size(long_span)
    band, variance = moments_step(state, window, int(par[BAND_SPAN]), turn, close)
    before = state[at + QUICK]
    if before > 0.0 and above(before, quick):
        state[at + FALLS] = min(state[at + FALLS] + 1.0, float(MOST_BARS))
    else:
        state[at + FALLS] = 0.0
    state[at + SHORT] = short
    state[at + QUICK] = quick
    state[at + MIDDLE] = middle
    state[at + LONG] = long
    state[at + BAND] = band + par[BAND_WIDTH] * math.sqrt(variance)
    state[at + LONG_BAND] = long + par[LONG_BAND_WIDTH] * math.sqrt(long_variance)
    cross_step(state, at + ENTRY_CROSS, short, quick)
    cross_step(state, at + PULLBACK_CROSS, quick, middle)
    cross_step(state, at + TREND_CROSS, middle, long)
    cross_step(state, at + BAND_CROSS, state[at + BAND], state[at + LONG_BAND])
    state[at + NEAR] = one_later(state[at + NEAR])
    known = middle == middle and long == long
    if known and not above(long * (1.0 - par[M3_FILTER_BELOW]), middle):
        state[at + NEAR] = 1.0


# The 1-minute set


@kernel
def m1_trend(state: Buffer, at: int, par: Buffer) -> bool:
    """Return whether MA80 is above MA480, or crossed above it."""
    higher = above(state[at + MIDDLE], state[at + LONG])
    return higher or golden(state, at + TREND_CROSS, par[M1_TREND_BARS])


@kernel
def m1_distance(state: Buffer, at: int, par: Buffer) -> bool:
    """Return whether MA80 is far enough from MA480."""
    return spread(state[at + MIDDLE], state[at + LONG]) >= par[M1_SPREAD]


@kernel
def m1_bands(state: Buffer, at: int, par: Buffer) -> bool:
    """Return whether the upper band BB200 crossed above BB480, or is near it."""
    near = spread(state[at + BAND], state[at + LONG_BAND]) <= par[M1_BAND_SPREAD]
    return near or golden(state, at + BAND_CROSS, par[M1_BAND_BARS])


@kernel
def m1_pullback(state: Buffer, at: int, par: Buffer) -> bool:
    """Return whether MA20 crossed below MA80."""
    return dead(state, at + PULLBACK_CROSS, par[M1_PULLBACK_BARS])


@kernel
def m1_entry(state: Buffer, at: int, par: Buffer, first: float, close: float) -> bool:
    """Return whether MA5 crossed above MA20 while below MA80, on a falling candle."""
    falls = close < first or par[M1_ENTRY_DOWN] == 0.0
    below = above(state[at + MIDDLE], state[at + SHORT])
    return falls and below and golden(state, at + ENTRY_CROSS, par[M1_ENTRY_BARS])


@kernel
def m1_daily(since: float, par: Buffer) -> bool:
    """Return whether a daily candle rose enough; ``since`` counts the days."""
    return within(since, par[DAILY_BARS])


@kernel
def m1_compound(state: Buffer, at: int, par: Buffer, first: float, close: float) -> bool:
    """Return whether the compound condition is met; its source reads like the entry point."""
    falls = close < first or par[M1_COMPOUND_DOWN] == 0.0
    below = above(state[at + MIDDLE], state[at + SHORT])
    return falls and below and golden(state, at + ENTRY_CROSS, par[M1_COMPOUND_BARS])


@apart
def m1_conditions(
    state: Buffer, at: int, par: Buffer, daily_since: float, first: float, close: float
) -> int:
    """Return the conditions of the 1-minute set as bits."""
    met = 1 if m1_trend(state, at, par) else 0
    met += 2 if m1_distance(state, at, par) else 0
    met += 4 if m1_bands(state, at, par) else 0
    met += 8 if m1_pullback(state, at, par) else 0
    met += 16 if m1_entry(state, at, par, first, close) else 0
    met += 32 if m1_daily(daily_since, par) else 0
    met += 64 if m1_compound(state, at, par, first, close) else 0
    return met


# The 3-minute set


@kernel
def m3_trend(state: Buffer, at: int, par: Buffer) -> bool:
    """Return whether MA80 crossed above MA480."""
    return golden(state, at + TREND_CROSS, par[M3_TREND_BARS])


@kernel
def m3_bands(state: Buffer, at: int, par: Buffer) -> bool:
    """Return whether the upper band BB200 crossed above BB480, or is near it."""
    near = spread(state[at + BAND], state[at + LONG_BAND]) <= par[M3_BAND_SPREAD]
    return near or golden(state, at + BAND_CROSS, par[M3_BAND_BARS])


@kernel
def m3_pullback(state: Buffer, at: int, par: Buffer) -> bool:
    """Return whether MA20 crossed below MA80."""
    return dead(state, at + PULLBACK_CROSS, par[M3_PULLBACK_BARS])


@kernel
def m3_height(state: Buffer, at: int, par: Buffer) -> bool:
    """Return whether MA5 is above MA480, or near it."""
    short, long = state[at + SHORT], state[at + LONG]
    return above(short, long) or spread(short, long) <= par[M3_NEAR]


@kernel
def m3_entry(state: Buffer, at: int, par: Buffer) -> bool:
    """Return whether MA5 crossed above MA20."""
    return golden(state, at + ENTRY_CROSS, par[M3_ENTRY_BARS])


@kernel
def m3_filter(state: Buffer, at: int, par: Buffer) -> bool:
    """Return whether MA80 was recently above MA480, or not far below it."""
    return within(state[at + NEAR], par[M3_FILTER_BARS])


@apart
def m3_conditions(state: Buffer, at: int, par: Buffer) -> int:
    """Return the conditions of the 3-minute set as bits; the last bit is that of its filter."""
    met = 1 if m3_trend(state, at, par) else 0
    met += 2 if m3_bands(state, at, par) else 0
    met += 4 if m3_pullback(state, at, par) else 0
    met += 8 if m3_height(state, at, par) else 0
    met += 16 if m3_entry(state, at, par) else 0
    met += 32 if par[M3_FILTER] == 0.0 or m3_filter(state, at, par) else 0
    return met


# The 15-minute set


@kernel
def m15_trend(state: Buffer, at: int, par: Buffer) -> bool:
    """Return whether MA80 crossed above MA480, or is below and near it."""
    middle, long = state[at + MIDDLE], state[at + LONG]
    near = above(long, middle) and spread(middle, long) <= par[M15_TREND_SPREAD]
    return near or golden(state, at + TREND_CROSS, par[M15_TREND_BARS])


@kernel
def m15_height(state: Buffer, at: int, par: Buffer) -> bool:
    """Return whether MA5 is above MA480, or near it."""
    short, long = state[at + SHORT], state[at + LONG]
    return above(short, long) or spread(short, long) <= par[M15_NEAR]


@kernel
def m15_bands(state: Buffer, at: int, par: Buffer) -> bool:
    """Return whether the upper band BB200 crossed above BB480."""
    return golden(state, at + BAND_CROSS, par[M15_BAND_BARS])


@kernel
def m15_falling(state: Buffer, at: int, par: Buffer) -> bool:
    """Return whether MA20 fell often enough in a row."""
    return state[at + FALLS] >= par[M15_FALLS]


@apart
def m15_conditions(state: Buffer, at: int, par: Buffer) -> int:
    """Return the conditions of the 15-minute set as bits."""
    met = 1 if m15_trend(state, at, par) else 0
    met += 2 if m15_height(state, at, par) else 0
    met += 4 if m15_bands(state, at, par) else 0
    met += 8 if m15_falling(state, at, par) else 0
    return met
