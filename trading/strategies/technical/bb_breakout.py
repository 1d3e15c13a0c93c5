"""Band breakout (John Bollinger, 2001): buy strength that leaves widening bands on volume."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

from trading.indicators.comparison import above, exceeds
from trading.indicators.core import bollinger_size, bollinger_step, sma_size, sma_step
from trading.indicators.rolling import bollinger_width
from trading.jit.kernel import Buffer, kernel
from trading.market.rows import Bar
from trading.strategies.base import Strategy
from trading.strategies.decisions import warming_up, write_decision
from trading.strategies.layout import ENTER, EXIT, HOLD, OWN
from trading.strategies.parameters import Value
from trading.strategies.shared_parameters import BANDS, MEAN_VOLUME, least_volume

BAND_SPAN = OWN
BAND_WIDTH = OWN + 1
VOLUME_SPAN = OWN + 2
VOLUME_FACTOR = OWN + 3

ENTERED = 1
INSIDE = 2
LOW_VOLUME = 3
NARROWING = 4

LAST_WIDTH = 0
BAND_AT = 1


@kernel
def bb_breakout_step(state: Buffer, par: Buffer, out: Buffer, bar: Bar) -> None:
    """Evaluate one closed candle of ``signal_tf``."""
    turn, span = bar.open_time // bar.length, int(par[BAND_SPAN])
    lower, middle, upper = bollinger_step(state, BAND_AT, span, par[BAND_WIDTH], turn, bar.close)
    volume_at = BAND_AT + bollinger_size(span)
    usual = sma_step(state, volume_at, int(par[VOLUME_SPAN]), turn, bar.volume)
    width = bollinger_width(lower, middle, upper)
    last_width = state[LAST_WIDTH]
    state[LAST_WIDTH] = width
    if width != width or last_width != last_width or usual != usual:
        warming_up(out)
    elif not above(bar.close, upper):
        write_decision(out, EXIT, INSIDE, bar.close, upper)
    elif bar.volume < par[VOLUME_FACTOR] * usual:
        write_decision(out, HOLD, LOW_VOLUME, bar.volume, par[VOLUME_FACTOR] * usual)
    elif not exceeds(width, last_width, 1.0):
        write_decision(out, HOLD, NARROWING, width, last_width)
    else:
        write_decision(out, ENTER, ENTERED, bar.close, upper)


class BbBreakout(Strategy):
    """Enter above the upper band, on volume, while the bands widen; leave back inside."""

    name = "bb_breakout"
    summary = "Buy a close above the upper band on volume while the bands widen; sell back inside."
    own = (*BANDS, MEAN_VOLUME, least_volume(1.2))
    step = staticmethod(bb_breakout_step)
    reasons: ClassVar[Mapping[int, str]] = {
        ENTERED: "entered: close {seen:.8g} above the upper band {limit:.8g}",
        INSIDE: "out: close {seen:.8g} not above the upper band {limit:.8g}",
        LOW_VOLUME: "entry held: volume {seen:.8g} < {limit:.8g}",
        NARROWING: "entry held: band width {seen:.3%} not above {limit:.3%} before",
    }

    def state_size(self, params: Mapping[str, Value]) -> int:
        """Return the size of the last width and the windows of bands and volume."""
        return 1 + bollinger_size(int(params["band_span"])) + sma_size(int(params["volume_span"]))

    def warmup(self, params: Mapping[str, Value]) -> int:
        """Return the longer window; the bands need one more candle for their last width."""
        return max(int(params["band_span"]) + 1, int(params["volume_span"]))
