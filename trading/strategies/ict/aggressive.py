"""ICT strategy B: enter at once when a fair value gap follows a sweep of liquidity."""

from __future__ import annotations

from trading.ict.layout import NEW_FAR, NEW_GAP, NEW_NEAR
from trading.jit.kernel import Buffer, apart
from trading.market.rows import Bar
from trading.strategies.decisions import hold
from trading.strategies.ict.base import IctStrategy, break_age
from trading.strategies.ict.signals import (
    NO_GAP,
    NO_SWEEP,
    P_OWN,
    P_SIGNAL_MS,
    ZoneEntry,
    confidence_of,
    enter_at_zone,
    feed_structures,
    swept_within,
    trend_of,
    zones_at,
)
from trading.strategies.parameters import Parameter

GAP_WINDOW = P_OWN
BREAK_AGE = P_OWN + 1


@apart
def ict_aggressive_step(state: Buffer, par: Buffer, out: Buffer, bar: Bar) -> None:
    """Evaluate one closed candle of ``signal_tf``, which is ``zone_tf``."""
    feed_structures(state, par, bar)
    if bar.length != int(par[P_SIGNAL_MS]):
        return
    at = zones_at(par)
    side = int(state[at + NEW_GAP])
    if side == 0:
        hold(out, NO_GAP, bar.close, bar.close)
        return
    # The last candle of the gap is the candle of the sweep, or a later one.
    if not swept_within(state, at, side, par[GAP_WINDOW] + 1.0):
        hold(out, NO_SWEEP, bar.close, par[GAP_WINDOW])
        return
    agrees = trend_of(state, par[BREAK_AGE]) == side
    confidence = confidence_of(agrees, True, True)
    entry = ZoneEntry(side, state[at + NEW_NEAR], state[at + NEW_FAR], bar.close, confidence)
    enter_at_zone(state, par, out, entry)


class IctAggressive(IctStrategy):
    """Enter when a 15m gap forms within 5 candles after a sweep, away from the swept side."""

    name = "ict_aggressive"
    summary = "B: a 15m sweep of liquidity, then a fair value gap within 5 candles; in at once."
    extra = (
        Parameter("gap_window", "int", 5, 1, 100, help="candles from the sweep to the gap"),
        break_age(24),
    )
    step = staticmethod(ict_aggressive_step)
