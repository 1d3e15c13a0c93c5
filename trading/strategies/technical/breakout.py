"""Volatility breakout (Larry Williams, 1999): buy beyond a share of yesterday's range."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import ClassVar

from trading.candles import DAY_MS
from trading.indicators.comparison import above
from trading.indicators.core import SPANS_TO_FORGET, ema_step
from trading.jit.kernel import Buffer, kernel
from trading.market.rows import BLOCK, Bar, Extremes, Rows
from trading.strategies.base import Strategy
from trading.strategies.layout import (
    ACTION,
    ENTER,
    FILTERED,
    FILTERS_ON,
    HOLD,
    LIMIT,
    OWN,
    REASON,
    SEEN,
)
from trading.strategies.parameters import Parameter, Value

TREND_SPAN = 50

K = OWN
TRIGGER = OWN + 1

LEVEL, CROSS = 0.0, 1.0

ENTERED = 1
BELOW = 2
NO_YESTERDAY = 3
ABOVE_ALREADY = 4
LAST_OF_DAY = 5
BELOW_MEAN = 6
ENTERED_TODAY = 7

# Layout of the state.
NEXT_DAY = 0  # ms; 0 = nothing seen
HIGH = 1
LOW = 2
TARGET = 3
LAST_CLOSE = 4
MEAN = 5
ENTRY = 7
WHOLE = 8  # 1: the day was seen from its first candle on
STATE_SIZE = 9

# What is known of the entry of the day.
NO_ENTRY = 0.0
GIVEN = 1.0  # on the last candle; the filters may have held it
MADE = 2.0

NAN = math.nan


@kernel
def target_of(day_open: float, high: float, low: float, k: float) -> float:
    """Return the target of a day: its open plus the share ``k`` of yesterday's range."""
    return day_open + (high - low) * k


@kernel
def crosses(last_close: float, close: float, target: float) -> bool:
    """Return whether ``close`` is above the target and the close before it was not."""
    return above(close, target) and not above(last_close, target)


@kernel
def count_below(targets: Buffer, count: int, below: int, close: float) -> int:
    """Return how many of ``count`` ascending targets lie below ``close``; ``below`` is a guess."""
    while below < count and above(close, targets[below]):
        below += 1
    while below > 0 and not above(close, targets[below - 1]):
        below -= 1
    return below


@kernel
def scan_day(
    rows: Rows,
    extremes: Extremes,
    targets: Buffer,
    day: int,
    found: list[int],
    found_of: list[int],
    at: int,
) -> int:
    """Append the upward crossings of all ``targets`` (ascending) on a day, and return the count.

    The last row of the day is left out. Crossings are written while there is room, and all are
    counted.
    """
    first, last = extremes.days[day], extremes.days[day + 1] - 1
    count = len(targets)
    below = count_below(targets, count, 0, rows.closes[first - 1])
    i = first
    while i < last:
        b = i // BLOCK
        if (
            i % BLOCK == 0
            and (below == count or extremes.most[b] <= targets[below])
            and (below == 0 or above(extremes.least[b], targets[below - 1]))
        ):
            i += BLOCK  # the whole block lies between two targets
            continue
        close = rows.closes[i]
        if (below < count and above(close, targets[below])) or (
            below > 0 and not above(close, targets[below - 1])
        ):
            now = count_below(targets, count, below, close)
            for k in range(below, now):
                if at < len(found):
                    found[at] = i
                    found_of[at] = k
                at += 1
            below = now
        i += 1
    return at


@kernel
def scan_day_once(
    rows: Rows,
    extremes: Extremes,
    targets: Buffer,
    day: int,
    found: list[int],
    found_of: list[int],
    at: int,
) -> int:
    """Append the first close of a day above each of ``targets`` (ascending); see `scan_day`."""
    i, last = extremes.days[day], extremes.days[day + 1] - 1
    count = len(targets)
    below = 0
    while i < last and below < count:
        if i % BLOCK == 0 and extremes.most[i // BLOCK] <= targets[below]:
            i += BLOCK
            continue
        close = rows.closes[i]
        while below < count and above(close, targets[below]):
            if at < len(found):
                found[at] = i
                found_of[at] = below
            at += 1
            below += 1
        i += 1
    return at


@kernel
def breakout_scan(
    rows: Rows,
    extremes: Extremes,
    pars: Buffer,
    width: int,
    targets: Buffer,
    found: list[int],
    found_of: list[int],
) -> int:
    """Find the rows on which :func:`breakout_step` enters without filters, for all k at once.

    All sets have the trigger of the first one. A day in which the rows begin has no range.
    """
    days, times = extremes.days, rows.times
    at = 0
    whole = 1 if times[0] % DAY_MS == 0 else 2
    for d in range(whole, len(days) - 1):
        row, yesterday = days[d], days[d - 1]
        if times[row] // DAY_MS == times[yesterday] // DAY_MS + 1:
            high, low = extremes.day_high[d - 1], extremes.day_low[d - 1]
            for k in range(len(targets)):
                targets[k] = target_of(rows.opens[row], high, low, pars[k * width + K])
            if extremes.day_high[d] > targets[0]:
                if pars[TRIGGER] == CROSS:
                    at = scan_day(rows, extremes, targets, d, found, found_of, at)
                else:
                    at = scan_day_once(rows, extremes, targets, d, found, found_of, at)
    return at


@kernel
def breakout_step(state: Buffer, par: Buffer, out: Buffer, bar: Bar) -> None:
    """Evaluate one closed candle of ``signal_tf``."""
    if bar.open_time >= state[NEXT_DAY]:
        if state[WHOLE] > 0.0 and bar.open_time < state[NEXT_DAY] + DAY_MS:
            state[TARGET] = target_of(bar.open, state[HIGH], state[LOW], par[K])
        else:
            state[TARGET] = NAN
        # Only the day in which the series begins may lack its first candles.
        state[WHOLE] = 1.0 if state[NEXT_DAY] > 0.0 or bar.open_time % DAY_MS == 0 else 0.0
        state[NEXT_DAY] = float(bar.open_time - bar.open_time % DAY_MS + DAY_MS)
        state[HIGH] = bar.high
        state[LOW] = bar.low
        state[ENTRY] = NO_ENTRY
    else:
        if bar.high > state[HIGH]:
            state[HIGH] = bar.high
        if bar.low < state[LOW]:
            state[LOW] = bar.low
    if state[ENTRY] == GIVEN:
        state[ENTRY] = NO_ENTRY if out[FILTERED] > 0.0 else MADE
    mean = NAN
    if par[FILTERS_ON] > 0.0:
        mean = ema_step(state, MEAN, TREND_SPAN, bar.close)
    last_close = state[LAST_CLOSE]
    state[LAST_CLOSE] = bar.close
    target = state[TARGET]
    out[ACTION] = HOLD
    out[SEEN] = bar.close
    out[LIMIT] = target
    if not above(bar.close, target):
        out[REASON] = BELOW if target == target else NO_YESTERDAY
    elif par[TRIGGER] == CROSS and not crosses(last_close, bar.close, target):
        out[REASON] = ABOVE_ALREADY
        out[SEEN] = last_close
    elif par[TRIGGER] == LEVEL and state[ENTRY] == MADE:
        out[REASON] = ENTERED_TODAY
    elif (bar.open_time + bar.length) % DAY_MS == 0:
        out[REASON] = LAST_OF_DAY
    elif par[FILTERS_ON] > 0.0 and not above(bar.close, mean):
        out[REASON] = BELOW_MEAN
        out[LIMIT] = mean
    else:
        out[ACTION] = ENTER
        out[REASON] = ENTERED
        state[ENTRY] = GIVEN


class Breakout(Strategy):
    """Enter on a close above today's open + yesterday's range x k; leave at the day's end.

    With the trigger ``level`` the first such close of a day that passes every filter enters, once a
    day; with ``cross`` each close that the filters pass and that follows one not above.
    """

    name = "breakout"
    summary = "Buy a close above today's open + yesterday's range x k; out at the UTC day's end."
    own = (
        Parameter("k", "float", 0.5, 0.0, 2.0, help="share of yesterday's range; 0.4 to 0.7"),
        Parameter(
            "trigger",
            "choice",
            "level",
            choices=("level", "cross"),
            help="level: first close above, once a day; cross: the close before was not above",
        ),
    )
    day_end = True
    step = staticmethod(breakout_step)
    scan = staticmethod(breakout_scan)
    reasons: ClassVar[Mapping[int, str]] = {
        ENTERED: "entered: close {seen:.8g} above target {limit:.8g}",
        BELOW: "close {seen:.8g} not above target {limit:.8g}",
        NO_YESTERDAY: "no target: the calendar day before is not whole",
        ABOVE_ALREADY: "no new cross: last close {seen:.8g} already above target {limit:.8g}",
        LAST_OF_DAY: "entry held: the day's last candle",
        BELOW_MEAN: "entry held: close {seen:.8g} <= EMA50 {limit:.8g}",
        ENTERED_TODAY: "entered today already: close {seen:.8g} above target {limit:.8g}",
    }

    def state_size(self, params: Mapping[str, Value]) -> int:
        """Return the size of the day, its extremes, target and entry, last close and mean."""
        del params
        return STATE_SIZE

    def replay_from(self, params: Mapping[str, Value], now_ms: int) -> int:
        """Return the start of the day with ``level``: the day may have had its entry."""
        return now_ms - now_ms % DAY_MS if params["trigger"] == "level" else now_ms

    def warmup(self, params: Mapping[str, Value]) -> int:
        """Return two days, or the memory of the mean if that is longer."""
        two_days = -(-2 * DAY_MS // self.signal_tf(params))
        return max(two_days, SPANS_TO_FORGET * TREND_SPAN if self.filters_on(params) else 0)
