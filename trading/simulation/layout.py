"""What the engines' kernels are given: decider buffers, signals, horizons, and the record."""

from __future__ import annotations

from typing import NamedTuple

from trading.jit.kernel import Buffer
from trading.market.funding import Owed
from trading.market.rows import Extremes, Rows

LEVELS_WIDTH = 3
"""Numbers per entry with levels of its own: side, stop and target (prices, NaN for none)."""
TRADE_WIDTH = 5
"""Whole numbers per trade: entry row, exit row, reason code, side and what bound its size."""
PRICES_WIDTH = 8
"""Numbers per trade: entry and exit price, growth, funding, risk wanted and taken, spent, scale."""


class DeciderBuffers(NamedTuple):
    """The buffers of one decider, see :mod:`trading.strategies.decider`.

    ``forecasts`` are of the next hour's return, known at the close of each row; empty where the
    strategy reads none.
    """

    bars: Buffer
    filters: Buffer
    state: Buffer
    par: Buffer
    out: Buffer
    forecasts: Buffer


class Signals(NamedTuple):
    """Rows on which entries and exits were decided, ascending, and what each entry came with.

    ``levels`` is empty where the strategy gives its entries none. ``scales`` are the shares of
    their size that forecasts leave the entries; empty where they change none.
    """

    entries: list[int]
    atrs: Buffer
    levels: Buffer
    exits: list[int]
    scales: Buffer


class SignalSink(NamedTuple):
    """Where decisions go: the signals, how many entries and exits there are, and the stream.

    ``stream`` receives the decider's output on each row, or is empty.
    """

    signals: Signals
    counts: list[int]
    stream: Buffer


class Horizons(NamedTuple):
    """How each entry of a day-bound strategy ends if no level is touched.

    The row on which its day ends it, the reason there, and the first entry that was decided after
    it; the extremes of the day up to that row, NaN until they are needed. The reason is 0 where the
    last minutes of the day are missing: the open of the row decides. Empty for strategies that hold
    over the day's end.
    """

    ends: list[int]
    codes: list[int]
    following: list[int]
    low: Buffer
    high: Buffer


class TradingWindow(NamedTuple):
    """The rows that are traded, first to last, the days they lie in, and the candles' length."""

    first: int
    last: int
    first_day: int
    days: int
    base_ms: int


class Tape(NamedTuple):
    """What the candle engine trades on.

    ``owed`` is the funding that a long unit has paid, or is empty.
    """

    rows: Rows
    signals: Signals
    window: TradingWindow
    owed: Owed


class JumpTape(NamedTuple):
    """What the jump engine trades on; ``owed`` as in :class:`Tape`."""

    rows: Rows
    extremes: Extremes
    signals: Signals
    horizons: Horizons
    window: TradingWindow
    owed: Owed


class RowSpan(NamedTuple):
    """Rows of one position: the first, or first to look at, and the last that it lives through."""

    first: int
    horizon: int


class Opening(NamedTuple):
    """The market at an entry.

    ``time`` is the candle's open (ms). ``equity`` is what 1 at the start has grown to.
    """

    price: float
    time: int
    equity: float


class ClosedTrade(NamedTuple):
    """One finished trade: its rows, reason code, exit price, growth of the equity and funding.

    ``scale`` is the share of its size that a forecast left it.
    """

    row: int
    exit_row: int
    code: int
    price: float
    growth: float
    funding: float
    scale: float


class Record(NamedTuple):
    """What a run writes, combination after combination: sums and daily returns.

    ``rows`` and ``prices`` receive the trades and ``fills`` the fills of the last combination, if
    ``keeps`` is set (positions in stages always write their fills). ``ambiguous`` counts candles
    that held a stop and a target at once, for positions in stages.
    """

    sums: Buffer
    daily: Buffer
    rows: list[int]
    prices: Buffer
    fills: Buffer
    ambiguous: list[int]
    keeps: bool
