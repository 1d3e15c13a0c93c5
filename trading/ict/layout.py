"""Layout of the state of one timeframe's structures, and of the log that a batch run keeps.

All kernels of this package share one state: a header, the window of the swings, the last swing of
each side, six books of zones and two books of liquidity pools. Rows count candles from the first
one fed. Prices of a side are multiplied by the side (+1 or -1), so that one rule serves both: a
swing low is the swing high of the mirrored chart, and the multiplication is exact.

:func:`ict_clear` initialises a zeroed state. The capacities given there bound its memory.
"""

from __future__ import annotations

import math
from typing import NamedTuple

from trading.jit.kernel import Buffer, kernel

NAN = math.nan

# Header.
READY = 0
COUNT = 1
LEFT = 2
RIGHT = 3
TOLERANCE_SHARE = 4
TOLERANCE_FIXED = 5
BY_WICK = 6
MAX_AGE = 7
ZONES = 8
POOLS = 9
OPEN_1 = 10  # the last candle
HIGH_1 = 11
LOW_1 = 12
CLOSE_1 = 13
VOLUME_1 = 14
HIGH_2 = 15  # the candle before it
LOW_2 = 16
VOLUME_2 = 17
TREND = 18
BREAK_ROW = 19
BREAK_KIND = 20
LAST_KIND = 21
NEW_GAP = 22
NEW_NEAR = 23
NEW_FAR = 24
SWEEP_HIGH = 25  # row of the last sweep of buy-side liquidity, its extreme
SWEEP_LOW = 27
HEADER = 29

# The last swing of a side: buy side (+1) first, then sell side.
LEVEL = 0
ROW = 1
STATUS = 2
LOG_ROW = 3
COUNTER = 4  # the counter-extreme since: its price, the other end of its candle, its row
COUNTER_FAR = 5
COUNTER_ROW = 6
BEFORE = 7  # the opposite swing before this one, times the side of this one
SWING_SIZE = 8

NONE = 0.0
STANDING = 1.0
BROKEN = 2.0

SWINGS_AT = HEADER
BOOKS_AT = HEADER + 2 * SWING_SIZE

# Books of zones.
GAPS = 0
BLOCKS = 2
BREAKERS = 4
ZONE_BOOKS = 6

# A zone: NEAR is the edge that price meets first, FAR the other, both times the zone's side.
NEAR = 0
FAR = 1
AT = 2
KNOWN = 3
TOUCHED = 4
TOUCHES = 5
DEEPEST = 6
ZONE_LOG = 7
ENTRIES = 8  # that a strategy made out of it
ZONE_SIZE = 9

# A pool, prices times the side.
SEED = 0
SEED_ROW = 1
SUM = 2
MEMBERS = 3
END = 4
EDGE = 5
TAKEN = 6
SWEPT = 7
POOL_KNOWN = 8
POOL_LOG = 9
OUTER = 10
POOL_SIZE = 11

# A book of pools: their number, the nearest price that matters, what the last swing changed, pools.
POOL_COUNT = 0
POOL_NEED = 1
UNDO_ROW = 2
UNDO_NEW = 3
UNDO_SUM = 4
UNDO_END = 5
UNDO_EDGE = 6
POOL_HEAD = 7

# The log: count, capacity, offset and width of each kind.
LOG_SWINGS = 0
LOG_BREAKS = 1
LOG_GAPS = 2
LOG_BLOCKS = 3
LOG_POOLS = 4
LOG_KINDS = 5
LOG_HEAD = 4 * LOG_KINDS


class StructureRules(NamedTuple):
    """How the structures of one timeframe are found.

    A swing is the extreme of ``left`` candles before it and ``right`` after it. Swings within
    ``tolerance_fixed`` (a price distance) plus ``tolerance_share`` of the level make a pool.
    ``by_wick`` 1 breaks an order block with a wick, 0 with a close. Structures older than
    ``max_age`` candles are dropped; a full book of ``zones`` or ``pools`` drops its farthest zone
    or oldest pool.
    """

    left: int
    right: int
    tolerance_share: float
    tolerance_fixed: float
    by_wick: int
    max_age: int
    zones: int
    pools: int


class NewZone(NamedTuple):
    """A zone to add: its edges times its side, its candle, and its row in the log."""

    near: float
    far: float
    row: float
    logged: float


def ict_size(left: int, right: int, zones: int, pools: int) -> int:
    """Return the size of a state for swings of ``left`` and ``right`` candles and these books."""
    books = ZONE_BOOKS * (1 + zones * ZONE_SIZE)
    return BOOKS_AT + books + 2 * (POOL_HEAD + pools * POOL_SIZE) + 2 * (left + right + 1)


@kernel
def zone_book(state: Buffer, at: int, book: int, side: int) -> int:
    """Return the start of the zones of ``book`` on ``side``; their count comes first."""
    turn = 0 if side > 0 else 1
    return at + BOOKS_AT + (book + turn) * (1 + int(state[at + ZONES]) * ZONE_SIZE)


@kernel
def pool_book(state: Buffer, at: int, side: int) -> int:
    """Return the start of the pools of ``side``: +1 is above swing highs, -1 below swing lows."""
    turn = 0 if side > 0 else 1
    first = at + BOOKS_AT + ZONE_BOOKS * (1 + int(state[at + ZONES]) * ZONE_SIZE)
    return first + turn * (POOL_HEAD + int(state[at + POOLS]) * POOL_SIZE)


@kernel
def window_at(state: Buffer, at: int) -> int:
    """Return the start of the window of the swings: highs, then lows."""
    return pool_book(state, at, 1) + 2 * (POOL_HEAD + int(state[at + POOLS]) * POOL_SIZE)


@kernel
def swing_at(at: int, side: int) -> int:
    """Return the start of the last swing of ``side``."""
    return at + SWINGS_AT + (0 if side > 0 else SWING_SIZE)


@kernel
def sweep_at(at: int, side: int) -> int:
    """Return the start of the last sweep of the pools of ``side``: row, extreme."""
    return at + (SWEEP_HIGH if side > 0 else SWEEP_LOW)


@kernel
def ict_clear(state: Buffer, at: int, rules: StructureRules) -> None:
    """Initialise a state in which nothing has been seen."""
    for i in range(HEADER):
        state[at + i] = 0.0
    state[at + READY] = 1.0
    state[at + LEFT] = float(rules.left)
    state[at + RIGHT] = float(rules.right)
    state[at + TOLERANCE_SHARE] = rules.tolerance_share
    state[at + TOLERANCE_FIXED] = rules.tolerance_fixed
    state[at + BY_WICK] = float(rules.by_wick)
    state[at + MAX_AGE] = float(rules.max_age)
    state[at + ZONES] = float(rules.zones)
    state[at + POOLS] = float(rules.pools)
    state[at + BREAK_ROW] = -1.0
    state[at + SWEEP_HIGH] = -1.0
    state[at + SWEEP_LOW] = -1.0
    for side in (1, -1):
        state[swing_at(at, side) + STATUS] = NONE
        for book in (GAPS, BLOCKS, BREAKERS):
            state[zone_book(state, at, book, side)] = 0.0
        pools_at = pool_book(state, at, side)
        state[pools_at + POOL_COUNT] = 0.0
        state[pools_at + POOL_NEED] = math.inf
        state[pools_at + UNDO_ROW] = -1.0


@kernel
def log_row(log: Buffer, kind: int) -> int:
    """Reserve a row of ``kind`` in the log and return its start; -1 without room for one."""
    count = log[4 * kind]
    log[4 * kind] = count + 1.0
    if count >= log[4 * kind + 1]:
        return -1
    return int(log[4 * kind + 2]) + int(count) * int(log[4 * kind + 3])


@kernel
def log_set(log: Buffer, row: float, field: int, value: float) -> None:
    """Write one field of a row, unless the row is -1."""
    if row >= 0.0:
        log[int(row) + field] = value
