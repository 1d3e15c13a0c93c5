"""From closed base candles to decisions: the code that the executor and the simulation share.

It builds the candles of ``signal_tf``, ``filter_tf`` and 1 hour from base candles, and evaluates
each signal candle once it closes. A higher candle counts only once it is closed: with its last
base candle or, where that is missing, with the first base candle after it. One inside which the
series begins does not count.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from trading.candles import Candle, first_start, interval_name
from trading.errors import DataError
from trading.jit.kernel import Buffer, bind, kernel
from trading.market.bars import (
    BEGUN,
    FILTER_AT,
    FOLLOWING,
    HOURLY_AT,
    LENGTH,
    NO_SIGNAL_CANDLE,
    PARTIAL,
    SIGNAL_AT,
    SLOT,
    SLOTS_END,
    STARTED,
    finished_bar,
    grow_bar,
)
from trading.market.rows import Bar, bar_of
from trading.strategies.base import Strategy
from trading.strategies.filters import (
    ADX_NOW,
    ATR_NOW,
    TREND_NOW,
    filter_entry,
    filter_step,
    hourly_step,
)
from trading.strategies.layout import (
    ACTION,
    ATR,
    CONFIDENCE,
    ENTER,
    FILTERED,
    FORECAST,
    HOLD,
    LIMIT,
    REASON,
    SEEN,
    SIDE,
    STOP_PRICE,
    TARGET_PRICE,
    Step,
)
from trading.strategies.parameters import Value
from trading.strategies.setup import Setup

ACTIONS = ("hold", "enter", "exit")


def _no_strategy(*numbers: object) -> None:
    raise RuntimeError(f"no strategy is bound to evaluate a candle of {len(numbers)} values")


strategy_step: Step = _no_strategy
"""The name that the step of a strategy is bound to."""


@kernel
def evaluate_bar(
    slot: int, filters: Buffer, state: Buffer, par: Buffer, out: Buffer, bar: Bar
) -> None:
    """Evaluate one closed candle; on ``signal_tf`` the filters check an entry."""
    strategy_step(state, par, out, bar)
    if slot == SIGNAL_AT and out[ACTION] == ENTER:
        filter_entry(filters, par, out, bar.close)
        out[FILTERED] = 0.0 if out[ACTION] == ENTER else 1.0


@kernel
def take_bar(slot: int, filters: Buffer, state: Buffer, par: Buffer, out: Buffer, bar: Bar) -> None:
    """Feed one closed higher candle to the filters or the strategy, by its ``slot``."""
    if slot == FILTER_AT:
        filter_step(filters, par, bar.high, bar.low, bar.close)
    elif slot == HOURLY_AT:
        hourly_step(filters, bar.close)
    else:
        evaluate_bar(slot, filters, state, par, out, bar)


@kernel
def close_bar(
    bars: Buffer, slot: int, filters: Buffer, state: Buffer, par: Buffer, out: Buffer
) -> None:
    """Close the higher candle that is still growing, and feed it unless it is partial."""
    bar = finished_bar(bars, slot)
    bars[slot + STARTED] = -1.0
    if bars[slot + PARTIAL] == 0.0:
        take_bar(slot, filters, state, par, out, bar)


@kernel
def no_decision(out: Buffer, close: float) -> None:
    """Write what is decided on a base candle that closes no signal candle."""
    out[ACTION] = HOLD
    out[REASON] = float(NO_SIGNAL_CANDLE)
    out[SEEN] = close
    out[LIMIT] = math.nan
    out[STOP_PRICE] = math.nan
    out[TARGET_PRICE] = math.nan
    out[CONFIDENCE] = math.nan
    out[SIDE] = 0.0


@kernel
def push_candle(
    bars: Buffer, filters: Buffer, state: Buffer, par: Buffer, out: Buffer, base: Bar
) -> None:
    """Feed one closed base candle and write the decision to ``out``."""
    no_decision(out, base.close)
    if base.open_time != bars[FOLLOWING]:  # only a missing candle leaves a higher one open
        for slot in range(0, SLOTS_END, SLOT):
            started = bars[slot + STARTED]
            if started >= 0.0 and base.open_time >= started + bars[slot + LENGTH]:
                close_bar(bars, slot, filters, state, par, out)
    bars[FOLLOWING] = float(base.open_time + base.length)
    for slot in range(0, SLOTS_END, SLOT):
        length = bars[slot + LENGTH]
        if length == base.length:
            take_bar(slot, filters, state, par, out, base)
        elif length > 0.0:
            grow_bar(bars, slot, base)
            if base.open_time + base.length >= bars[slot + STARTED] + length:
                close_bar(bars, slot, filters, state, par, out)
    out[ATR] = filters[ATR_NOW]


@dataclass(frozen=True, slots=True)
class Decision:
    """What to do after one base candle.

    ``action`` is ``enter``, ``exit`` or ``hold``, whatever the position; ``side`` is +1 or -1.
    ``values`` are the numbers behind ``reason``; ``atr`` is ATR(14) of ``filter_tf`` (a price
    distance, NaN if unknown). ``stop_price``, ``target_price`` and ``confidence`` (0 to 1) are NaN
    for a strategy without them.
    """

    action: str
    side: int
    reason: str
    values: dict[str, float]
    atr: float
    stop_price: float = math.nan
    target_price: float = math.nan
    confidence: float = math.nan


class Decider:
    """One strategy on one symbol, fed with closed base candles in order."""

    def __init__(
        self,
        strategy: Strategy,
        params: Mapping[str, Value],
        base_ms: int,
        forecast_at: Callable[[int], float] | None = None,
    ) -> None:
        """``forecast_at`` returns the forecast known at a close (ms), NaN without."""
        self._forecast_at = forecast_at if strategy.reads_forecasts(params) else None
        self.setup = Setup.of(strategy, params, base_ms)
        self._push = bind(push_candle, strategy_step=self.setup.step)
        self._take_bar = bind(take_bar, strategy_step=self.setup.step)
        self._bars, self._filters, self._state, self._par, self._out = self.setup.buffers()
        self._last_open = -1
        between = f"between {interval_name(self.setup.signal_ms)} candles"
        self._between = between

    @property
    def params(self) -> Mapping[str, Value]:
        """Return the resolved parameters."""
        return self.setup.params

    def history_needed(self) -> dict[int, int]:
        """Return how many closed candles :meth:`warm` needs, by timeframe in ms."""
        return self.setup.history_needed()

    def base_start(self, now_ms: int) -> int:
        """Return the time (ms) from which to feed base candles, if history ends at ``now_ms``.

        It is the start of the longest higher candle that is still open then, or earlier if the
        strategy asks for it (`Strategy.replay_from`): candles that close by then go to
        :meth:`warm`, base candles from then on to :meth:`on_candle`.
        """
        setup = self.setup
        longest = max(setup.signal_ms, setup.filter_ms, setup.hourly_ms, *setup.more)
        start = min(now_ms, setup.strategy.replay_from(setup.params, now_ms))
        return start - (start - first_start(longest)) % longest

    def warm(self, tf_ms: int, candle: Candle) -> None:
        """Feed one closed candle of the history of a higher timeframe; ignore its decision."""
        for slot in range(0, SLOTS_END, SLOT):
            if int(self._bars[slot + LENGTH]) == tf_ms:
                self._bars[slot + BEGUN] = 1.0
                bar = bar_of(candle, tf_ms)
                self._take_bar(slot, self._filters, self._state, self._par, self._out, bar)

    def on_candle(self, candle: Candle) -> Decision:
        """Feed one closed base candle; one that does not follow the last is a `DataError`."""
        if candle.open_time <= self._last_open:
            raise DataError(
                f"candle of {candle.open_time} ms does not follow that of {self._last_open} ms"
            )
        self._last_open = candle.open_time
        out = self._out
        bar = bar_of(candle, self.setup.base_ms)
        if self._forecast_at is not None:
            out[FORECAST] = self._forecast_at(candle.open_time + self.setup.base_ms)
        self._push(self._bars, self._filters, self._state, self._par, out, bar)
        if out[REASON] == NO_SIGNAL_CANDLE:
            return Decision("hold", self.setup.strategy.side, self._between, {}, out[ATR])
        action = ACTIONS[int(out[ACTION])]
        return Decision(
            action,
            int(out[SIDE]) or self.setup.strategy.side,
            self.setup.reason_text(out),
            self._values(),
            out[ATR],
            out[STOP_PRICE],
            out[TARGET_PRICE],
            out[CONFIDENCE],
        )

    def _values(self) -> dict[str, float]:
        named = {
            "seen": self._out[SEEN],
            "limit": self._out[LIMIT],
            "atr": self._filters[ATR_NOW],
            "adx": self._filters[ADX_NOW],
            "trend": self._filters[TREND_NOW],
        }
        return {name: value for name, value in named.items() if not math.isnan(value)}
