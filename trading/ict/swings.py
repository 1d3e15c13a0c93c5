"""Swings: alternating highs and lows that no candle nearby exceeds (kernels)."""

from __future__ import annotations

import math

from trading.ict.layout import (
    BEFORE,
    COUNT,
    COUNTER,
    COUNTER_FAR,
    COUNTER_ROW,
    LAST_KIND,
    LEFT,
    LEVEL,
    LOG_ROW,
    LOG_SWINGS,
    NAN,
    NONE,
    RIGHT,
    ROW,
    STANDING,
    STATUS,
    log_row,
    log_set,
    swing_at,
    window_at,
)
from trading.jit.kernel import Buffer, apart, kernel

# Fields of a logged swing.
SWING_SIDE = 0
SWING_ROW = 1
SWING_KNOWN = 2
SWING_LEVEL = 3
SWING_SUPERSEDED = 4
SWING_BROKEN = 5
SWING_WIDTH = 6


@kernel
def is_extreme(state: Buffer, first: int, span: int, row: int, left: int, right: int) -> bool:
    """Return whether no candle of the window at ``first`` reaches beyond the one of ``row``."""
    value = state[first + row % span]
    for k in range(1, right + 1):
        if state[first + (row + k) % span] > value:
            return False
    before = 1
    while before <= left and state[first + (row - before) % span] <= value:
        before += 1
    return before > left


@kernel
def find_swing(state: Buffer, at: int, high: float, low: float, log: Buffer) -> int:
    """Feed a candle and return the side of the swing that it confirms, 0 if none.

    A swing on the same side as the last one replaces it if it reaches further, and is ignored
    otherwise. A candle that is both extremes counts as a high.
    """
    left, right = int(state[at + LEFT]), int(state[at + RIGHT])
    now = int(state[at + COUNT])
    span = left + right + 1
    highs = window_at(state, at)
    lows = highs + span
    state[highs + now % span] = high
    state[lows + now % span] = -low
    if now < left + right:
        return 0
    row = now - right
    if is_extreme(state, highs, span, row, left, right):
        return take_swing(state, at, 1, highs, lows, row, log)
    if is_extreme(state, lows, span, row, left, right):
        return take_swing(state, at, -1, lows, highs, row, log)
    return 0


@apart
def take_swing(
    state: Buffer, at: int, side: int, own: int, opposite: int, row: int, log: Buffer
) -> int:
    """Keep the extreme of ``row`` as the last swing of its side, or ignore it; return its side."""
    right = int(state[at + RIGHT])
    span = int(state[at + LEFT]) + right + 1
    swing = swing_at(at, side)
    other = swing_at(at, -side)
    value = state[own + row % span]
    if state[at + LAST_KIND] == float(side):
        if value <= state[swing + LEVEL]:
            return 0
        log_set(log, state[swing + LOG_ROW], SWING_SUPERSEDED, state[at + COUNT])
    else:
        known = state[other + STATUS] != NONE
        state[swing + BEFORE] = -state[other + LEVEL] if known else NAN
    state[at + LAST_KIND] = float(side)
    state[swing + LEVEL] = value
    state[swing + ROW] = float(row)
    state[swing + STATUS] = STANDING
    state[swing + LOG_ROW] = log_swing(log, side, float(row), state[at + COUNT], side * value)
    state[swing + COUNTER] = math.inf
    for k in range(1, right + 1):
        i = (row + k) % span
        update_counter(state, swing, -state[opposite + i], state[own + i], float(row + k))
    return side


@kernel
def log_swing(log: Buffer, side: int, row: float, known: float, level: float) -> float:
    """Log a swing that has just been confirmed and return its row."""
    made = float(log_row(log, LOG_SWINGS))
    log_set(log, made, SWING_SIDE, float(side))
    log_set(log, made, SWING_ROW, row)
    log_set(log, made, SWING_KNOWN, known)
    log_set(log, made, SWING_LEVEL, level)
    log_set(log, made, SWING_SUPERSEDED, NAN)
    log_set(log, made, SWING_BROKEN, NAN)
    return made


@kernel
def update_counter(state: Buffer, swing: int, near: float, far: float, row: float) -> None:
    """Keep the candle that went furthest against the swing; the last one of equals."""
    if near <= state[swing + COUNTER]:
        state[swing + COUNTER] = near
        state[swing + COUNTER_FAR] = far
        state[swing + COUNTER_ROW] = row


@kernel
def update_counters(state: Buffer, at: int, high: float, low: float) -> None:
    """Compare a candle with the furthest one against the last swing of each side."""
    now = state[at + COUNT]
    update_counter(state, swing_at(at, 1), low, high, now)
    update_counter(state, swing_at(at, -1), -high, -low, now)
