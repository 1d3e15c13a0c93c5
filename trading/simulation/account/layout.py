"""What the account's kernels are given: candles, strategies, the account's state, and the log."""

from __future__ import annotations

from typing import NamedTuple

from trading.jit.kernel import Buffer

# Limits of the account.
MAX_POSITIONS = 0
MAX_EXPOSURE = 1
DAILY_LOSS = 2
IMPACT = 3
MAX_CORRELATION = 4

# What the venue requires of a symbol: a row each.
STEP_SIZE = 0
MIN_NOTIONAL = 1
VENUE_SIZE = 2

# The account's money.
WALLET = 0
BASELINE = 1
DAY = 2
FUNDING = 3
AMBIGUOUS_CANDLES = 4

# Why an entry was refused.
HELD_BY_ANOTHER = 0
TOO_MANY = 1
EXPOSURE = 2
LOSS_LIMIT = 3
TOO_SMALL = 4
BEYOND_LEVEL = 5
CORRELATED = 6
NO_SHARE = 7
REFUSALS = (
    "held by another",
    "too many positions",
    "exposure",
    "daily loss limit",
    "too small",
    "beyond its stop or target",
    "correlation",
    "ensemble",
)
"""The reasons as the result names them, by number."""

# What is pending for the next open.
ENTERS = 1
LEAVES = 2

TRADE_INTS = 6  # strategy, entry moment, exit moment, reason code, side, what bound its size
TRADE_FLOATS = 7  # entry price, exit price, quantity, profit, risk wanted, risk taken, spent
FILL_LOG_WIDTH = 5  # strategy, time (ms), code (0: an entry), quantity (above 0: into it), price

# An exchange's grid, a row per strategy, and until when (ms) its next addition waits.
G_TICKS = 0  # per unit of price
G_STEPS = 1  # per unit of quantity
G_FEE = 2  # share of the notional
G_LEAST = 3  # notional of an order that is not reduce-only
G_WAITS = 4
G_PARTS = 5  # parts of the ladder up to the last one that was sold
GRID_SIZE = 6


class Board(NamedTuple):
    """Candles of all symbols end to end: those of symbol ``y`` start at ``firsts[y]``.

    ``row_at`` has the candle of each symbol at each moment (moments x symbols), -1 for none;
    ``silent`` is 1 for each row that no candle stands for, ``funding`` has a rate per row.
    ``correlations`` (days x symbols x symbols) is what is known at the start of each UTC day from
    ``first_day`` on, NaN for unknown; empty means no limit.
    """

    moments: list[int]
    row_at: list[int]
    firsts: list[int]
    silent: list[int]
    funding: Buffer
    correlations: Buffer
    first_day: int
    base_ms: int


class StrategyColumns(NamedTuple):
    """The strategies on the account: symbols, decisions, venues, rules, slippage, allocation.

    ``actions``, ``atrs``, ``sides``, ``stops`` and ``targets`` have a value per strategy and row
    (strategies x rows). ``slippage`` is that without impact. ``shares`` has for each row the
    largest share of the equity that an entry decided on it may take, all additions included; empty
    means no limit. ``scales`` has the share of its size that an entry takes, ``swings`` the move
    behind its leverage; without forecasts both are empty.
    """

    symbols: list[int]
    actions: Buffer
    atrs: Buffer
    sides: Buffer
    stops: Buffer
    targets: Buffer
    venues: Buffer
    rules: Buffer
    slippage: Buffer
    shares: Buffer
    scales: Buffer
    swings: Buffer


class AccountBuffers(NamedTuple):
    """The account's money and limits, and what each strategy holds; it changes all the time.

    ``life`` is the life at hand, a copy of one of ``lives``.
    """

    money: Buffer
    limits: Buffer
    lives: Buffer
    life: Buffer
    pending: list[int]
    entered: list[int]
    marks: Buffer
    fills: Buffer
    refused: list[int]


class AccountLog(NamedTuple):
    """What a run writes: trades in whole numbers and in prices, and the equity at each moment.

    ``made`` has one number: how many trades there are.
    """

    whole: list[int]
    parts: Buffer
    equity: Buffer
    made: list[int]


class FillLog(NamedTuple):
    """Fills in order; ``made`` has one number: how many there are."""

    parts: Buffer
    made: list[int]


class ExchangeState(NamedTuple):
    """What an exchange adds to an account: the symbols' grids, orders on their way, the fills.

    ``wanted`` and ``due`` have a place per strategy: the quantity of an entry that was decided, and
    the code that the last close has triggered.
    """

    grid: Buffer
    wanted: Buffer
    due: list[int]
    fills: FillLog


class HeldLife(NamedTuple):
    """A life at an exchange: the rules that start at ``at``, and the grid of strategy ``s``.

    The rules have no fee and no slippage: both are the exchange's.
    """

    life: Buffer
    rules: Buffer
    at: int
    grid: Buffer
    s: int
