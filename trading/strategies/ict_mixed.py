"""ICT strategy C: with the trend, out of a zone, after a sweep of the liquidity behind it."""

from __future__ import annotations

from trading.ict.signals import (
    NO_SWEEP,
    NO_TREND,
    P_OWN,
    P_SIGNAL_MS,
    enter_out_of_zone,
    feed_structures,
    hold,
    swept_within,
    trend_of,
    zones_at,
)
from trading.kernel import Buffer, apart
from trading.strategies.ict import SWEEP_COUNTS, TOUCHES_COUNT, IctStrategy, break_age

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
    if not swept_within(state, zones_at(par), side, par[SWEEP_WINDOW]):
        hold(out, NO_SWEEP, close, par[SWEEP_WINDOW])
        return
    reach = low if side > 0 else -high
    enter_out_of_zone(state, par, out, side, reach, close, par[MAX_TOUCHES], True, True)


class IctMixed(IctStrategy):
    """Enter on a 15m close out of a zone in the 1h trend's direction, after a sweep."""

    name = "ict_mixed"
    summary = "C: 1h trend, 15m gap or block, and a sweep in the trend's direction before."
    extra = (
        break_age(100),
        SWEEP_COUNTS,
        TOUCHES_COUNT,
    )
    step = staticmethod(ict_mixed_step)
