"""ICT strategy A: a break of structure, a zone in its direction, a close out of the zone."""

from __future__ import annotations

from collections.abc import Mapping

from trading.candles import interval_ms
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
    BREAK_AFTER,
    LAST_CLOSE,
    NO_TREND,
    NO_ZONE,
    P_OWN,
    P_SIGNAL_MS,
    P_ZONE_MS,
    Approach,
    enter_out_of_zone,
    feed_structures,
    first_edge_at,
    swept_within,
    trend_of,
    zones_at,
)
from trading.strategies.parameters import Parameter, Value

BREAK_AGE = P_OWN
SWEEP_WINDOW = P_OWN + 1
MAX_TOUCHES = P_OWN + 2
ENTRIES_PER_ZONE = P_OWN + 3
ZONE_AFTER_BREAK = P_OWN + 4
MIN_CONFIDENCE = P_OWN + 5


@apart
def ict_conservative_step(state: Buffer, par: Buffer, out: Buffer, bar: Bar) -> None:
    """Evaluate a closed candle of ``signal_tf``; others only feed the structures."""
    feed_structures(state, par, bar)
    if bar.length != int(par[P_SIGNAL_MS]):
        return
    last_close = state[LAST_CLOSE]
    state[LAST_CLOSE] = bar.close
    side = trend_of(state, par[BREAK_AGE])
    if side == 0:
        hold(out, NO_TREND, bar.close, par[BREAK_AGE])
        return
    # Either this candle touched the zone, or the last one closed in it.
    reach = bar.low if side > 0 else -bar.high
    if last_close > 0.0 and side * last_close < reach:
        reach = side * last_close
    if state[first_edge_at(side)] < reach:  # no zone was touched, as on most candles
        hold(out, NO_ZONE, bar.close, bar.close)
        return
    zone_closed = (bar.open_time + bar.length) % int(par[P_ZONE_MS]) == 0
    swept = swept_within(state, zones_at(par), side, par[SWEEP_WINDOW])
    after = state[BREAK_AFTER] if par[ZONE_AFTER_BREAK] > 0.0 else -1.0
    most = par[ENTRIES_PER_ZONE]
    least = par[MIN_CONFIDENCE]
    approach = Approach(reach, bar.close, par[MAX_TOUCHES], zone_closed, most, after, least)
    enter_out_of_zone(state, par, out, side, approach, swept)


class IctConservative(IctStrategy):
    """Enter on a 1m close back out of a 15m zone in the direction of the last 1h break."""

    name = "ict_conservative"
    summary = "A: 1h break of structure, 15m gap or block in its direction, 1m close out of it."
    extra = (
        Parameter("entry_tf", "interval", "1m", help="candles that can enter"),
        break_age(24),
        SWEEP_COUNTS,
        TOUCHES_COUNT,
        ENTRIES_COUNT,
        Parameter(
            "zone_after_break",
            "choice",
            "on",
            choices=("off", "on"),
            help="on: the zone became known after the last break of structure",
        ),
        Parameter(
            "min_confidence", "float", 1.0, 0.0, 1.0, help="least; 1 = fresh zone, after a sweep"
        ),
    )
    step = staticmethod(ict_conservative_step)

    def signal_tf(self, params: Mapping[str, Value]) -> int:
        """Return the milliseconds of ``entry_tf``."""
        return interval_ms(str(params["entry_tf"]))
