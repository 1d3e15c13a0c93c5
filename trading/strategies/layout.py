"""Layout of what strategy kernels exchange: decisions and parameters, and the kernel types."""

from __future__ import annotations

from collections.abc import Callable

from trading.jit.kernel import Buffer
from trading.market.rows import Bar, Extremes, Rows

# The decision that a step writes, by position in the output buffer.
ACTION = 0
REASON = 1
SEEN = 2
LIMIT = 3
ATR = 4
STOP_PRICE = 5
TARGET_PRICE = 6
CONFIDENCE = 7
SIDE = 8
FILTERED = 9  # 1 if the filters held the last entry of the step, else 0; never cleared between
FORECAST = 10  # given: the return of the next hour that is forecast, NaN without; not written
OUT_SIZE = 11

# Parameters of the common filters, by position in the parameter buffer; own parameters follow.
FILTERS_ON = 0
MIN_VOLATILITY = 1
MIN_ADX = 2
TREND_SPAN = 3
HOURLY_ON = 4
NEEDS_ATR = 5
OWN = 6

HOLD = 0.0
ENTER = 1.0
EXIT = 2.0

Step = Callable[[Buffer, Buffer, Buffer, Bar], None]
"""``step(state, par, out, bar)`` evaluates one closed candle.

On a candle of ``signal_tf`` it writes the decision: action and reason, and optionally a stop and a
target (prices), a confidence (0 to 1) and a side. These are NaN, NaN, NaN and 0 (the side of the
strategy) before. The step also receives the candles of :meth:`Strategy.more_tfs`, before the signal
candle that closes with them, and then leaves ``out`` alone.
"""

Scan = Callable[[Rows, Extremes, Buffer, int, Buffer, list[int], list[int]], int]
"""``scan(rows, extremes, pars, width, targets, found, found_of)`` finds all entries in one pass.

It works on unfiltered base candles, for many parameter buffers that differ only at :data:`OWN`.
``pars`` holds the buffers of ``width`` numbers, ascending; ``targets`` has room for one number per
buffer. ``found`` receives the rows, in order, ``found_of`` the position of the buffer that enters
there. The scan returns the number of all entries, including those that had no room.
"""
