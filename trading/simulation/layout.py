"""What the engines' kernels are handed: the machine that decides, signals, horizons, the record."""

from __future__ import annotations

from typing import NamedTuple

from trading.jit.kernel import Buffer

LEVELS_WIDTH = 3
"""Of each entry with levels of its own: side, stop and target (prices, NaN where there is none)."""
TRADE_WIDTH = 4
"""Of each trade in whole numbers: entry row, exit row, reason code and side."""
PRICES_WIDTH = 3
"""Of each trade: entry price, exit price and growth of the equity."""


class Machine(NamedTuple):
    """The buffers of one decider, see :mod:`trading.strategies.decider`."""

    bars: Buffer
    filters: Buffer
    state: Buffer
    par: Buffer
    out: Buffer


class Signals(NamedTuple):
    """Rows on which entries and exits were decided, ascending, and what each entry came with.

    ``levels`` is empty where the strategy gives its entries none.
    """

    entries: list[int]
    atrs: Buffer
    levels: Buffer
    exits: list[int]


class Horizons(NamedTuple):
    """How each entry of a day-bound strategy ends if no level is touched.

    The last row of its day, the reason there, and the first entry that was decided after it; the
    extremes up to that row, NaN until they are asked for. Empty for strategies that hold over the
    day's end.
    """

    ends: list[int]
    codes: list[int]
    following: list[int]
    low: Buffer
    high: Buffer


class Window(NamedTuple):
    """The rows that are traded, first to last, the days they lie in, and the candles' length."""

    first: int
    last: int
    first_day: int
    days: int
    base_ms: int


class Record(NamedTuple):
    """What a run writes, combination after combination: sums and daily returns.

    ``rows`` and ``prices`` receive the trades and ``fills`` the fills of the last combination,
    if ``keeps`` says so (positions in stages note their fills in any case). ``ambiguous`` counts
    candles that held a stop and a target at once, of positions in stages.
    """

    sums: Buffer
    daily: Buffer
    rows: list[int]
    prices: Buffer
    fills: Buffer
    ambiguous: list[int]
    keeps: bool
