"""What the kernels of strategies exchange: the decision, the parameter buffer, the step."""

from __future__ import annotations

from collections.abc import Callable

from trading.jit.kernel import Buffer
from trading.market.rows import Bar, Extremes, Rows

# The decision that a strategy's step writes, by position in the output buffer.
ACTION = 0
REASON = 1
SEEN = 2
LIMIT = 3
ATR = 4
STOP_PRICE = 5
TARGET_PRICE = 6
CONFIDENCE = 7
SIDE = 8
OUT_SIZE = 9

# Parameters of the common filters, by position in the parameter buffer; a strategy's own follow.
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
"""``step(state, par, out, bar)`` on a closed candle.

On a candle of ``signal_tf`` it writes the decision: action and reason, and if it likes its own stop
and target (prices), confidence (0 to 1) and side; these are NaN, NaN, NaN and 0 (the strategy's
own side) before. Candles of :meth:`Strategy.more_tfs` come to the same step, before the signal
candle that closes with them; there it leaves ``out`` alone.
"""


Scan = Callable[[Rows, Extremes, Buffer, int, Buffer, list[int], list[int]], int]
"""``scan(rows, extremes, pars, width, targets, found, found_of)`` finds the entries on unfiltered
base candles for many parameter buffers in one pass.

``pars`` holds buffers of ``width`` numbers, ascending; ``targets`` has room for a number of each.
``found`` receives the rows, in order, ``found_of`` the position of the buffer that enters there.
Returned is the number of all, also of those for which there was no room.
"""
