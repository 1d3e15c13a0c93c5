"""Breakout with the trend: buy a close above the upper band in a strong rise."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

from trading.indicators.comparison import above
from trading.indicators.core import (
    adx_size,
    adx_step,
    adx_warmup,
    bollinger_size,
    bollinger_step,
    ema_size,
    ema_step,
    ema_warmup,
)
from trading.jit.kernel import Buffer, kernel
from trading.market.rows import Bar
from trading.strategies.base import Strategy
from trading.strategies.decisions import warming_up, write_decision
from trading.strategies.layout import ENTER, EXIT, HOLD, OWN
from trading.strategies.parameters import Parameter, Value
from trading.strategies.shared_parameters import BANDS, ema

MEAN_SPAN = OWN
BAND_SPAN = OWN + 1
BAND_WIDTH = OWN + 2
ADX_SPAN = OWN + 3
ADX_ENTRY = OWN + 4

ENTERED = 1
EXIT_MEAN = 2
BELOW_BAND = 3
WEAK_TREND = 4

MEAN_AT = 0
ADX_AT = 2
BAND_AT = 10


@kernel
def dynamic_breakout_step(state: Buffer, par: Buffer, out: Buffer, bar: Bar) -> None:
    """Evaluate one closed candle of ``signal_tf``."""
    turn, span = bar.open_time // bar.length, int(par[BAND_SPAN])
    mean = ema_step(state, MEAN_AT, int(par[MEAN_SPAN]), bar.close)
    adx = adx_step(state, ADX_AT, int(par[ADX_SPAN]), bar.high, bar.low, bar.close)
    _, _, upper = bollinger_step(state, BAND_AT, span, par[BAND_WIDTH], turn, bar.close)
    if mean != mean or adx != adx or upper != upper:
        warming_up(out)
    elif above(mean, bar.close):
        write_decision(out, EXIT, EXIT_MEAN, bar.close, mean)
    elif not above(bar.close, mean) or not above(bar.close, upper):
        write_decision(out, HOLD, BELOW_BAND, bar.close, upper)
    elif not above(adx, par[ADX_ENTRY]):
        write_decision(out, HOLD, WEAK_TREND, adx, par[ADX_ENTRY])
    else:
        write_decision(out, ENTER, ENTERED, bar.close, upper)


class DynamicBreakout(Strategy):
    """Enter above mean and upper band with a strong ADX; leave on a close below the mean."""

    name = "dynamic_breakout"
    summary = "Buy a close above EMA50 and upper band with ADX > 20; sell a close below EMA50."
    own = (
        ema(50),
        *BANDS,
        Parameter("adx_span", "int", 14, 2, 100, help="candles of the ADX"),
        Parameter("adx_entry", "float", 20.0, 0.0, 100.0, help="enter above"),
    )
    step = staticmethod(dynamic_breakout_step)
    reasons: ClassVar[Mapping[int, str]] = {
        ENTERED: "entered: close {seen:.8g} above the upper band {limit:.8g}",
        EXIT_MEAN: "out: close {seen:.8g} below its EMA {limit:.8g}",
        BELOW_BAND: "close {seen:.8g} not above the upper band {limit:.8g}",
        WEAK_TREND: "entry held: ADX {seen:.1f} not above {limit:g}",
    }

    def state_size(self, params: Mapping[str, Value]) -> int:
        """Return the size of mean, ADX and the window of the bands."""
        return ema_size() + adx_size() + bollinger_size(int(params["band_span"]))

    def warmup(self, params: Mapping[str, Value]) -> int:
        """Return the longest memory of the three."""
        memories = ema_warmup(int(params["mean_span"])), adx_warmup(int(params["adx_span"]))
        return max(*memories, int(params["band_span"]))
