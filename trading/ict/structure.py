"""Breaks of market structure, and the order blocks that they leave (kernels).

A break is a close beyond the last confirmed swing.
"""

from __future__ import annotations

from trading.ict.layout import (
    BEFORE,
    BLOCKS,
    BREAK_KIND,
    BREAK_ROW,
    BROKEN,
    COUNT,
    COUNTER,
    COUNTER_FAR,
    COUNTER_ROW,
    LEVEL,
    LOG_BLOCKS,
    LOG_BREAKS,
    LOG_ROW,
    NAN,
    ROW,
    STANDING,
    STATUS,
    TREND,
    VOLUME_1,
    VOLUME_2,
    NewZone,
    log_row,
    log_set,
    swing_at,
)
from trading.ict.swings import SWING_BROKEN
from trading.ict.zones import (
    BLOCK_AT,
    BLOCK_BOTTOM,
    BLOCK_BROKEN,
    BLOCK_KNOWN,
    BLOCK_MITIGATED,
    BLOCK_SIDE,
    BLOCK_TOP,
    BLOCK_VOID,
    BLOCK_VOLUME,
    add_zone,
)
from trading.jit.kernel import Buffer, apart, kernel

# Fields of a logged break.
BREAK_SIDE = 0
BREAK_AT = 1
BREAK_KNOWN = 2
BREAK_LEVEL = 3
BREAK_KIND_OF = 4
BREAK_UNDERCUT = 5
BREAK_WIDTH = 6

WITH_TREND = 1.0
AGAINST_TREND = 2.0


@kernel
def find_breaks(state: Buffer, at: int, close: float, volume: float, log: Buffer) -> None:
    """Break the last swings that this close lies beyond; a swing breaks once."""
    for side in (1, -1):
        swing = swing_at(at, side)
        if state[swing + STATUS] == STANDING and side * close > state[swing + LEVEL]:
            state[swing + STATUS] = BROKEN
            log_set(log, state[swing + LOG_ROW], SWING_BROKEN, state[at + COUNT])
            record_break(state, at, side, swing, log)
            leave_block(state, at, side, swing, volume, log)


@apart
def record_break(state: Buffer, at: int, side: int, swing: int, log: Buffer) -> None:
    """Record a break: one with the trend continues it, one against it reverses it.

    ``BREAK_UNDERCUT`` tells whether price first went beyond the opposite swing before the broken
    one (a lower low before a higher high).
    """
    against = state[at + TREND] == float(-side)
    state[at + TREND] = float(side)
    state[at + BREAK_ROW] = state[at + COUNT]
    state[at + BREAK_KIND] = AGAINST_TREND if against else WITH_TREND
    undercut = NAN
    if state[swing + BEFORE] == state[swing + BEFORE]:
        undercut = 1.0 if state[swing + COUNTER] < state[swing + BEFORE] else 0.0
    row = float(log_row(log, LOG_BREAKS))
    log_set(log, row, BREAK_SIDE, float(side))
    log_set(log, row, BREAK_AT, state[swing + ROW])
    log_set(log, row, BREAK_KNOWN, state[at + COUNT])
    log_set(log, row, BREAK_LEVEL, side * state[swing + LEVEL])
    log_set(log, row, BREAK_KIND_OF, state[at + BREAK_KIND])
    log_set(log, row, BREAK_UNDERCUT, undercut)


@apart
def leave_block(state: Buffer, at: int, side: int, swing: int, volume: float, log: Buffer) -> None:
    """Add the order block: the candle that went furthest against the move that broke the swing."""
    near, far = state[swing + COUNTER_FAR], state[swing + COUNTER]
    row = float(log_row(log, LOG_BLOCKS))
    log_set(log, row, BLOCK_SIDE, float(side))
    log_set(log, row, BLOCK_AT, state[swing + COUNTER_ROW])
    log_set(log, row, BLOCK_KNOWN, state[at + COUNT])
    log_set(log, row, BLOCK_TOP, near if side > 0 else -far)
    log_set(log, row, BLOCK_BOTTOM, far if side > 0 else -near)
    log_set(log, row, BLOCK_VOLUME, volume + state[at + VOLUME_1] + state[at + VOLUME_2])
    log_set(log, row, BLOCK_MITIGATED, NAN)
    log_set(log, row, BLOCK_BROKEN, NAN)
    log_set(log, row, BLOCK_VOID, NAN)
    add_zone(state, at, BLOCKS, side, NewZone(near, far, state[swing + COUNTER_ROW], row))
