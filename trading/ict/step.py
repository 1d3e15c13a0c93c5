"""One candle through all structures of its timeframe, and the view of them (kernels)."""

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
from trading.ict.swings import find_swing, update_counters
from trading.ict.zones import find_gap, nearest_zone, visit_all_zones
from trading.jit.kernel import Buffer, apart, kernel
from trading.market.rows import Bar, Rows, bar_at

# The columns that :func:`ict_view` writes.
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
def ict_step(state: Buffer, at: int, log: Buffer, bar: Bar) -> None:
    """Feed one closed candle.

    It meets only structures known before it; what it confirms counts from the next candle on.
    """
    visit_all_zones(state, at, bar, log)
    visit_pools(state, at, 1, bar.high, bar.close, log)
    visit_pools(state, at, -1, -bar.low, -bar.close, log)
    find_breaks(state, at, bar.close, bar.volume, log)
    update_counters(state, at, bar.high, bar.low)
    find_gap(state, at, bar.high, bar.low, log)
    last_kind = state[at + LAST_KIND]
    side = find_swing(state, at, bar.high, bar.low, log)
    if side != 0:
        feed_pool(state, at, side, last_kind == float(side), log)
    state[at + HIGH_2] = state[at + HIGH_1]
    state[at + LOW_2] = state[at + LOW_1]
    state[at + VOLUME_2] = state[at + VOLUME_1]
    state[at + OPEN_1] = bar.open
    state[at + HIGH_1] = bar.high
    state[at + LOW_1] = bar.low
    state[at + CLOSE_1] = bar.close
    state[at + VOLUME_1] = bar.volume
    state[at + COUNT] += 1.0


@kernel
def since(state: Buffer, at: int, row: float) -> float:
    """Return the candles from ``row`` to the last one; NaN if the row is -1."""
    if row < 0.0:
        return NAN
    return state[at + COUNT] - 1.0 - row


@kernel
def edge_of(state: Buffer, at: int, book: int, side: int) -> float:
    """Return the price at which the nearest zone of a book begins; NaN if there is none."""
    zone = nearest_zone(state, at, book, side)
    if zone < 0:
        return NAN
    return side * state[zone + NEAR]


@apart
def ict_view(state: Buffer, at: int, out: Buffer, to: int) -> None:
    """Write what is known after the last candle to ``out`` at ``to``, as in :data:`VIEW_NAMES`.

    Prices are absolute, NaN where there is none; ages are in candles.
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
def ict_rows(state: Buffer, log: Buffer, rows: Rows, length: int, views: Buffer) -> None:
    """Feed all ``rows``, candles of ``length`` ms; ``views`` receives each view, or is empty."""
    wanted = len(views) > 0
    for i in range(len(rows.closes)):
        ict_step(state, 0, log, bar_at(rows, i, length))
        if wanted:
            ict_view(state, 0, views, i * VIEW_SIZE)
