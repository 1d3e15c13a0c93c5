"""Zig-zag swings: the turning points that remain when moves below a distance are ignored.

A swing high is known when a candle closes at least ``distance`` below the highest high since the
last swing low, and the other way round. The swing is older than the candle that confirms it and
never moves afterwards. ``distance`` may change from candle to candle (some ATRs). The first leg
counts as a rise, so the very first swing is a high.

A zig-zag depends on where it starts. :func:`anchored_step` therefore keeps two of them, restarts
them in turn at fixed times, and reads the older one: its result depends only on the last two terms.
"""

from __future__ import annotations

import math

from trading.indicators.comparison import exceeds
from trading.jit.kernel import Buffer, kernel
from trading.market.rows import Bar

NAN = math.nan

HIGH_CONFIRMED = 1
LOW_CONFIRMED = -1

# Layout of a zig-zag: whether a candle was seen, the leg (1 up, -1 down), the leg's extreme, the
# furthest price against it since, then the prices of the swings, the newest first (NaN: none).
SEEN_ANY = 0
LEG = 1
EXTREME = 2
AGAINST = 3
SWINGS = 4
SWINGS_KEPT = 9


def zigzag_size() -> int:
    """Floats of state."""
    return SWINGS + SWINGS_KEPT


@kernel
def zigzag_clear(state: Buffer, at: int) -> None:
    """Restart: nothing has been seen."""
    for i in range(SWINGS):
        state[at + i] = 0.0
    for i in range(SWINGS, SWINGS + SWINGS_KEPT):
        state[at + i] = NAN


@kernel
def add_swing(state: Buffer, at: int, price: float) -> None:
    """Add a swing in front of the others; the oldest drops out."""
    for i in range(SWINGS_KEPT - 1, 0, -1):
        state[at + SWINGS + i] = state[at + SWINGS + i - 1]
    state[at + SWINGS] = price


@kernel
def zigzag_step(
    state: Buffer, at: int, distance: float, high: float, low: float, close: float
) -> int:
    """Process one closed candle: ``HIGH_CONFIRMED``, ``LOW_CONFIRMED`` or 0.

    A confirmed swing's price is ``state[at + SWINGS]``. Nothing happens while ``distance`` is NaN.
    """
    if distance != distance:
        return 0
    if state[at + SEEN_ANY] == 0.0:
        zigzag_clear(state, at)
        state[at + SEEN_ANY] = 1.0
        state[at + LEG] = 1.0
        state[at + EXTREME] = high
        state[at + AGAINST] = close
        return 0
    up = state[at + LEG] > 0.0
    far, near = (high, low) if up else (low, high)
    if (far > state[at + EXTREME]) if up else (far < state[at + EXTREME]):
        state[at + EXTREME] = far
        # The candle may have made its other end before the extreme: only its close is later.
        state[at + AGAINST] = close
    elif (near < state[at + AGAINST]) if up else (near > state[at + AGAINST]):
        state[at + AGAINST] = near
    if exceeds(distance, abs(state[at + EXTREME] - close), close):
        return 0
    add_swing(state, at, state[at + EXTREME])
    state[at + LEG] = -state[at + LEG]
    state[at + EXTREME] = state[at + AGAINST]
    state[at + AGAINST] = close
    return HIGH_CONFIRMED if up else LOW_CONFIRMED


def anchored_size() -> int:
    """Floats of state: the current term, two zig-zags."""
    return 1 + 2 * zigzag_size()


def anchored_warmup(term: int) -> int:
    """Candles after which the start of the history has no effect."""
    return 2 * term


@kernel
def anchored_at(state: Buffer, at: int) -> int:
    """Where the older of the two zig-zags lies: the one that started with the previous term."""
    size = SWINGS + SWINGS_KEPT
    return at + 1 + (size if state[at] % 2.0 == 0.0 else 0)


@kernel
def anchored_step(state: Buffer, at: int, term: int, distance: float, bar: Bar) -> int:
    """Process one closed candle; what the older zig-zag confirms with it.

    A term has ``term`` candles, counted from the epoch. In even terms the first zig-zag restarts
    and the second is read; in odd terms the other way round.
    """
    size = SWINGS + SWINGS_KEPT
    now = float(bar.open_time // (bar.length * term) + 1)
    if now != state[at]:
        # After a gap of several terms neither zig-zag knows what was missed.
        if now != state[at] + 1.0:
            zigzag_clear(state, at + 1)
            zigzag_clear(state, at + 1 + size)
        state[at] = now
        zigzag_clear(state, at + 1 + (0 if now % 2.0 == 0.0 else size))
    first = zigzag_step(state, at + 1, distance, bar.high, bar.low, bar.close)
    second = zigzag_step(state, at + 1 + size, distance, bar.high, bar.low, bar.close)
    return second if now % 2.0 == 0.0 else first
