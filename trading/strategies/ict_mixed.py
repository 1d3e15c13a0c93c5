"""ICT strategy C: with the trend, out of a zone, after a sweep of the liquidity behind it."""

from __future__ import annotations

from trading.ict.layout import FAR, NEAR
from trading.ict.signals import (
    NO_SWEEP,
    NO_TREND,
    NO_ZONE,
    P_OWN,
    P_SIGNAL_MS,
    best_zone_left,
    confidence_of,
    enter_at_zone,
    feed_structures,
    hold,
    is_fresh,
    swept_within,
    trend_of,
    zones_at,
)
from trading.kernel import Buffer, apart
from trading.strategies.base import Parameter
from trading.strategies.ict import IctStrategy

BREAK_AGE = P_OWN
SWEEP_WINDOW = P_OWN + 1
MAX_TOUCHES = P_OWN + 2


@apart
def ict_mixed_step(
    state: Buffer,
    par: Buffer,
    out: Buffer,
    open_time: int,  # noqa: ARG001 - every step has the same arguments
    tf_ms: int,
    first: float,
    high: float,
    low: float,
    close: float,
    volume: float,
) -> None:
    """Judge one closed candle of ``signal_tf``, which is ``zone_tf``."""
    feed_structures(state, par, tf_ms, first, high, low, close, volume)
    if tf_ms != int(par[P_SIGNAL_MS]):
        return
    side = trend_of(state, par[BREAK_AGE])
    if side == 0:
        hold(out, NO_TREND, close, par[BREAK_AGE])
        return
    at = zones_at(par)
    if not swept_within(state, at, side, par[SWEEP_WINDOW]):
        hold(out, NO_SWEEP, close, par[SWEEP_WINDOW])
        return
    reach = low if side > 0 else -high
    zone = best_zone_left(state, at, side, reach, side * close, par[MAX_TOUCHES], True)
    if zone < 0:
        hold(out, NO_ZONE, close, close)
        return
    confidence = confidence_of(True, is_fresh(state, at, zone, True), True)
    enter_at_zone(state, par, out, side, state[zone + NEAR], state[zone + FAR], close, confidence)


class IctMixed(IctStrategy):
    """Enter on a 15m close out of a zone in the 1h trend's direction, after a sweep."""

    name = "ict_mixed"
    summary = "C: 1h trend, 15m gap or block, and a sweep in the trend's direction before."
    extra = (
        Parameter("break_age", "int", 100, 1, 1000, help="trend_tf candles that a break counts"),
        Parameter("sweep_window", "int", 20, 1, 500, help="zone_tf candles that a sweep counts"),
        Parameter("max_touches", "int", 3, 0, 1000, help="zone_tf candles that touched a zone"),
    )
    step = staticmethod(ict_mixed_step)
