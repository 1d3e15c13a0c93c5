"""What the ICT strategies decide on: zones that price leaves, sweeps, stops and targets (kernels).

The parameter buffer of the three strategies is the same (``P_*``); the state holds an empty log
(so that it can stand for the structures' log), the structures of ``trend_tf``, those of
``zone_tf``, and the last close of ``signal_tf``.
"""

from __future__ import annotations

import math

from trading.ict.layout import (
    BLOCKS,
    BREAK_ROW,
    BREAKERS,
    COUNT,
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
    ict_clear,
    ict_size,
    sweep_at,
    zone_book,
)
from trading.ict.liquidity import nearest_pool
from trading.ict.step import ict_step
from trading.ict.zones import is_alive
from trading.jit.kernel import Buffer, apart, kernel
from trading.market.rows import Bar
from trading.strategies.layout import (
    ACTION,
    CONFIDENCE,
    ENTER,
    HOLD,
    LIMIT,
    OWN,
    REASON,
    SEEN,
    SIDE,
    STOP_PRICE,
    TARGET_PRICE,
)

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

LOG_AT = 0
LAST_CLOSE = LOG_HEAD
TREND_AT = LOG_HEAD + 1

# Reasons.
ENTERED = 1
NO_TREND = 2
NO_ZONE = 3
NO_SWEEP = 4
NO_GAP = 5
NO_TARGET = 6
POOR_REWARD = 7
WRONG_DIRECTION = 8
AGAINST_TREND = 9
OLD_BREAK = 10

BASE_CONFIDENCE = 0.4
CONFIDENCE_STEP = 0.2


def signals_size(length: int) -> int:
    """Floats of state for swings of ``length`` candles on both sides."""
    return TREND_AT + 2 * ict_size(length, length, ZONES_KEPT, POOLS_KEPT)


@apart
def feed_structures(state: Buffer, par: Buffer, bar: Bar) -> None:
    """Hand a candle to the structures of its timeframe, if it has any."""
    length = int(par[P_LENGTH])
    at = -1
    if bar.length == int(par[P_TREND_MS]):
        at = TREND_AT
    elif bar.length == int(par[P_ZONE_MS]):
        at = zones_at(par)
    if at < 0:
        return
    if state[at + READY] == 0.0:
        ict_clear(
            state,
            at,
            length,
            length,
            par[P_POOL_TOLERANCE],
            0.0,
            0,
            int(par[P_MAX_AGE]),
            ZONES_KEPT,
            POOLS_KEPT,
        )
    ict_step(state, at, state, bar.open, bar.high, bar.low, bar.close, bar.volume)


@kernel
def zones_at(par: Buffer) -> int:
    """Where the structures of ``zone_tf`` lie."""
    return TREND_AT + int(par[P_STRUCTURE])


@kernel
def may_trade(par: Buffer, side: int) -> bool:
    """Whether ``direction`` allows this side."""
    return par[P_DIRECTION] == 0.0 or par[P_DIRECTION] == float(side)


@kernel
def swept_within(state: Buffer, at: int, side: int, candles: float) -> bool:
    """Whether liquidity on the far side of a trade of ``side`` was swept in the last candles."""
    row = state[sweep_at(at, -side)]
    return row >= 0.0 and state[at + COUNT] - row <= candles


@kernel
def zone_left(
    state: Buffer,
    at: int,
    book: int,
    side: int,
    reach: float,
    close: float,
    most: float,
    known: float,
) -> int:
    """The zone of one book out of which price has come: it was reached, and ``close`` lies before
    it; -1 if there is none.

    Prices are times the side. Zones that were touched on more than ``most`` candles, or became
    known after row ``known``, do not count.
    """
    first = zone_book(state, at, book, side)
    for i in range(int(state[first]) - 1, -1, -1):
        zone = first + 1 + i * ZONE_SIZE
        if state[zone + NEAR] < reach:
            return -1
        counts = state[zone + TOUCHES] <= most and state[zone + KNOWN] <= known
        if counts and is_alive(state, at, zone) and close > state[zone + NEAR]:
            return zone
    return -1


@apart
def best_zone_left(
    state: Buffer, at: int, side: int, reach: float, close: float, most: float, closed_now: bool
) -> int:
    """The zone of any kind out of which price has come; of several the one nearest to it.

    ``closed_now``: the zones' own candle closes with this one. What it made known it did not leave.
    """
    known = state[at + COUNT] - (2.0 if closed_now else 1.0)
    best = -1
    for book in (GAPS, BLOCKS, BREAKERS):
        zone = zone_left(state, at, book, side, reach, close, most, known)
        if zone >= 0 and (best < 0 or state[zone + NEAR] > state[best + NEAR]):
            best = zone
    return best


@kernel
def is_fresh(state: Buffer, at: int, zone: int, closed_now: bool) -> bool:
    """Whether no candle but this one has touched the zone; ``closed_now``: this one closed its
    timeframe's candle as well.
    """
    if state[zone + TOUCHED] < 0.0:
        return True
    return closed_now and state[zone + TOUCHED] == state[at + COUNT] - 1.0


@kernel
def hold(out: Buffer, reason: int, seen: float, limit: float) -> None:
    """Hold, and say why."""
    out[ACTION] = HOLD
    out[REASON] = float(reason)
    out[SEEN] = seen
    out[LIMIT] = limit


@kernel
def stop_of(far: float, side: int, tolerance: float) -> float:
    """The stop beyond the far side of a zone (times the side): ``tolerance`` is a share."""
    return side * far * (1.0 - side * tolerance)


@kernel
def target_of(state: Buffer, par: Buffer, side: int, close: float) -> float:
    """The next liquidity in the trade's direction: of ``zone_tf``, else of ``trend_tf``."""
    level = nearest_pool(state, zones_at(par), side, close)
    if level == level:
        return level
    return nearest_pool(state, TREND_AT, side, close)


@kernel
def confidence_of(agrees: bool, fresh: bool, swept: bool) -> float:
    """0.4, and 0.2 for each of: the trend agrees, the zone is fresh, a sweep is there."""
    confidence = BASE_CONFIDENCE
    if agrees:
        confidence += CONFIDENCE_STEP
    if fresh:
        confidence += CONFIDENCE_STEP
    if swept:
        confidence += CONFIDENCE_STEP
    return confidence if confidence < 1.0 else 1.0


@apart
def enter_at_zone(
    state: Buffer,
    par: Buffer,
    out: Buffer,
    side: int,
    near: float,
    far: float,
    close: float,
    confidence: float,
) -> None:
    """Enter with the stop behind the zone and the target at the next liquidity, or hold."""
    stop = stop_of(far, side, par[P_STOP_TOLERANCE])
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
        out[ACTION] = ENTER
        out[REASON] = float(ENTERED)
        out[SEEN] = close
        out[LIMIT] = side * near
        out[STOP_PRICE] = stop
        out[TARGET_PRICE] = target
        out[CONFIDENCE] = confidence
        out[SIDE] = float(side)


@apart
def enter_out_of_zone(
    state: Buffer,
    par: Buffer,
    out: Buffer,
    side: int,
    reach: float,
    close: float,
    most: float,
    closed_now: bool,
    swept: bool,
) -> None:
    """Enter out of the best zone of ``side``, with the trend, or hold where price left none.

    ``reach`` (times the side) is how deep price came; see :func:`best_zone_left`.
    """
    at = zones_at(par)
    zone = best_zone_left(state, at, side, reach, side * close, most, closed_now)
    if zone < 0:
        hold(out, NO_ZONE, close, close)
        return
    confidence = confidence_of(True, is_fresh(state, at, zone, closed_now), swept)
    enter_at_zone(state, par, out, side, state[zone + NEAR], state[zone + FAR], close, confidence)


@kernel
def trend_of(state: Buffer, most: float) -> int:
    """The direction of the last break on ``trend_tf``; 0 if it is older than ``most`` candles."""
    age = state[TREND_AT + COUNT] - 1.0 - state[TREND_AT + BREAK_ROW]
    if state[TREND_AT + BREAK_ROW] < 0.0 or age > most:
        return 0
    return int(state[TREND_AT + TREND])
