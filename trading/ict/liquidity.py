"""Liquidity: pools of swings at about one price, and the wicks that sweep them (kernels).

A pool begins with one swing and counts from its second swing on. It ends when price reaches the
outer edge of its tolerance. A swing joins the oldest pool that fits it. What is known of a pool
does not change: a swing that joins or leaves makes a new version, known from then on. A sweep is a
wick beyond the outermost swing of a pool by a candle that closes back inside.
"""

from __future__ import annotations

import math

from trading.ict.layout import (
    COUNT,
    EDGE,
    END,
    LEVEL,
    LOG_POOLS,
    MAX_AGE,
    MEMBERS,
    NAN,
    OUTER,
    POOL_COUNT,
    POOL_HEAD,
    POOL_KNOWN,
    POOL_LOG,
    POOL_NEED,
    POOL_SIZE,
    POOLS,
    ROW,
    SEED,
    SEED_ROW,
    SUM,
    SWEPT,
    TAKEN,
    TOLERANCE_FIXED,
    TOLERANCE_SHARE,
    UNDO_EDGE,
    UNDO_END,
    UNDO_NEW,
    UNDO_ROW,
    UNDO_SUM,
    log_row,
    log_set,
    pool_book,
    sweep_at,
    swing_at,
)
from trading.indicators.comparison import above, exceeds
from trading.jit.kernel import Buffer, apart, kernel

# Fields of a logged pool.
POOL_SIDE = 0
POOL_AT = 1
POOL_FROM = 2
POOL_LEVEL = 3
POOL_END = 4
POOL_MEMBERS = 5
POOL_TAKEN = 6
POOL_SWEPT = 7
POOL_REPLACED = 8
POOL_WIDTH = 9


@kernel
def is_open(state: Buffer, at: int, pool: int) -> bool:
    """Return whether a pool counts: two or more swings, young, neither reached nor swept."""
    return (
        state[pool + MEMBERS] > 1.0
        and state[pool + TAKEN] < 0.0
        and state[pool + SWEPT] < 0.0
        and state[at + COUNT] - state[pool + SEED_ROW] <= state[at + MAX_AGE]
    )


@kernel
def update_need(state: Buffer, book: int) -> None:
    """Store the nearest price at which anything happens to a pool of this side."""
    need = math.inf
    for i in range(int(state[book + POOL_COUNT])):
        pool = book + POOL_HEAD + i * POOL_SIZE
        if state[pool + TAKEN] < 0.0:
            level = state[pool + OUTER]
            if state[pool + MEMBERS] > 1.0 and state[pool + SWEPT] < 0.0:
                level = state[pool + EDGE]
            if level < need:
                need = level
    state[book + POOL_NEED] = need


@apart
def visit_pools(state: Buffer, at: int, side: int, reach: float, close: float, log: Buffer) -> None:
    """Let one candle reach and sweep the pools of a side; prices are times the side."""
    book = pool_book(state, at, side)
    if exceeds(state[book + POOL_NEED], reach, abs(reach)):
        return
    now = state[at + COUNT]
    for i in range(int(state[book + POOL_COUNT])):
        pool = book + POOL_HEAD + i * POOL_SIZE
        if is_open(state, at, pool) and reach > state[pool + EDGE] and close < state[pool + EDGE]:
            state[pool + SWEPT] = now
            log_set(log, state[pool + POOL_LOG], POOL_SWEPT, now)
            sweep = sweep_at(at, side)
            state[sweep] = now
            state[sweep + 1] = side * reach
        if state[pool + TAKEN] < 0.0 and not above(state[pool + OUTER], reach):
            state[pool + TAKEN] = now
            log_set(log, state[pool + POOL_LOG], POOL_TAKEN, now)
    update_need(state, book)


@kernel
def copy_pool(state: Buffer, source: int, target: int) -> None:
    """Copy a pool."""
    for field in range(POOL_SIZE):
        state[target + field] = state[source + field]


@apart
def undo_last(state: Buffer, at: int, book: int, side: int, log: Buffer) -> None:
    """Remove the last swing of this side from its pool: one that reaches further replaces it."""
    row = state[book + UNDO_ROW]
    count = int(state[book + POOL_COUNT])
    for i in range(count - 1, -1, -1):
        pool = book + POOL_HEAD + i * POOL_SIZE
        if state[pool + SEED_ROW] != row:
            continue
        if state[book + UNDO_NEW] > 0.0:
            for k in range(i + 1, count):
                source = book + POOL_HEAD + k * POOL_SIZE
                copy_pool(state, source, source - POOL_SIZE)
            state[book + POOL_COUNT] = float(count - 1)
        else:
            state[pool + MEMBERS] -= 1.0
            state[pool + SUM] = state[book + UNDO_SUM]
            state[pool + END] = state[book + UNDO_END]
            state[pool + EDGE] = state[book + UNDO_EDGE]
            if state[pool + MEMBERS] > 1.0:
                log_version(state, at, pool, side, log)
            else:
                end_version(state, at, pool, log)
                state[pool + POOL_KNOWN] = -1.0
        return


@kernel
def end_version(state: Buffer, at: int, pool: int, log: Buffer) -> None:
    """Note that the logged version of a pool no longer holds."""
    if state[pool + POOL_KNOWN] >= 0.0:
        log_set(log, state[pool + POOL_LOG], POOL_REPLACED, state[at + COUNT])


@kernel
def log_version(state: Buffer, at: int, pool: int, side: int, log: Buffer) -> None:
    """Log a pool as it is known from this candle on; a second change on it is one version."""
    now = state[at + COUNT]
    if state[pool + POOL_KNOWN] != now:
        end_version(state, at, pool, log)
        state[pool + POOL_KNOWN] = now
        state[pool + POOL_LOG] = float(log_row(log, LOG_POOLS))
    row = state[pool + POOL_LOG]
    log_set(log, row, POOL_SIDE, float(side))
    log_set(log, row, POOL_AT, state[pool + SEED_ROW])
    log_set(log, row, POOL_FROM, now)
    log_set(log, row, POOL_TAKEN, state[pool + TAKEN] if state[pool + TAKEN] >= 0.0 else NAN)
    log_set(log, row, POOL_SWEPT, state[pool + SWEPT] if state[pool + SWEPT] >= 0.0 else NAN)
    log_set(log, row, POOL_REPLACED, NAN)
    log_set(log, row, POOL_LEVEL, side * (state[pool + SUM] / state[pool + MEMBERS]))
    log_set(log, row, POOL_END, state[pool + END])
    log_set(log, row, POOL_MEMBERS, state[pool + MEMBERS])


@kernel
def drop_old_pools(state: Buffer, at: int, book: int, row: float) -> None:
    """Drop pools that no swing from ``row`` on can join, and the oldest pool of a full book."""
    kept = 0
    count = int(state[book + POOL_COUNT])
    for i in range(count):
        pool = book + POOL_HEAD + i * POOL_SIZE
        taken = state[pool + TAKEN]
        old = state[at + COUNT] - state[pool + SEED_ROW] > state[at + MAX_AGE]
        full = i == 0 and count == int(state[at + POOLS])
        if old or full or (taken >= 0.0 and taken <= row):
            continue
        if kept != i:
            copy_pool(state, pool, book + POOL_HEAD + kept * POOL_SIZE)
        kept += 1
    state[book + POOL_COUNT] = float(kept)


@apart
def feed_pool(state: Buffer, at: int, side: int, replaces: bool, log: Buffer) -> None:
    """Add the last swing of ``side`` to a pool, or begin a new pool with it."""
    book = pool_book(state, at, side)
    swing = swing_at(at, side)
    level, row = state[swing + LEVEL], state[swing + ROW]
    if replaces:
        undo_last(state, at, book, side, log)
    drop_old_pools(state, at, book, row)
    count = int(state[book + POOL_COUNT])
    for i in range(count):
        pool = book + POOL_HEAD + i * POOL_SIZE
        lowest = state[pool + SEED] - reach_of(state, at, state[pool + SEED])
        if not above(lowest, level) and not above(level, state[pool + OUTER]):
            join_pool(state, at, book, pool, side, log)
            update_need(state, book)
            return
    begin_pool(state, at, book + POOL_HEAD + count * POOL_SIZE, level, row)
    state[book + POOL_COUNT] = float(count + 1)
    state[book + UNDO_ROW] = row
    state[book + UNDO_NEW] = 1.0
    update_need(state, book)


@kernel
def reach_of(state: Buffer, at: int, level: float) -> float:
    """Return how far around ``level`` a pool reaches, as a price distance."""
    return state[at + TOLERANCE_FIXED] + abs(level) * state[at + TOLERANCE_SHARE]


@kernel
def begin_pool(state: Buffer, at: int, pool: int, level: float, row: float) -> None:
    """Write a new pool of one swing."""
    state[pool + SEED] = level
    state[pool + SEED_ROW] = row
    state[pool + SUM] = level
    state[pool + MEMBERS] = 1.0
    state[pool + END] = row
    state[pool + EDGE] = level
    state[pool + TAKEN] = -1.0
    state[pool + SWEPT] = -1.0
    state[pool + POOL_KNOWN] = -1.0
    state[pool + POOL_LOG] = -1.0
    state[pool + OUTER] = level + reach_of(state, at, level)


@kernel
def join_pool(state: Buffer, at: int, book: int, pool: int, side: int, log: Buffer) -> None:
    """Add the last swing of ``side`` to a pool, which is known from its second swing on."""
    swing = swing_at(at, side)
    level = state[swing + LEVEL]
    state[book + UNDO_ROW] = state[pool + SEED_ROW]
    state[book + UNDO_NEW] = 0.0
    state[book + UNDO_SUM] = state[pool + SUM]
    state[book + UNDO_END] = state[pool + END]
    state[book + UNDO_EDGE] = state[pool + EDGE]
    state[pool + SUM] += level
    state[pool + MEMBERS] += 1.0
    state[pool + END] = state[swing + ROW]
    if level > state[pool + EDGE]:
        state[pool + EDGE] = level
    log_version(state, at, pool, side, log)


@apart
def nearest_pool(state: Buffer, at: int, side: int, price: float) -> float:
    """Return the price of the nearest open pool beyond ``price`` on its side; NaN if none."""
    book = pool_book(state, at, side)
    found = NAN
    for i in range(int(state[book + POOL_COUNT])):
        pool = book + POOL_HEAD + i * POOL_SIZE
        if not is_open(state, at, pool):
            continue
        level = state[pool + SUM] / state[pool + MEMBERS]
        if above(level, side * price) and not level >= side * found:
            found = side * level
    return found
