"""Mean and variance of the last candles in O(1), whatever was seen before them (kernels).

A running sum depends on where it started. Here a window of ``span`` candles has two parts: the
candles since the last anchor, whose sums run, and those before it, whose sums from the anchor
backwards were stored when the anchor was passed. Anchors lie at fixed times, every ``span`` candle
lengths since 1970, so the values depend on the window alone. The sums are of distances from a value
of their own part, which lies in the window: a flat market has the exact mean and a variance of 0,
and numbers of any size (a coin of 1e-8, a volume of 1e13) lose no precision.

A candle costs the same in a long window as in a short one, except those at an anchor, which look at
the whole window once per window length. The open times must grow from candle to candle.
"""

from __future__ import annotations

import math

from trading.jit.kernel import Buffer, apart, kernel

NAN = math.nan

# Layout of a window: its parts, then the values and both backward sums, ``span`` of each.
COUNT = 0
OLDEST = 1
BLOCK = 2  # of the last anchor, from 1: a zeroed state has seen none
SINCE = 3  # candles since the anchor
FIRST = 4  # the value after the anchor
SUM = 5
SQUARES = 6
LAST = 7  # the value before the anchor
VALUES = 8


@kernel
def moments_size(span: int) -> int:
    """Floats of state."""
    return VALUES + 3 * span


@apart
def pass_anchor(state: Buffer, at: int, span: int) -> None:
    """Start a part and store the sums of what lies before it, newest first."""
    known = min(int(state[at + COUNT]), span)
    place = int(state[at + OLDEST])
    total = 0.0
    squares = 0.0
    for i in range(known):
        place -= 1
        if place < 0:
            place = span - 1
        value = state[at + VALUES + place]
        if i == 0:
            state[at + LAST] = value
        distance = value - state[at + LAST]
        total += distance
        squares += distance * distance
        state[at + VALUES + span + i] = total
        state[at + VALUES + 2 * span + i] = squares
    state[at + SINCE] = 0.0
    state[at + SUM] = 0.0
    state[at + SQUARES] = 0.0


@kernel
def ring_push(state: Buffer, at: int, values: int, span: int, value: float) -> None:
    """Replace the oldest of the ``span`` values from ``at + values`` on by ``value``."""
    oldest = int(state[at + OLDEST])
    state[at + values + oldest] = value
    oldest += 1
    if oldest == span:
        oldest = 0
    state[at + OLDEST] = float(oldest)
    state[at + COUNT] += 1.0


@apart
def moments_step(state: Buffer, at: int, span: int, turn: int, value: float) -> tuple[float, float]:
    """Add ``value`` and return mean and population variance of the last ``span`` values.

    ``turn`` is the number of its candle (the open time in candle lengths). NaN until the window is
    full.
    """
    block = float(turn // span + 1)
    if block != state[at + BLOCK]:
        pass_anchor(state, at, span)
        state[at + BLOCK] = block
    if state[at + SINCE] == 0.0:
        state[at + FIRST] = value
    ring_push(state, at, VALUES, span, value)
    since = state[at + SINCE] + 1.0
    first = state[at + FIRST]
    distance = value - first
    total = state[at + SUM] + distance
    squares = state[at + SQUARES] + distance * distance
    state[at + SINCE] = since
    state[at + SUM] = total
    state[at + SQUARES] = squares
    if state[at + COUNT] < span:
        return NAN, NAN
    before = span - int(since)
    if before > 0:
        shift = state[at + LAST] - first
        part = state[at + VALUES + span + before - 1]
        total += part + before * shift
        squares += state[at + VALUES + 2 * span + before - 1] + shift * (
            2.0 * part + before * shift
        )
    away = total / span
    variance = squares / span - away * away
    if variance < 0.0:
        variance = 0.0
    return first + away, variance
