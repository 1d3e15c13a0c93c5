"""Several strategies and symbols on one account, candle by candle (kernels).

A seat is one strategy on one symbol. Each moment has three parts: at the open, pending exits and
entries fill; along the candle, each position lives; at the close, the seats decide.
"""

from __future__ import annotations

import math
from typing import NamedTuple

from trading.candles import DAY_MS
from trading.jit.kernel import Buffer, apart, kernel
from trading.market.rows import Rows
from trading.positions.candle_path import live_row, settle
from trading.positions.exit_rules import R_DAY_END, R_MOST, R_SLIPPAGE, RULES_SIZE
from trading.positions.lifecycle import (
    AMBIGUOUS,
    BOUGHT,
    CASH,
    FILLS,
    LIFE_SIZE,
    OPENED,
    QUANTITY,
    SOLD,
    begin_life,
)
from trading.positions.position import END_OF_DATA, ENTRY, NO_EXIT, SIDE
from trading.positions.sizing import capped_quantity, planned_of, sized_quantity
from trading.strategies.layout import ENTER, EXIT

# Limits of the account.
MAX_POSITIONS = 0
MAX_EXPOSURE = 1
DAILY_LOSS = 2
IMPACT = 3
MAX_CORRELATION = 4
LIMITS_SIZE = 5

# What an instrument asks for, and how much of the equity a seat takes: a row a seat.
STEP_SIZE = 0
MIN_NOTIONAL = 1
SHARE = 2
RISK = 3
SEAT_SIZE = 4

# The account.
WALLET = 0
BASELINE = 1
DAY = 2
FUNDING = 3
AMBIGUOUS_CANDLES = 4
ACCOUNT_SIZE = 5

# Why an entry was refused.
HELD_BY_ANOTHER = 0
TOO_MANY = 1
EXPOSURE = 2
LOSS_LIMIT = 3
TOO_SMALL = 4
BEYOND_LEVEL = 5
CORRELATED = 6
NO_SHARE = 7
REFUSALS = 8

# What is pending for the next open.
ENTERS = 1
LEAVES = 2

TRADE_INTS = 5  # seat, entry moment, exit moment, reason code, side
TRADE_FLOATS = 4  # entry price, exit price, quantity, profit


class Board(NamedTuple):
    """Candles of all symbols end to end: those of symbol ``y`` from ``firsts[y]`` on.

    ``row_at`` has the candle of each symbol at each moment (moments x symbols), -1 where there is
    none; ``funding`` a rate for each row. ``correlations`` (days x symbols x symbols) is what is
    known at the start of each UTC day from ``first_day`` on, NaN for unknown; empty: no limit.
    """

    moments: list[int]
    row_at: list[int]
    firsts: list[int]
    funding: Buffer
    correlations: Buffer
    first_day: int
    base_ms: int


class Seats(NamedTuple):
    """The seats: symbol, and for each row action, ATR, side, stop and target (seats x rows); the
    instrument's data, rules, and slippage without impact. ``shares`` has for each row the largest
    share of the equity that an entry decided on it may take, all additions included; empty: no
    limit.
    """

    symbols: list[int]
    actions: Buffer
    atrs: Buffer
    sides: Buffer
    stops: Buffer
    targets: Buffer
    data: Buffer
    rules: Buffer
    fixed: Buffer
    shares: Buffer


class Account(NamedTuple):
    """The account, what it allows, and what the seats hold: it changes all the time."""

    money: Buffer
    limits: Buffer
    lives: Buffer
    life: Buffer
    pending: list[int]
    entered: list[int]
    marks: Buffer
    fills: Buffer
    refused: list[int]


class Journal(NamedTuple):
    """What is written: trades in whole numbers and in prices, and the equity at each moment."""

    whole: list[int]
    parts: Buffer
    equity: Buffer


@kernel
def load(lives: Buffer, seat: int, life: Buffer) -> None:
    """Take the life of ``seat`` in hand."""
    for i in range(LIFE_SIZE):
        life[i] = lives[seat * LIFE_SIZE + i]


@kernel
def store(lives: Buffer, seat: int, life: Buffer) -> None:
    """Put it back."""
    for i in range(LIFE_SIZE):
        lives[seat * LIFE_SIZE + i] = life[i]


@kernel
def slippage_of(fixed: float, impact: float, notional: float, turnover: float) -> float:
    """``fixed`` plus ``impact`` times the root of the participation in the candle's turnover."""
    if impact <= 0.0:
        return fixed
    share = notional / turnover if turnover > notional else 1.0
    return fixed + impact * math.sqrt(share)


@kernel
def open_value(account: Account) -> float:
    """What closing everything at the marks would bring."""
    lives, total = account.lives, 0.0
    for s in range(len(account.marks)):
        held = lives[s * LIFE_SIZE + QUANTITY]
        if held > 0.0:
            value = lives[s * LIFE_SIZE + SIDE] * held * account.marks[s]
            total += lives[s * LIFE_SIZE + CASH] + value
    return total


@kernel
def exposure_of(account: Account) -> float:
    """Sum of all notionals at the marks."""
    total = 0.0
    for s in range(len(account.marks)):
        total += account.lives[s * LIFE_SIZE + QUANTITY] * account.marks[s]
    return total


@kernel
def is_correlated(
    account: Account, board: Board, symbols: list[int], seat: int, side: float, day: int
) -> bool:
    """Whether a position of ``side`` would move with an open one by more than the limit.

    A long and a short of symbols that move together move against each other. What is unknown
    counts as too much.
    """
    if len(board.correlations) == 0:
        return False
    width = len(board.firsts) - 1
    row = ((day - board.first_day) * width + symbols[seat]) * width
    for s in range(len(symbols)):
        if account.lives[s * LIFE_SIZE + QUANTITY] > 0.0:
            together = side * account.lives[s * LIFE_SIZE + SIDE]
            shared = together * board.correlations[row + symbols[s]]
            if not shared <= account.limits[MAX_CORRELATION]:
                return True
    return False


@kernel
def refusal(
    account: Account,
    board: Board,
    symbols: list[int],
    seat: int,
    side: float,
    day: int,
    wanted: float,
) -> int:
    """Why a new position of notional ``wanted`` is not allowed, or -1."""
    money, limits = account.money, account.limits
    held = 0
    for s in range(len(symbols)):
        if account.lives[s * LIFE_SIZE + QUANTITY] > 0.0:
            held += 1
            if symbols[s] == symbols[seat]:
                return HELD_BY_ANOTHER
    if held >= limits[MAX_POSITIONS]:
        return TOO_MANY
    equity = money[WALLET] + open_value(account)
    if equity <= money[BASELINE] * (1.0 - limits[DAILY_LOSS]):
        return LOSS_LIMIT
    if is_correlated(account, board, symbols, seat, side, day):
        return CORRELATED
    if exposure_of(account) + wanted > limits[MAX_EXPOSURE] * equity:
        return EXPOSURE
    return -1


@kernel
def note_trade(
    journal: Journal, count: int, life: Buffer, seat: int, entered: int, left: int, code: int
) -> None:
    """Write trade number ``count``."""
    at = TRADE_INTS * count
    journal.whole[at] = seat
    journal.whole[at + 1] = entered
    journal.whole[at + 2] = left
    journal.whole[at + 3] = code
    journal.whole[at + 4] = int(life[SIDE])
    at = TRADE_FLOATS * count
    journal.parts[at] = life[ENTRY]
    journal.parts[at + 1] = life[SOLD] / life[BOUGHT]
    journal.parts[at + 2] = life[BOUGHT]
    journal.parts[at + 3] = life[CASH]


@kernel
def entry_share(seats: Seats, s: int, word: int) -> float:
    """The largest share of the equity that the entry decided on ``word`` begins with."""
    own = seats.data[s * SEAT_SIZE + SHARE]
    if len(seats.shares) == 0:
        return own
    return min(own, seats.shares[word] / planned_of(seats.rules, s * RULES_SIZE))


@kernel
def has_no_share(seats: Seats, word: int) -> bool:
    """Whether the entry decided on ``word`` may take nothing."""
    return len(seats.shares) > 0 and seats.shares[word] <= 0.0


@apart
def enter_seat(
    account: Account, board: Board, seats: Seats, s: int, word: int, market: float, time: int
) -> int:
    """Open the position of seat ``s`` on its decision ``word`` at the ``market`` price; -1, or why
    it was refused.
    """
    at, data = s * RULES_SIZE, s * SEAT_SIZE
    if has_no_share(seats, word):
        return NO_SHARE
    side = seats.sides[word]
    stop, target = seats.stops[word], seats.targets[word]
    if side * market <= side * stop or side * market >= side * target:
        return BEYOND_LEVEL
    price = market * (1.0 + side * seats.rules[at + R_SLIPPAGE])
    equity = account.money[WALLET] + open_value(account)
    share, risk = entry_share(seats, s, word), seats.data[data + RISK]
    quantity = sized_quantity(equity, price, stop, share, risk)
    planned = quantity * price * planned_of(seats.rules, at)
    quantity = capped_quantity(quantity, planned, seats.rules[at + R_MOST])
    step = seats.data[data + STEP_SIZE]
    if step > 0.0:
        quantity = int(quantity / step + 1e-9) * step
    notional = quantity * price
    why = refusal(account, board, seats.symbols, s, side, time // DAY_MS, notional)
    if why >= 0:
        return why
    if quantity <= 0.0 or notional < seats.data[data + MIN_NOTIONAL]:
        return TOO_SMALL
    atr = seats.atrs[word]
    begin_life(account.life, seats.rules, at, side, price, quantity, atr, stop, target, time, 1.0)
    store(account.lives, s, account.life)
    return -1


@kernel
def last_candle_of_day(times: list[int], row: int, end: int, base_ms: int) -> bool:
    """Whether ``row`` is its day's last among the rows up to ``end``, exclusive."""
    if (times[row] + base_ms) % DAY_MS == 0:
        return True
    return row + 1 < end and times[row + 1] // DAY_MS != times[row] // DAY_MS


@apart
def live_seat(
    account: Account,
    rows: Rows,
    board: Board,
    rules: Buffer,
    at: int,
    row: int,
    end: int,
    leaves: bool,
) -> int:
    """Pay funding and live through one candle; the code of an end, or 0."""
    life = account.life
    rate = board.funding[row]
    if rate != 0.0 and rows.times[row] > int(life[OPENED]):
        paid = life[SIDE] * life[QUANTITY] * rows.opens[row] * rate
        life[CASH] = life[CASH] - paid
        account.money[FUNDING] += paid
    life[FILLS] = 0.0
    bound = rules[at + R_DAY_END] > 0.0
    code = live_row(
        life,
        rules,
        at,
        rows.times[row] + board.base_ms,
        rows.opens[row],
        rows.highs[row],
        rows.lows[row],
        rows.closes[row],
        1 if bound and last_candle_of_day(rows.times, row, end, board.base_ms) else 0,
        leaves,
        row,
        account.fills,
    )
    if code == NO_EXIT and row + 1 == end:
        code = settle(life, rules, at, END_OF_DATA, rows.closes[row], row, account.fills)
    return code


@kernel
def next_word(held_before: bool, held: bool, action: float, may_enter: bool) -> int:
    """What a decision leaves for the next open: nothing, an entry, or an exit."""
    if held and action == EXIT:
        return LEAVES
    if not held_before and action == ENTER and may_enter:
        return ENTERS
    return 0


@kernel
def begin_moment(account: Account, moment: int, is_first: bool) -> None:
    """On a new UTC day, keep the equity that the day's loss is counted from."""
    if is_first or moment // DAY_MS != int(account.money[DAY]):
        account.money[DAY] = float(moment // DAY_MS)
        account.money[BASELINE] = account.money[WALLET] + open_value(account)


@kernel
def open_seat(
    account: Account, rows: Rows, board: Board, seats: Seats, s: int, row: int, m: int
) -> None:
    """What is done at the open of ``row``: slippage by its turnover, and a pending entry."""
    held = account.lives[s * LIFE_SIZE + QUANTITY]
    account.marks[s] = rows.opens[row]
    traded = held * rows.opens[row]
    enters = not held > 0.0 and account.pending[s] == ENTERS
    word = s * len(rows.times) + row - 1
    if enters:
        traded = account.money[WALLET] * entry_share(seats, s, word)
    turnover = rows.volumes[row] * rows.opens[row]
    slip = slippage_of(seats.fixed[s], account.limits[IMPACT], traded, turnover)
    seats.rules[s * RULES_SIZE + R_SLIPPAGE] = slip
    if enters:
        why = enter_seat(account, board, seats, s, word, rows.opens[row], rows.times[row])
        if why < 0:
            account.entered[s] = m
        else:
            account.refused[why] += 1


@kernel
def share_account(
    rows: Rows, board: Board, seats: Seats, account: Account, journal: Journal
) -> int:
    """Trade all seats over all moments; the number of trades."""
    lives, life, money = account.lives, account.life, account.money
    symbols = len(board.firsts) - 1
    count = 0
    for m in range(len(board.moments)):
        begin_moment(account, board.moments[m], m == 0)
        for s in range(len(seats.symbols)):
            row = board.row_at[m * symbols + seats.symbols[s]]
            if row < 0:
                continue
            end = board.firsts[seats.symbols[s] + 1]
            at = s * RULES_SIZE
            leaves = lives[s * LIFE_SIZE + QUANTITY] > 0.0 and account.pending[s] == LEAVES
            open_seat(account, rows, board, seats, s, row, m)
            alive = lives[s * LIFE_SIZE + QUANTITY] > 0.0
            if alive:
                load(lives, s, life)
                code = live_seat(account, rows, board, seats.rules, at, row, end, leaves)
                if code != NO_EXIT:
                    money[WALLET] += life[CASH]
                    money[AMBIGUOUS_CANDLES] += life[AMBIGUOUS]
                    note_trade(journal, count, life, s, account.entered[s], m, code)
                    count += 1
                store(lives, s, life)
            account.marks[s] = rows.closes[row]
            held_now = lives[s * LIFE_SIZE + QUANTITY] > 0.0
            bound = seats.rules[at + R_DAY_END] > 0.0
            over = bound and last_candle_of_day(rows.times, row, end, board.base_ms)
            action = seats.actions[s * len(rows.times) + row]
            account.pending[s] = next_word(alive, held_now, action, row + 1 < end and not over)
        journal.equity[m] = money[WALLET] + open_value(account)
    return count
