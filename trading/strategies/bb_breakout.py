"""Band breakout (John Bollinger, 2001): buy strength that leaves widening bands on volume."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

from trading.indicators import bollinger_size, bollinger_step, sma_size, sma_step
from trading.kernel import Buffer, kernel
from trading.rolling import bollinger_width
from trading.strategies.base import ENTER, EXIT, HOLD, OWN, Parameter, Strategy, Value
from trading.strategies.saying import say, warming_up

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
def bb_breakout_step(
    state: Buffer,
    par: Buffer,
    out: Buffer,
    open_time: int,
    tf_ms: int,
    first: float,  # noqa: ARG001 - every step has the same arguments
    high: float,  # noqa: ARG001
    low: float,  # noqa: ARG001
    close: float,
    volume: float,
) -> None:
    """Judge one closed candle of ``signal_tf``."""
    turn, span = open_time // tf_ms, int(par[BAND_SPAN])
    lower, middle, upper = bollinger_step(state, BAND_AT, span, par[BAND_WIDTH], turn, close)
    volume_at = BAND_AT + bollinger_size(span)
    usual = sma_step(state, volume_at, int(par[VOLUME_SPAN]), turn, volume)
    width = bollinger_width(lower, middle, upper)
    last_width = state[LAST_WIDTH]
    state[LAST_WIDTH] = width
    if width != width or last_width != last_width or usual != usual:
        warming_up(out)
    elif not close > upper:
        say(out, EXIT, INSIDE, close, upper)
    elif volume < par[VOLUME_FACTOR] * usual:
        say(out, HOLD, LOW_VOLUME, volume, par[VOLUME_FACTOR] * usual)
    elif not width > last_width:
        say(out, HOLD, NARROWING, width, last_width)
    else:
        say(out, ENTER, ENTERED, close, upper)


class BbBreakout(Strategy):
    """Enter above the upper band, on volume, while the bands widen; leave back inside."""

    name = "bb_breakout"
    summary = "Buy a close above the upper band on volume while the bands widen; sell back inside."
    own = (
        Parameter("band_span", "int", 20, 2, 200, help="candles of the bands"),
        Parameter("band_width", "float", 2.0, 0.5, 4.0, help="standard deviations of the bands"),
        Parameter("volume_span", "int", 20, 1, 500, help="candles of the mean volume"),
        Parameter("volume_factor", "float", 1.2, 0.0, 10.0, help="least volume, in means"),
    )
    step = staticmethod(bb_breakout_step)
    reasons: ClassVar[Mapping[int, str]] = {
        ENTERED: "entered: close {seen:.8g} above the upper band {limit:.8g}",
        INSIDE: "out: close {seen:.8g} not above the upper band {limit:.8g}",
        LOW_VOLUME: "entry held: volume {seen:.8g} < {limit:.8g}",
        NARROWING: "entry held: band width {seen:.3%} not above {limit:.3%} before",
    }

    def state_size(self, params: Mapping[str, Value]) -> int:
        """Last width, the windows of bands and volume."""
        return 1 + bollinger_size(int(params["band_span"])) + sma_size(int(params["volume_span"]))

    def warmup(self, params: Mapping[str, Value]) -> int:
        """The longer window, and the band width before."""
        return max(int(params["band_span"]) + 1, int(params["volume_span"]))
