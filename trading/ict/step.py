"""One candle through all structures of its timeframe, and what a strategy reads of them
(kernels).
"""

from __future__ import annotations

from trading.ict.layout import (
    BLOCKS,
    BREAK_KIND,
    BREAK_ROW,
    BREAKERS,
    CLOSE_1,
    COUNT,
    GAPS,
    HIGH_1,
    HIGH_2,
    LAST_KIND,
    LOW_1,
    LOW_2,
    NAN,
    NEAR,
    OPEN_1,
    SWEEP_HIGH,
    SWEEP_LOW,
    TREND,
    VOLUME_1,
    VOLUME_2,
)
from trading.ict.liquidity import feed_pool, nearest_pool, visit_pools
from trading.ict.structure import find_breaks
from trading.ict.swings import find_swing, watch_counters
from trading.ict.zones import find_gap, nearest_zone, visit_all_zones
from trading.jit.kernel import Buffer, apart, kernel

# What :func:`ict_view` writes.
VIEW_NAMES = (
    "trend",
    "since_break",
    "against_trend",
    "gap_below",
    "gap_above",
    "block_below",
    "block_above",
    "breaker_below",
    "breaker_above",
    "liquidity_above",
    "liquidity_below",
    "since_sweep_above",
    "since_sweep_below",
)
VIEW_SIZE = len(VIEW_NAMES)


@apart
def ict_step(
    state: Buffer,
    at: int,
    log: Buffer,
    first: float,
    high: float,
    low: float,
    close: float,
    volume: float,
) -> None:
    """Take in one closed candle; ``first`` is its open.

    Everything that it meets was known before it; what it confirms is met from the next one on.
    """
    visit_all_zones(state, at, high, low, close, log)
    visit_pools(state, at, 1, high, close, log)
    visit_pools(state, at, -1, -low, -close, log)
    find_breaks(state, at, close, volume, log)
    watch_counters(state, at, high, low)
    find_gap(state, at, high, low, log)
    last_kind = state[at + LAST_KIND]
    side = find_swing(state, at, high, low, log)
    if side != 0:
        feed_pool(state, at, side, last_kind == float(side), log)
    state[at + HIGH_2] = state[at + HIGH_1]
    state[at + LOW_2] = state[at + LOW_1]
    state[at + VOLUME_2] = state[at + VOLUME_1]
    state[at + OPEN_1] = first
    state[at + HIGH_1] = high
    state[at + LOW_1] = low
    state[at + CLOSE_1] = close
    state[at + VOLUME_1] = volume
    state[at + COUNT] += 1.0


@kernel
def since(state: Buffer, at: int, row: float) -> float:
    """Candles from ``row`` to the last one; NaN without such a row."""
    if row < 0.0:
        return NAN
    return state[at + COUNT] - 1.0 - row


@kernel
def edge_of(state: Buffer, at: int, book: int, side: int) -> float:
    """The price at which the nearest zone of a book begins; NaN without one."""
    zone = nearest_zone(state, at, book, side)
    if zone < 0:
        return NAN
    return side * state[zone + NEAR]


@apart
def ict_view(state: Buffer, at: int, out: Buffer, to: int) -> None:
    """Write what is known after the last candle to ``out`` from ``to`` on, as in
    :data:`VIEW_NAMES`.

    Prices are absolute and NaN where there is none; ages are in candles.
    """
    close = state[at + CLOSE_1]
    out[to] = state[at + TREND]
    out[to + 1] = since(state, at, state[at + BREAK_ROW])
    out[to + 2] = state[at + BREAK_KIND]
    out[to + 3] = edge_of(state, at, GAPS, 1)
    out[to + 4] = edge_of(state, at, GAPS, -1)
    out[to + 5] = edge_of(state, at, BLOCKS, 1)
    out[to + 6] = edge_of(state, at, BLOCKS, -1)
    out[to + 7] = edge_of(state, at, BREAKERS, 1)
    out[to + 8] = edge_of(state, at, BREAKERS, -1)
    out[to + 9] = nearest_pool(state, at, 1, close)
    out[to + 10] = nearest_pool(state, at, -1, close)
    out[to + 11] = since(state, at, state[at + SWEEP_HIGH])
    out[to + 12] = since(state, at, state[at + SWEEP_LOW])


@kernel
def ict_rows(
    state: Buffer,
    log: Buffer,
    opens: Buffer,
    highs: Buffer,
    lows: Buffer,
    closes: Buffer,
    volumes: Buffer,
    views: Buffer,
) -> None:
    """All candles of a column; ``views`` receives the view after each, or is empty."""
    wanted = len(views) > 0
    for i in range(len(closes)):
        ict_step(state, 0, log, opens[i], highs[i], lows[i], closes[i], volumes[i])
        if wanted:
            ict_view(state, 0, views, i * VIEW_SIZE)
