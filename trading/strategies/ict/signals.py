"""Signals of the ICT strategies: zones that price leaves, sweeps, stops and targets (kernels).

The three strategies share a parameter buffer (``P_*``) and a state: an empty log (so that the state
can stand in for the log of the structures), the last close of ``signal_tf``, the number of zone
candles at the last break, the edges of the zones that price would meet first (below and above it),
the structures of ``trend_tf`` and those of ``zone_tf``.
"""

from __future__ import annotations

import math
from typing import NamedTuple

from trading.ict.layout import (
    BLOCKS,
    BREAK_ROW,
    BREAKERS,
    COUNT,
    ENTRIES,
    FAR,
    GAPS,
    KNOWN,
    LOG_HEAD,
    NEAR,
    READY,
    TOUCHED,
    TOUCHES,
    TREND,
    ZONE_SIZE,
    StructureRules,
    ict_clear,
    ict_size,
    sweep_at,
    zone_book,
)
from trading.ict.liquidity import nearest_pool
from trading.ict.step import ict_step
from trading.ict.zones import is_alive
from trading.indicators.comparison import above
from trading.jit.kernel import Buffer, apart, kernel
from trading.market.rows import Bar
from trading.strategies.decisions import hold, write_decision
from trading.strategies.layout import ACTION, CONFIDENCE, ENTER, OWN, SIDE, STOP_PRICE, TARGET_PRICE

# Parameters, by position in the buffer.
P_SIGNAL_MS = OWN
P_TREND_MS = OWN + 1
P_ZONE_MS = OWN + 2
P_LENGTH = OWN + 3
P_POOL_TOLERANCE = OWN + 4
P_STOP_TOLERANCE = OWN + 5
P_DIRECTION = OWN + 6
P_MIN_REWARD = OWN + 7
P_MAX_AGE = OWN + 8
P_STRUCTURE = OWN + 9
P_OWN = OWN + 10

ZONES_KEPT = 32
POOLS_KEPT = 32

LAST_CLOSE = LOG_HEAD
BREAK_AFTER = LOG_HEAD + 1
FIRST_EDGES = LOG_HEAD + 2
TREND_AT = LOG_HEAD + 4

# Reasons.
ENTERED = 1
NO_TREND = 2
NO_ZONE = 3
NO_SWEEP = 4
NO_GAP = 5
NO_TARGET = 6
POOR_REWARD = 7
WRONG_DIRECTION = 8
LOW_CONFIDENCE = 9

BASE_CONFIDENCE = 0.4
CONFIDENCE_STEP = 0.2


def signals_size(length: int) -> int:
    """Return the size of the state for swings of ``length`` candles on both sides."""
    return TREND_AT + 2 * ict_size(length, length, ZONES_KEPT, POOLS_KEPT)


@apart
def feed_structures(state: Buffer, par: Buffer, bar: Bar) -> None:
    """Feed a candle to the structures of its timeframe, if it has any."""
    length = int(par[P_LENGTH])
    at = -1
    if bar.length == int(par[P_TREND_MS]):
        at = TREND_AT
    elif bar.length == int(par[P_ZONE_MS]):
        at = zones_at(par)
    if at < 0:
        return
    if state[at + READY] == 0.0:
        tolerance, max_age = par[P_POOL_TOLERANCE], int(par[P_MAX_AGE])
        rules = StructureRules(length, length, tolerance, 0.0, 0, max_age, ZONES_KEPT, POOLS_KEPT)
        ict_clear(state, at, rules)
    ict_step(state, at, state, bar)
    if at != TREND_AT:
        note_first_edges(state, at)
    elif state[at + BREAK_ROW] == state[at + COUNT] - 1.0:
        state[BREAK_AFTER] = state[zones_at(par) + COUNT]


@apart
def note_first_edges(state: Buffer, at: int) -> None:
    """Note for both sides the edge that price would meet first of the zones of any kind."""
    for side in (1, -1):
        edge = -math.inf
        for book in (GAPS, BLOCKS, BREAKERS):
            first = zone_book(state, at, book, side)
            count = int(state[first])
            if count > 0:
                edge = max(edge, state[first + 1 + (count - 1) * ZONE_SIZE + NEAR])
        state[first_edge_at(side)] = edge


@kernel
def first_edge_at(side: int) -> int:
    """Return the place of the edge, times the side, that price would meet first on ``side``."""
    return FIRST_EDGES if side > 0 else FIRST_EDGES + 1


@kernel
def zones_at(par: Buffer) -> int:
    """Return the start of the structures of ``zone_tf``."""
    return TREND_AT + int(par[P_STRUCTURE])


@kernel
def may_trade(par: Buffer, side: int) -> bool:
    """Return whether ``direction`` allows this side."""
    return par[P_DIRECTION] == 0.0 or par[P_DIRECTION] == float(side)


@kernel
def swept_within(state: Buffer, at: int, side: int, candles: float) -> bool:
    """Return whether liquidity behind a trade of ``side`` was swept in the last ``candles``."""
    row = state[sweep_at(at, -side)]
    return row >= 0.0 and state[at + COUNT] - row <= candles


class Approach(NamedTuple):
    """How price came to the zones of ``zone_tf``.

    ``reach`` (times the side) is how deep price came, ``close`` where it closed. A zone that was
    touched on more than ``max_touches`` candles, one that ``most_entries`` left, or one known no
    later than row ``after`` of ``zone_tf`` does not count. ``zone_closed`` tells that a candle of
    ``zone_tf`` closed at the same time: the zones that it made known are not left yet. An entry
    below ``least_confidence`` is held.
    """

    reach: float
    close: float
    max_touches: float
    zone_closed: bool
    most_entries: float
    after: float
    least_confidence: float


@kernel
def zone_left(state: Buffer, at: int, book: int, side: int, approach: Approach) -> int:
    """Return the zone of one book that price reached and closed out of; -1 if there is none."""
    first = zone_book(state, at, book, side)
    count = int(state[first])
    if count == 0 or state[first + 1 + (count - 1) * ZONE_SIZE + NEAR] < approach.reach:
        return -1
    known = state[at + COUNT] - (2.0 if approach.zone_closed else 1.0)
    close = side * approach.close
    for i in range(count - 1, -1, -1):
        zone = first + 1 + i * ZONE_SIZE
        if state[zone + NEAR] < approach.reach:
            return -1
        counts = state[zone + TOUCHES] <= approach.max_touches and state[zone + KNOWN] <= known
        counts = counts and state[zone + ENTRIES] < approach.most_entries
        counts = counts and state[zone + KNOWN] > approach.after
        if counts and is_alive(state, at, zone) and close > state[zone + NEAR]:
            return zone
    return -1


@apart
def best_zone_left(state: Buffer, at: int, side: int, approach: Approach) -> int:
    """Return the zone of any kind that price closed out of, the nearest of several; -1 if none."""
    best = -1
    for book in (GAPS, BLOCKS, BREAKERS):
        zone = zone_left(state, at, book, side, approach)
        if zone >= 0 and (best < 0 or state[zone + NEAR] > state[best + NEAR]):
            best = zone
    return best


@kernel
def is_fresh(state: Buffer, at: int, zone: int, zone_closed: bool) -> bool:
    """Return whether no earlier candle touched the zone.

    ``zone_closed`` tells that a candle of ``zone_tf`` closed at the same time: its touch is this
    one.
    """
    if state[zone + TOUCHED] < 0.0:
        return True
    return zone_closed and state[zone + TOUCHED] == state[at + COUNT] - 1.0


@kernel
def stop_of(far: float, side: int, tolerance: float) -> float:
    """Return the stop: ``tolerance`` (a share) beyond the far side of a zone (times the side)."""
    return side * far * (1.0 - side * tolerance)


@kernel
def target_of(state: Buffer, par: Buffer, side: int, close: float) -> float:
    """Return the next liquidity in the trade's direction: of ``zone_tf``, else of ``trend_tf``."""
    level = nearest_pool(state, zones_at(par), side, close)
    if level == level:
        return level
    return nearest_pool(state, TREND_AT, side, close)


@kernel
def confidence_of(agrees: bool, fresh: bool, swept: bool) -> float:
    """Return 0.4, plus 0.2 each for an agreeing trend, a fresh zone and a sweep."""
    confidence = BASE_CONFIDENCE
    if agrees:
        confidence += CONFIDENCE_STEP
    if fresh:
        confidence += CONFIDENCE_STEP
    if swept:
        confidence += CONFIDENCE_STEP
    return confidence if confidence < 1.0 else 1.0


class ZoneEntry(NamedTuple):
    """A possible entry: its side, the edges of its zone times the side, the close, confidence."""

    side: int
    near: float
    far: float
    close: float
    confidence: float


@apart
def enter_at_zone(state: Buffer, par: Buffer, out: Buffer, entry: ZoneEntry) -> None:
    """Enter with the stop behind the zone and the target at the next liquidity, or hold."""
    side, close = entry.side, entry.close
    stop = stop_of(entry.far, side, par[P_STOP_TOLERANCE])
    target = target_of(state, par, side, close)
    risk = side * (close - stop)
    reward = side * (target - close)
    if not may_trade(par, side):
        hold(out, WRONG_DIRECTION, float(side), par[P_DIRECTION])
    elif target != target:
        hold(out, NO_TARGET, close, math.nan)
    elif risk <= 0.0 or reward < risk * par[P_MIN_REWARD]:
        hold(out, POOR_REWARD, reward / risk if risk > 0.0 else math.nan, par[P_MIN_REWARD])
    else:
        write_decision(out, ENTER, ENTERED, close, side * entry.near)
        out[STOP_PRICE] = stop
        out[TARGET_PRICE] = target
        out[CONFIDENCE] = entry.confidence
        out[SIDE] = float(side)


@apart
def enter_out_of_zone(
    state: Buffer, par: Buffer, out: Buffer, side: int, approach: Approach, swept: bool
) -> None:
    """Enter out of the best zone of ``side`` with the trend, or hold where price left none."""
    at = zones_at(par)
    close = approach.close
    zone = best_zone_left(state, at, side, approach)
    if zone < 0:
        hold(out, NO_ZONE, close, close)
        return
    confidence = confidence_of(True, is_fresh(state, at, zone, approach.zone_closed), swept)
    if above(approach.least_confidence, confidence):
        hold(out, LOW_CONFIDENCE, confidence, approach.least_confidence)
        return
    entry = ZoneEntry(side, state[zone + NEAR], state[zone + FAR], close, confidence)
    enter_at_zone(state, par, out, entry)
    if out[ACTION] == ENTER:
        state[zone + ENTRIES] += 1.0


@kernel
def trend_of(state: Buffer, most: float) -> int:
    """Return the side of the last break on ``trend_tf``; 0 if it is older than ``most`` candles."""
    age = state[TREND_AT + COUNT] - 1.0 - state[TREND_AT + BREAK_ROW]
    if state[TREND_AT + BREAK_ROW] < 0.0 or age > most:
        return 0
    return int(state[TREND_AT + TREND])
