"""ICT strategy C: with the trend, out of a zone, after a sweep of the liquidity behind it."""

from __future__ import annotations

from trading.jit.kernel import Buffer, apart
from trading.market.rows import Bar
from trading.strategies.decisions import hold
from trading.strategies.ict.base import (
    ENTRIES_COUNT,
    SWEEP_COUNTS,
    TOUCHES_COUNT,
    IctStrategy,
    break_age,
)
from trading.strategies.ict.signals import (
    NO_SWEEP,
    NO_TREND,
    P_OWN,
    P_SIGNAL_MS,
    Approach,
    enter_out_of_zone,
    feed_structures,
    swept_within,
    trend_of,
    zones_at,
)

BREAK_AGE = P_OWN
SWEEP_WINDOW = P_OWN + 1
MAX_TOUCHES = P_OWN + 2
ENTRIES_PER_ZONE = P_OWN + 3


@apart
def ict_mixed_step(state: Buffer, par: Buffer, out: Buffer, bar: Bar) -> None:
    """Evaluate one closed candle of ``signal_tf``, which is ``zone_tf``."""
    feed_structures(state, par, bar)
    if bar.length != int(par[P_SIGNAL_MS]):
        return
    side = trend_of(state, par[BREAK_AGE])
    if side == 0:
        hold(out, NO_TREND, bar.close, par[BREAK_AGE])
        return
    if not swept_within(state, zones_at(par), side, par[SWEEP_WINDOW]):
        hold(out, NO_SWEEP, bar.close, par[SWEEP_WINDOW])
        return
    reach = bar.low if side > 0 else -bar.high
    approach = Approach(reach, bar.close, par[MAX_TOUCHES], True, par[ENTRIES_PER_ZONE], -1.0, 0.0)
    enter_out_of_zone(state, par, out, side, approach, True)


class IctMixed(IctStrategy):
    """Enter on a 15m close out of a zone in the 1h trend's direction, after a sweep."""

    name = "ict_mixed"
    summary = "C: 1h trend, 15m gap or block, and a sweep in the trend's direction before."
    extra = (
        break_age(100),
        SWEEP_COUNTS,
        TOUCHES_COUNT,
        ENTRIES_COUNT,
    )
    step = staticmethod(ict_mixed_step)
