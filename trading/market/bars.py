"""Higher candles in the making: a slot of the bar buffer for each timeframe (kernels)."""

from __future__ import annotations

from collections.abc import Sequence

from trading.candles import MONDAY_MS, WEEK_MS
from trading.jit.kernel import Buffer, kernel
from trading.market.rows import Bar

MORE_TFS = 4
"""The most further timeframes that a strategy may look at."""

NO_SIGNAL_CANDLE = 100
"""Reason code of a base candle that closes no signal candle."""

# A slot of the bar buffer: one higher candle in the making. A start below 0 means none.
STARTED = 0
OPEN = 1
HIGH = 2
LOW = 3
CLOSE = 4
VOLUME = 5
LENGTH = 6
BEGUN = 7  # 1 once a candle was seen, of this timeframe or a part of one
PARTIAL = 8  # 1: the series began inside this higher candle, which is not given
SLOT = 9

# The slots in the order in which closed candles are passed on. The signal slot comes last, so that
# it knows higher candles that close at the same time.
FILTER_AT = 0
HOURLY_AT = SLOT
MORE_AT = 2 * SLOT
SIGNAL_AT = MORE_AT + MORE_TFS * SLOT
SLOTS_END = SIGNAL_AT + SLOT
FOLLOWING = SLOTS_END  # when the base candle opens that follows the last one
BARS_SIZE = FOLLOWING + 1


@kernel
def bar_start(time: int, length: int) -> int:
    """Return the start of the candle of ``length`` ms around ``time``; weeks start on Monday."""
    first = MONDAY_MS if length % WEEK_MS == 0 else 0
    return time - (time - first) % length


@kernel
def grow_bar(bars: Buffer, slot: int, bar: Bar) -> None:
    """Add one base candle to the higher candle in the making, or start one."""
    if bars[slot + STARTED] < 0.0:
        start = bar_start(bar.open_time, int(bars[slot + LENGTH]))
        bars[slot + STARTED] = float(start)
        bars[slot + PARTIAL] = 1.0 if bars[slot + BEGUN] == 0.0 and bar.open_time > start else 0.0
        bars[slot + BEGUN] = 1.0
        bars[slot + OPEN] = bar.open
        bars[slot + HIGH] = bar.high
        bars[slot + LOW] = bar.low
        bars[slot + VOLUME] = bar.volume
    else:
        if bar.high > bars[slot + HIGH]:
            bars[slot + HIGH] = bar.high
        if bar.low < bars[slot + LOW]:
            bars[slot + LOW] = bar.low
        bars[slot + VOLUME] += bar.volume
    bars[slot + CLOSE] = bar.close


@kernel
def finished_bar(bars: Buffer, slot: int) -> Bar:
    """Return the higher candle in the making, as it stands."""
    return Bar(
        int(bars[slot + STARTED]),
        int(bars[slot + LENGTH]),
        bars[slot + OPEN],
        bars[slot + HIGH],
        bars[slot + LOW],
        bars[slot + CLOSE],
        bars[slot + VOLUME],
    )


def new_bars(signal_ms: int, filter_ms: int, hourly_ms: int, more_ms: Sequence[int] = ()) -> Buffer:
    """Return the bar buffer before the first candle; a length of 0 switches a slot off."""
    bars = [0.0] * BARS_SIZE
    for slot in range(0, SLOTS_END, SLOT):
        bars[slot + STARTED] = -1.0
    bars[FILTER_AT + LENGTH] = float(filter_ms)
    bars[HOURLY_AT + LENGTH] = float(hourly_ms)
    bars[SIGNAL_AT + LENGTH] = float(signal_ms)
    for place, length in enumerate(more_ms):
        bars[MORE_AT + place * SLOT + LENGTH] = float(length)
    return bars
