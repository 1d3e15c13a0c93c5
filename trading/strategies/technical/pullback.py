"""Pullback in a rise (after Larry Connors and Cesar Alvarez, 2008): buy when it ends."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

from trading.indicators.comparison import above
from trading.indicators.core import (
    ema_size,
    ema_step,
    ema_warmup,
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
from trading.strategies.shared_parameters import RSI, RSI_LEAVE, ema

MEAN_SPAN = OWN
RSI_SPAN = OWN + 1
RSI_ENTRY = OWN + 2
RSI_EXIT = OWN + 3

ENTERED = 1
BELOW_MEAN = 2
NOT_WEAK = 3
NOT_RISING = 4
NO_TURN = 5
EXIT_RSI = 6

# Layout of the state: the indicators, then the last two values of the RSI.
MEAN_AT = 0
RSI_AT = 2
LAST_RSI = 6
RSI_BEFORE = 7


@kernel
def pullback_step(state: Buffer, par: Buffer, out: Buffer, bar: Bar) -> None:
    """Evaluate one closed candle of ``signal_tf``; only its close counts."""
    mean = ema_step(state, MEAN_AT, int(par[MEAN_SPAN]), bar.close)
    rsi = rsi_step(state, RSI_AT, int(par[RSI_SPAN]), bar.close)
    last, before = state[LAST_RSI], state[RSI_BEFORE]
    state[RSI_BEFORE] = last
    state[LAST_RSI] = rsi
    if mean != mean or rsi != rsi or last != last or before != before:
        warming_up(out)
    elif above(rsi, par[RSI_EXIT]):
        write_decision(out, EXIT, EXIT_RSI, rsi, par[RSI_EXIT])
    elif not above(bar.close, mean):
        write_decision(out, HOLD, BELOW_MEAN, bar.close, mean)
    elif not above(par[RSI_ENTRY], rsi):
        write_decision(out, HOLD, NOT_WEAK, rsi, par[RSI_ENTRY])
    elif not above(rsi, last):
        write_decision(out, HOLD, NOT_RISING, rsi, last)
    elif above(last, before):
        write_decision(out, HOLD, NO_TURN, last, before)
    else:
        write_decision(out, ENTER, ENTERED, rsi, last)


class Pullback(Strategy):
    """Enter when the RSI, below 50 in a rise, turns up; leave when it is above 70."""

    name = "pullback"
    summary = "Buy above the EMA100 when an RSI below 50 turns up; sell RSI > 70."
    own = (
        ema(100, "span of the EMA that says rise"),
        RSI,
        Parameter("rsi_entry", "float", 50.0, 1.0, 80.0, help="enter below"),
        RSI_LEAVE,
    )
    step = staticmethod(pullback_step)
    reasons: ClassVar[Mapping[int, str]] = {
        ENTERED: "entered: RSI turned up to {seen:.1f} from {limit:.1f}",
        BELOW_MEAN: "close {seen:.8g} not above its EMA {limit:.8g}",
        NOT_WEAK: "RSI {seen:.1f} not below {limit:g}",
        NOT_RISING: "entry held: RSI {seen:.1f} not above {limit:.1f} before",
        NO_TURN: "entry held: no turn, RSI already rose to {seen:.1f} from {limit:.1f}",
        EXIT_RSI: "exit: RSI {seen:.1f} > {limit:g}",
    }

    def state_size(self, params: Mapping[str, Value]) -> int:
        """Return the size of mean, RSI and the last two values of the RSI."""
        del params
        return ema_size() + rsi_size() + 2

    def warmup(self, params: Mapping[str, Value]) -> int:
        """Return the longer memory of mean and RSI, plus two candles."""
        return max(ema_warmup(int(params["mean_span"])), wilder_warmup(int(params["rsi_span"]))) + 2
