"""Zones from birth to end: fair value gaps, order blocks and breaker blocks (kernels).

The zones of one kind and side lie in a book, sorted by the edge that price meets first, nearest
last. A candle visits only the zones that it reaches, so its cost grows with what it changes.
"""

from __future__ import annotations

from trading.ict.layout import (
    AT,
    BLOCKS,
    BREAKERS,
    BY_WICK,
    CLOSE_1,
    COUNT,
    DEEPEST,
    ENTRIES,
    FAR,
    GAPS,
    HIGH_2,
    KNOWN,
    LOG_GAPS,
    LOW_2,
    MAX_AGE,
    NAN,
    NEAR,
    NEW_FAR,
    NEW_GAP,
    NEW_NEAR,
    OPEN_1,
    TOUCHED,
    TOUCHES,
    ZONE_LOG,
    ZONE_SIZE,
    ZONES,
    NewZone,
    log_row,
    log_set,
    zone_book,
)
from trading.jit.kernel import Buffer, apart, kernel
from trading.market.rows import Bar

# Fields of a logged gap.
GAP_SIDE = 0
GAP_AT = 1
GAP_KNOWN = 2
GAP_TOP = 3
GAP_BOTTOM = 4
GAP_TOUCHED = 5
GAP_FILLED = 6
GAP_SHARE = 7
GAP_WIDTH = 8

# Fields of a logged order block.
BLOCK_SIDE = 0
BLOCK_AT = 1
BLOCK_KNOWN = 2
BLOCK_TOP = 3
BLOCK_BOTTOM = 4
BLOCK_VOLUME = 5
BLOCK_MITIGATED = 6
BLOCK_BROKEN = 7
BLOCK_VOID = 8
BLOCK_WIDTH = 9


@kernel
def copy_zone(state: Buffer, source: int, target: int) -> None:
    """Copy a zone."""
    for field in range(ZONE_SIZE):
        state[target + field] = state[source + field]


@apart
def add_zone(state: Buffer, at: int, book: int, side: int, added: NewZone) -> None:
    """Add a zone that this candle made known to its book; a full book drops the farthest."""
    near = added.near
    first = zone_book(state, at, book, side)
    count = int(state[first])
    if count == int(state[at + ZONES]):
        if near <= state[first + 1 + NEAR]:
            return
        for i in range(1, count):
            copy_zone(state, first + 1 + i * ZONE_SIZE, first + 1 + (i - 1) * ZONE_SIZE)
        count -= 1
    place = count
    while place > 0 and state[first + 1 + (place - 1) * ZONE_SIZE + NEAR] > near:
        copy_zone(state, first + 1 + (place - 1) * ZONE_SIZE, first + 1 + place * ZONE_SIZE)
        place -= 1
    zone = first + 1 + place * ZONE_SIZE
    state[zone + NEAR] = near
    state[zone + FAR] = added.far
    state[zone + AT] = added.row
    state[zone + KNOWN] = state[at + COUNT]
    state[zone + TOUCHED] = -1.0
    state[zone + TOUCHES] = 0.0
    state[zone + DEEPEST] = near
    state[zone + ZONE_LOG] = added.logged
    state[zone + ENTRIES] = 0.0
    state[first] = float(count + 1)


@kernel
def is_alive(state: Buffer, at: int, zone: int) -> bool:
    """Return whether a zone is young enough to count."""
    return state[at + COUNT] - state[zone + KNOWN] <= state[at + MAX_AGE]


@kernel
def touch_zone(state: Buffer, at: int, zone: int, book: int, reach: float, log: Buffer) -> None:
    """Record that price entered a zone as far as ``reach``."""
    if state[zone + TOUCHED] < 0.0:
        state[zone + TOUCHED] = state[at + COUNT]
        if book == GAPS:
            log_set(log, state[zone + ZONE_LOG], GAP_TOUCHED, state[at + COUNT])
        elif book == BLOCKS:
            log_set(log, state[zone + ZONE_LOG], BLOCK_MITIGATED, state[at + COUNT])
    state[zone + TOUCHES] += 1.0
    if reach < state[zone + DEEPEST]:
        state[zone + DEEPEST] = reach
        if book == GAPS:
            log_set(log, state[zone + ZONE_LOG], GAP_SHARE, share_filled(state, zone))


@kernel
def share_filled(state: Buffer, zone: int) -> float:
    """Return the share of a zone that price has passed through, 0 to 1."""
    near = state[zone + NEAR]
    deepest = state[zone + DEEPEST]
    if deepest <= state[zone + FAR]:
        return 1.0
    return (near - deepest) / (near - state[zone + FAR])


@kernel
def has_ended(state: Buffer, at: int, zone: int, book: int, reach: float, close: float) -> bool:
    """Return whether this candle ends a zone: it fills the gap or breaks the block."""
    far = state[zone + FAR]
    if book == GAPS:
        return reach <= far
    if state[at + BY_WICK] > 0.0:
        return reach < far
    return close < far


@apart
def end_zone(state: Buffer, at: int, zone: int, book: int, side: int, log: Buffer) -> None:
    """Record the end of a zone; a broken block turns into a breaker."""
    logged = state[zone + ZONE_LOG]
    now = state[at + COUNT]
    if book == GAPS:
        log_set(log, logged, GAP_FILLED, now)
    elif book == BLOCKS:
        log_set(log, logged, BLOCK_BROKEN, now)
        near, far = -state[zone + FAR], -state[zone + NEAR]
        add_zone(state, at, BREAKERS, -side, NewZone(near, far, state[zone + AT], logged))
    else:
        log_set(log, logged, BLOCK_VOID, now)


@apart
def visit_zones(state: Buffer, at: int, book: int, side: int, bar: Bar, log: Buffer) -> None:
    """Let one candle touch and end the zones of one book."""
    first = zone_book(state, at, book, side)
    count = int(state[first])
    reach = bar.low if side > 0 else -bar.high
    nearest = count
    while nearest > 0 and reach <= state[first + 1 + (nearest - 1) * ZONE_SIZE + NEAR]:
        nearest -= 1
    kept = nearest
    for i in range(nearest, count):
        zone = first + 1 + i * ZONE_SIZE
        if not is_alive(state, at, zone):
            continue
        touch_zone(state, at, zone, book, reach, log)
        if has_ended(state, at, zone, book, reach, side * bar.close):
            end_zone(state, at, zone, book, side, log)
            continue
        if kept != i:
            copy_zone(state, zone, first + 1 + kept * ZONE_SIZE)
        kept += 1
    state[first] = float(kept)


@kernel
def visit_all_zones(state: Buffer, at: int, bar: Bar, log: Buffer) -> None:
    """Let one candle touch and end zones of every kind.

    Breakers come before blocks: a block that this candle turns into a breaker waits for the next
    candle.
    """
    for book in (GAPS, BREAKERS, BLOCKS):
        for side in (1, -1):
            visit_zones(state, at, book, side, bar, log)


@kernel
def find_gap(state: Buffer, at: int, high: float, low: float, log: Buffer) -> None:
    """Add the gap that this candle completes, if there is one.

    The middle one of the three candles must move in the direction of the gap.
    """
    state[at + NEW_GAP] = 0.0
    if state[at + COUNT] < 2.0:
        return
    body = state[at + CLOSE_1] - state[at + OPEN_1]
    if body > 0.0 and state[at + HIGH_2] < low:
        add_gap(state, at, 1, low, state[at + HIGH_2], log)
    elif body < 0.0 and state[at + LOW_2] > high:
        add_gap(state, at, -1, -high, -state[at + LOW_2], log)


@apart
def add_gap(state: Buffer, at: int, side: int, near: float, far: float, log: Buffer) -> None:
    """Add the gap around the last candle."""
    now = state[at + COUNT]
    state[at + NEW_GAP] = float(side)
    state[at + NEW_NEAR] = near
    state[at + NEW_FAR] = far
    row = float(log_row(log, LOG_GAPS))
    log_set(log, row, GAP_SIDE, float(side))
    log_set(log, row, GAP_AT, now - 1.0)
    log_set(log, row, GAP_KNOWN, now)
    log_set(log, row, GAP_TOP, near if side > 0 else -far)
    log_set(log, row, GAP_BOTTOM, far if side > 0 else -near)
    log_set(log, row, GAP_TOUCHED, NAN)
    log_set(log, row, GAP_FILLED, NAN)
    log_set(log, row, GAP_SHARE, 0.0)
    add_zone(state, at, GAPS, side, NewZone(near, far, now - 1.0, row))


@kernel
def nearest_zone(state: Buffer, at: int, book: int, side: int) -> int:
    """Return the zone of one book that price would meet first; -1 if there is none."""
    first = zone_book(state, at, book, side)
    for i in range(int(state[first]) - 1, -1, -1):
        zone = first + 1 + i * ZONE_SIZE
        if is_alive(state, at, zone):
            return zone
    return -1
