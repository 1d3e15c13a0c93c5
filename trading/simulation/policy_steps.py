"""An account that a policy steers, step by step, on the kernels of the back-test.

At the close of a candle the policy says which share of the equity a long position takes. It opens
one at the next open, or leaves the open one there; until the next decision the position lives
through every candle, with its stops, slippage, fees and funding, as in a back-test.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np

from trading.candles import CandleColumns, Integers
from trading.errors import ParameterError
from trading.jit import backends
from trading.jit.kernel import Buffer, kernel
from trading.market.funding import Owed
from trading.market.rows import Rows
from trading.positions.exit_rules import R_FEE, R_SLIPPAGE, ExitRules, FillRates
from trading.positions.lifecycle import LIFE_SIZE
from trading.positions.position import ENTRY, NO_EXIT, STRATEGY_EXIT
from trading.simulation.engines.plain_trades import (
    enter_long,
    exit_price_of,
    growth_of,
    market_at_end,
    plain_end,
    plain_paid,
    row_exit,
)
from trading.simulation.engines.trade_log import net_growth
from trading.simulation.layout import RowSpan
from trading.simulation.prepared_candles import PreparedCandles
from trading.simulation.results import Costs

# The book of the account.
OPEN, ENTERED, SHARE, EQUITY, MARKED, TRADES, MEAN, SQUARE, REWARD = range(9)
BOOK_SIZE = 9
# How a step is rewarded.
PER_RETURN, PER_SHARPE, PACE = range(3)
MOST_SHARPE = 5.0
"""A differential Sharpe ratio beyond it says that the estimates have only begun."""


class PolicyTape(NamedTuple):
    """Rows, the funding that a long unit has paid, and the last row that is traded."""

    rows: Rows
    owed: Owed
    last: int


@kernel
def sharpe_gain(book: Buffer, gained: float, pace: float) -> float:
    """Return the differential Sharpe ratio of a step's return, and move the estimates.

    J. Moody and M. Saffell, "Learning to trade via direct reinforcement", 2001, IEEE Transactions
    on Neural Networks 12(4).
    """
    mean, square = book[MEAN], book[SQUARE]
    spread = square - mean * mean
    book[MEAN] = mean + pace * (gained - mean)
    book[SQUARE] = square + pace * (gained * gained - square)
    if not spread > 1e-14:
        return 0.0
    found = square * (gained - mean) - 0.5 * mean * (gained * gained - square)
    found = found / (spread * math.sqrt(spread))
    if found > MOST_SHARPE:
        return MOST_SHARPE
    return found if found > -MOST_SHARPE else -MOST_SHARPE


@kernel
def marked_equity(
    tape: PolicyTape, rules: Buffer, position: Buffer, book: Buffer, row: int
) -> float:
    """Return what the account is worth if its position is sold at the close of ``row``."""
    if book[OPEN] == 0.0:
        return book[EQUITY]
    sold = exit_price_of(STRATEGY_EXIT, tape.rows.closes[row], rules[R_SLIPPAGE])
    growth = growth_of(position[ENTRY], sold, rules[R_FEE])
    paid = plain_paid(position, rules, 0, tape.owed, int(book[ENTERED]), row)
    return book[EQUITY] * net_growth(growth, paid, book[SHARE])


@kernel
def close_policy(
    tape: PolicyTape, rules: Buffer, position: Buffer, book: Buffer, row: int, code: int
) -> None:
    """End the position on ``row`` by ``code``."""
    entered = int(book[ENTERED])
    market = market_at_end(tape.rows, entered, row, code)
    _, growth = plain_end(position, rules, 0, code, market)
    paid = plain_paid(position, rules, 0, tape.owed, entered, row)
    book[EQUITY] = book[EQUITY] * net_growth(growth, paid, book[SHARE])
    book[OPEN] = 0.0
    book[TRADES] += 1.0


@kernel
def step_policy(
    tape: PolicyTape,
    rules: Buffer,
    position: Buffer,
    book: Buffer,
    span: RowSpan,
    wanted: float,
    reward: Buffer,
) -> float:
    """Live through the rows of ``span`` with ``wanted`` of the equity; the reward of the step."""
    rows, first = tape.rows, span.first
    leaves = book[OPEN] > 0.0 and not wanted > 0.0
    if book[OPEN] == 0.0 and wanted > 0.0:
        enter_long(position, rows.opens[first], math.nan, rules, 0)
        book[OPEN] = 1.0
        book[ENTERED] = float(first)
        book[SHARE] = wanted
    for row in range(first, span.horizon + 1):
        if book[OPEN] > 0.0:
            code = row_exit(position, rows, row, 0, row == tape.last, leaves and row == first)
            if code != NO_EXIT:
                close_policy(tape, rules, position, book, row, code)
    before = book[MARKED]
    book[MARKED] = marked_equity(tape, rules, position, book, span.horizon)
    gained = book[MARKED] / before - 1.0
    sharpe = sharpe_gain(book, gained, reward[PACE])
    book[REWARD] = reward[PER_RETURN] * gained + reward[PER_SHARPE] * sharpe
    return book[REWARD]


class SteeredAccount:
    """One symbol's account that is worth 1 at the start; ``decided`` are the rows of decisions.

    The policy decides at the close of each of them but the last, which ends the run.
    """

    def __init__(
        self,
        candles: CandleColumns,
        decided: Integers,
        exits: ExitRules,
        costs: Costs,
        reward: tuple[float, float, float] = (100.0, 0.05, 0.01),
        *,
        compiled: bool = True,
    ) -> None:
        """``reward``: per unit of return, per unit of differential Sharpe ratio, and its pace."""
        if len(decided) < 2 or not (np.diff(decided) > 0).all() or decided[-1] >= len(candles):
            raise ParameterError("decisions need two or more rows of the candles, ascending")
        backend = backends.backend(compiled)
        prepared = PreparedCandles(candles, backend, costs.funding)
        rates = FillRates(costs.fee_bps / 10_000.0, costs.slippage_bps / 10_000.0, None)
        self._decided = [int(row) for row in decided]
        self._tape = PolicyTape(prepared.rows, prepared.owed, self._decided[-1])
        self._rules = backend.floats(exits.layout(1, rates))
        self._position = backend.zeros(LIFE_SIZE)
        self._book = backend.zeros(BOOK_SIZE)
        self._reward = backend.floats(reward)
        self._step = backend.kernel(step_policy)
        self._place = 0
        self.reset()

    def __len__(self) -> int:
        return len(self._decided) - 1

    def reset(self) -> None:
        """Begin again at the first decision, without a position."""
        for place in range(BOOK_SIZE):
            self._book[place] = 0.0
        self._book[EQUITY] = self._book[MARKED] = 1.0
        self._place = 0

    def step(self, wanted: float) -> float:
        """Take the next decision: a share of the equity, 0 for no position; return its reward."""
        here, end = self._decided[self._place], self._decided[self._place + 1]
        self._place += 1
        span = RowSpan(here + 1, end)
        return float(
            self._step(
                self._tape, self._rules, self._position, self._book, span, wanted, self._reward
            )
        )

    @property
    def place(self) -> int:
        """Number of the next decision."""
        return self._place

    @property
    def is_over(self) -> bool:
        """Whether there is no decision left."""
        return self._place >= len(self)

    @property
    def share(self) -> float:
        """Share of the equity that the open position took, or 0."""
        return float(self._book[SHARE]) if self._book[OPEN] > 0.0 else 0.0

    @property
    def equity(self) -> float:
        """What the account is worth, its position sold at the last close."""
        return float(self._book[MARKED])

    @property
    def trades(self) -> int:
        """Trades that have ended."""
        return int(self._book[TRADES])
