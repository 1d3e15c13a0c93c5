"""ICT strategy A: the trend's break of structure, a zone in its direction, a close out of it."""

from __future__ import annotations

from collections.abc import Mapping

from trading.candles import interval_ms
from trading.jit.kernel import Buffer, apart
from trading.market.rows import Bar
from trading.strategies.ict.base import SWEEP_COUNTS, TOUCHES_COUNT, IctStrategy, break_age
from trading.strategies.ict.signals import (
    LAST_CLOSE,
    NO_TREND,
    P_OWN,
    P_SIGNAL_MS,
    P_ZONE_MS,
    enter_out_of_zone,
    feed_structures,
    hold,
    swept_within,
    trend_of,
    zones_at,
)
from trading.strategies.parameters import Parameter, Value

BREAK_AGE = P_OWN
SWEEP_WINDOW = P_OWN + 1
MAX_TOUCHES = P_OWN + 2


@apart
def ict_conservative_step(state: Buffer, par: Buffer, out: Buffer, bar: Bar) -> None:
    """Judge one closed candle of ``signal_tf``; those of the others feed the structures."""
    feed_structures(state, par, bar)
    if bar.length != int(par[P_SIGNAL_MS]):
        return
    last_close = state[LAST_CLOSE]
    state[LAST_CLOSE] = bar.close
    side = trend_of(state, par[BREAK_AGE])
    if side == 0:
        hold(out, NO_TREND, bar.close, par[BREAK_AGE])
        return
    # The zone was touched by this candle, or the last one closed in it.
    reach = bar.low if side > 0 else -bar.high
    if last_close > 0.0 and side * last_close < reach:
        reach = side * last_close
    closed_now = (bar.open_time + bar.length) % int(par[P_ZONE_MS]) == 0
    swept = swept_within(state, zones_at(par), side, par[SWEEP_WINDOW])
    enter_out_of_zone(state, par, out, side, reach, bar.close, par[MAX_TOUCHES], closed_now, swept)


class IctConservative(IctStrategy):
    """Enter on a 1m close back out of a 15m zone in the direction of the last 1h break."""

    name = "ict_conservative"
    summary = "A: 1h break of structure, 15m gap or block in its direction, 1m close out of it."
    extra = (
        Parameter("entry_tf", "interval", "1m", help="candles that the entry is judged on"),
        break_age(24),
        SWEEP_COUNTS,
        TOUCHES_COUNT,
    )
    step = staticmethod(ict_conservative_step)

    def signal_tf(self, params: Mapping[str, Value]) -> int:
        """Milliseconds of ``entry_tf``."""
        return interval_ms(str(params["entry_tf"]))
