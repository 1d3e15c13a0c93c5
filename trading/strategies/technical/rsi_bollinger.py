"""Mean reversion: buy an oversold close below the lower Bollinger band, sell strength."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

from trading.indicators.comparison import above
from trading.indicators.core import (
    bollinger_size,
    bollinger_step,
    rsi_size,
    rsi_step,
    wilder_warmup,
)
from trading.jit.kernel import Buffer, kernel
from trading.market.rows import Bar
from trading.strategies.base import Strategy
from trading.strategies.decisions import warming_up, write_decision
from trading.strategies.layout import ENTER, EXIT, HOLD, OWN
from trading.strategies.parameters import Parameter, Value
from trading.strategies.shared_parameters import BANDS, RSI, RSI_LEAVE

RSI_SPAN = OWN
RSI_ENTRY = OWN + 1
RSI_EXIT = OWN + 2
BAND_SPAN = OWN + 3
BAND_WIDTH = OWN + 4

ENTERED = 1
NOT_OVERSOLD = 2
ABOVE_LOWER = 3
EXIT_RSI = 4
EXIT_BAND = 5

RSI_AT = 0
BAND_AT = 4


@kernel
def rsi_bollinger_step(state: Buffer, par: Buffer, out: Buffer, bar: Bar) -> None:
    """Evaluate one closed candle of ``signal_tf``; only its close counts."""
    turn, span = bar.open_time // bar.length, int(par[BAND_SPAN])
    rsi = rsi_step(state, RSI_AT, int(par[RSI_SPAN]), bar.close)
    lower, _, upper = bollinger_step(state, BAND_AT, span, par[BAND_WIDTH], turn, bar.close)
    if rsi != rsi or lower != lower:
        warming_up(out)
    elif above(rsi, par[RSI_EXIT]):
        write_decision(out, EXIT, EXIT_RSI, rsi, par[RSI_EXIT])
    elif above(bar.close, upper):
        write_decision(out, EXIT, EXIT_BAND, bar.close, upper)
    elif not above(par[RSI_ENTRY], rsi):
        write_decision(out, HOLD, NOT_OVERSOLD, rsi, par[RSI_ENTRY])
    elif not above(lower, bar.close):
        write_decision(out, HOLD, ABOVE_LOWER, bar.close, lower)
    else:
        write_decision(out, ENTER, ENTERED, rsi, par[RSI_ENTRY])


class RsiBollinger(Strategy):
    """Enter on RSI below 30 below the lower band; leave on RSI above 70 or above the upper band."""

    name = "rsi_bollinger"
    summary = (
        "Buy RSI < 30 with a close below the lower band; sell RSI > 70 or above the upper band."
    )
    own = (
        RSI,
        Parameter("rsi_entry", "float", 30.0, 1.0, 60.0, help="enter below"),
        RSI_LEAVE,
        *BANDS,
    )
    step = staticmethod(rsi_bollinger_step)
    reasons: ClassVar[Mapping[int, str]] = {
        ENTERED: "entered: RSI {seen:.1f} < {limit:g} and close below the lower band",
        NOT_OVERSOLD: "RSI {seen:.1f} not below {limit:g}",
        ABOVE_LOWER: "entry held: close {seen:.8g} not below the lower band {limit:.8g}",
        EXIT_RSI: "exit: RSI {seen:.1f} > {limit:g}",
        EXIT_BAND: "exit: close {seen:.8g} above the upper band {limit:.8g}",
    }

    def state_size(self, params: Mapping[str, Value]) -> int:
        """Return the size of the RSI and the window of the bands."""
        return rsi_size() + bollinger_size(int(params["band_span"]))

    def warmup(self, params: Mapping[str, Value]) -> int:
        """Return the longer of the memory of the RSI and the window of the bands."""
        return max(wilder_warmup(int(params["rsi_span"])), int(params["band_span"]))
