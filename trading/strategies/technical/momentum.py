"""Momentum (after Jegadeesh and Titman, 1993): buy the fastest rises on the highest volume."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import ClassVar

from trading.candles import DAY_MS
from trading.indicators.comparison import above
from trading.indicators.rolling import (
    day_vwap_size,
    day_vwap_step,
    rank_size,
    rank_step,
    roc_size,
    roc_step,
    vwap_size,
    vwap_step,
)
from trading.jit.kernel import Buffer, kernel
from trading.market.rows import Bar
from trading.strategies.base import Strategy
from trading.strategies.decisions import warming_up, write_decision
from trading.strategies.layout import ENTER, EXIT, HOLD, OWN
from trading.strategies.parameters import Parameter, Value

ROC_SPAN = OWN
BARS = OWN + 1
RANK_ENTRY = OWN + 2
RANK_EXIT = OWN + 3
VWAP_SPAN = OWN + 4

ENTERED = 1
EXIT_RANK = 2
LOW_MOMENTUM = 3
LOW_VOLUME = 4
BELOW_VWAP = 5
NO_VWAP = 6

ROC_AT = 0

NAN = math.nan


@kernel
def momentum_step(state: Buffer, par: Buffer, out: Buffer, bar: Bar) -> None:
    """Evaluate one closed candle of ``signal_tf``."""
    bars = int(par[BARS])
    roc_rank_at = ROC_AT + roc_size(int(par[ROC_SPAN]))
    volume_rank_at = roc_rank_at + rank_size(bars)
    vwap_at = volume_rank_at + rank_size(bars)
    roc = roc_step(state, ROC_AT, int(par[ROC_SPAN]), bar.close)
    roc_rank = NAN
    if roc == roc:
        roc_rank = rank_step(state, roc_rank_at, bars, roc)
    volume_rank = rank_step(state, volume_rank_at, bars, bar.volume)
    typical = (bar.high + bar.low + bar.close) / 3.0
    span = int(par[VWAP_SPAN])
    if span > 0:
        fair = vwap_step(state, vwap_at, span, bar.open_time // bar.length, typical, bar.volume)
    else:
        fair = day_vwap_step(state, vwap_at, bar.open_time, typical, bar.volume)
    if roc_rank != roc_rank or volume_rank != volume_rank:
        warming_up(out)
    elif roc_rank < par[RANK_EXIT]:
        write_decision(out, EXIT, EXIT_RANK, roc_rank, par[RANK_EXIT])
    elif roc_rank < par[RANK_ENTRY]:
        write_decision(out, HOLD, LOW_MOMENTUM, roc_rank, par[RANK_ENTRY])
    elif volume_rank < par[RANK_ENTRY]:
        write_decision(out, HOLD, LOW_VOLUME, volume_rank, par[RANK_ENTRY])
    elif fair != fair:
        write_decision(out, HOLD, NO_VWAP, volume_rank, par[RANK_ENTRY])
    elif not above(bar.close, fair):
        write_decision(out, HOLD, BELOW_VWAP, bar.close, fair)
    else:
        write_decision(out, ENTER, ENTERED, roc, fair)


class Momentum(Strategy):
    """Enter on top-decile momentum and volume above VWAP; leave on momentum below its median."""

    name = "momentum"
    summary = "Buy top-decile momentum and volume above VWAP; sell momentum below its median."
    own = (
        Parameter("roc_span", "int", 10, 1, 200, help="candles of the rate of change"),
        Parameter("bars", "int", 100, 10, 1000, help="candles that it is ranked among"),
        Parameter("rank_entry", "float", 0.9, 0.5, 0.99, help="least rank; 0.9 = top decile"),
        Parameter("rank_exit", "float", 0.5, 0.0, 0.9, help="leave below; 0.5 = median"),
        Parameter("vwap_span", "int", 0, 0, 1000, help="candles of the VWAP; 0 = since 00:00 UTC"),
    )
    step = staticmethod(momentum_step)
    reasons: ClassVar[Mapping[int, str]] = {
        ENTERED: "entered: rise of {seen:.2%} and volume rank high, close above VWAP {limit:.8g}",
        EXIT_RANK: "out: rank of the momentum {seen:.2f} < {limit:g}",
        LOW_MOMENTUM: "rank of the momentum {seen:.2f} < {limit:g}",
        LOW_VOLUME: "entry held: rank of the volume {seen:.2f} < {limit:g}",
        BELOW_VWAP: "entry held: close {seen:.8g} not above VWAP {limit:.8g}",
        NO_VWAP: "no VWAP: the candles begin inside the day, or none was traded yet",
    }

    def state_size(self, params: Mapping[str, Value]) -> int:
        """Return the size of the rate of change, two rankings and the mean price."""
        span = int(params["vwap_span"])
        fair = vwap_size(span) if span else day_vwap_size()
        return roc_size(int(params["roc_span"])) + 2 * rank_size(int(params["bars"])) + fair

    def warmup(self, params: Mapping[str, Value]) -> int:
        """Return the longer of the windows of the rankings and that of the mean price."""
        ranked = int(params["roc_span"]) + int(params["bars"])
        day = -(-DAY_MS // self.signal_tf(params))
        return max(ranked, int(params["vwap_span"]) or day)
