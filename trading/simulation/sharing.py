"""Several strategies and symbols on one account, candle by candle (kernels).

A seat is one strategy on one symbol. Each moment has three parts: at the open, pending exits and
entries fill; along the candle, each position lives; at the close, the seats decide.
"""

from __future__ import annotations

import math

from trading.candles import DAY_MS
from trading.kernel import Buffer, kernel
from trading.position import END_OF_DATA, ENTRY, NO_EXIT, OFF, SIDE
from trading.rules import (
    R_CUM,
    R_DAY_END,
    R_MAINTENANCE,
    R_SIDE,
    R_SLIPPAGE,
    RULES_SIZE,
)
from trading.stages import (
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
from trading.strategies.base import ENTER, EXIT
from trading.walking import live_row, settle

# Limits of the account.
MAX_POSITIONS = 0
MAX_EXPOSURE = 1
DAILY_LOSS = 2
IMPACT = 3
LIMITS_SIZE = 4

# What an instrument asks for, and the share of the equity that a seat takes: a row a seat.
STEP_SIZE = 0
MIN_NOTIONAL = 1
SHARE = 2
SEAT_SIZE = 3

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
REFUSALS = 5

BRACKET_SIZE = 3  # cap, rate, amount

# What is pending for the next open.
ENTERS = 1
LEAVES = 2

TRADE_INTS = 4  # seat, entry moment, exit moment, reason code
TRADE_FLOATS = 4  # entry price, exit price, quantity, profit


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
def open_value(lives: Buffer, marks: Buffer, seats: int) -> float:
    """What closing everything at the marks would bring."""
    total = 0.0
    for s in range(seats):
        held = lives[s * LIFE_SIZE + QUANTITY]
        if held > 0.0:
            total += lives[s * LIFE_SIZE + CASH] + lives[s * LIFE_SIZE + SIDE] * held * marks[s]
    return total


@kernel
def exposure_of(lives: Buffer, marks: Buffer, seats: int) -> float:
    """Sum of all notionals at the marks."""
    total = 0.0
    for s in range(seats):
        total += lives[s * LIFE_SIZE + QUANTITY] * marks[s]
    return total


@kernel
def refusal(
    lives: Buffer,
    marks: Buffer,
    symbols: list[int],
    limits: Buffer,
    account: Buffer,
    seat: int,
    wanted: float,
) -> int:
    """Why a new position of notional ``wanted`` is not allowed, or -1."""
    seats = len(symbols)
    held = 0
    for s in range(seats):
        if lives[s * LIFE_SIZE + QUANTITY] > 0.0:
            held += 1
            if symbols[s] == symbols[seat]:
                return HELD_BY_ANOTHER
    if held >= limits[MAX_POSITIONS]:
        return TOO_MANY
    equity = account[WALLET] + open_value(lives, marks, seats)
    if equity <= account[BASELINE] * (1.0 - limits[DAILY_LOSS]):
        return LOSS_LIMIT
    if exposure_of(lives, marks, seats) + wanted > limits[MAX_EXPOSURE] * equity:
        return EXPOSURE
    return -1


@kernel
def note_trade(
    life: Buffer,
    seat: int,
    entered: int,
    left: int,
    code: int,
    count: int,
    whole: list[int],
    parts: Buffer,
) -> None:
    """Write trade number ``count``."""
    at = TRADE_INTS * count
    whole[at] = seat
    whole[at + 1] = entered
    whole[at + 2] = left
    whole[at + 3] = code
    parts[at] = life[ENTRY]
    parts[at + 1] = life[SOLD] / life[BOUGHT]
    parts[at + 2] = life[BOUGHT]
    parts[at + 3] = life[CASH]


@kernel
def enter_seat(
    lives: Buffer,
    life: Buffer,
    marks: Buffer,
    symbols: list[int],
    rules: Buffer,
    brackets: Buffer,
    seats_data: Buffer,
    limits: Buffer,
    account: Buffer,
    s: int,
    price: float,
    atr: float,
    time: int,
) -> int:
    """Open the position of seat ``s`` at ``price``; -1, or why it was refused."""
    equity = account[WALLET] + open_value(lives, marks, len(symbols))
    quantity = equity * seats_data[s * SEAT_SIZE + SHARE] / price
    step = seats_data[s * SEAT_SIZE + STEP_SIZE]
    if step > 0.0:
        quantity = int(quantity / step + 1e-9) * step
    notional = quantity * price
    why = refusal(lives, marks, symbols, limits, account, s, notional)
    if why >= 0:
        return why
    if quantity <= 0.0 or notional < seats_data[s * SEAT_SIZE + MIN_NOTIONAL]:
        return TOO_SMALL
    at = s * RULES_SIZE
    b = 0
    while b + 1 < len(brackets) // BRACKET_SIZE and notional > brackets[BRACKET_SIZE * b]:
        b += 1
    rules[at + R_MAINTENANCE] = brackets[BRACKET_SIZE * b + 1]
    rules[at + R_CUM] = brackets[BRACKET_SIZE * b + 2]
    begin_life(life, rules, at, price, quantity, atr, OFF, OFF, time)
    store(lives, s, life)
    return -1


@kernel
def last_candle_of_day(times: list[int], row: int, end: int, base_ms: int) -> bool:
    """Whether ``row`` is its day's last among the rows up to ``end``, exclusive."""
    if (times[row] + base_ms) % DAY_MS == 0:
        return True
    return row + 1 < end and times[row + 1] // DAY_MS != times[row] // DAY_MS


@kernel
def live_seat(
    life: Buffer,
    rules: Buffer,
    at: int,
    times: list[int],
    opens: Buffer,
    highs: Buffer,
    lows: Buffer,
    closes: Buffer,
    row: int,
    end: int,
    base_ms: int,
    rate: float,
    account: Buffer,
    leaves: bool,
    fills: Buffer,
) -> int:
    """Pay the funding ``rate`` and live through one candle; the code of an end, or 0."""
    if rate != 0.0 and times[row] > int(life[OPENED]):
        paid = life[SIDE] * life[QUANTITY] * opens[row] * rate
        life[CASH] = life[CASH] - paid
        account[FUNDING] += paid
    life[FILLS] = 0.0
    day_ends = rules[at + R_DAY_END] > 0.0 and last_candle_of_day(times, row, end, base_ms)
    code = live_row(
        life,
        rules,
        at,
        times[row] + base_ms,
        opens[row],
        highs[row],
        lows[row],
        closes[row],
        1 if day_ends else 0,
        leaves,
        row,
        fills,
    )
    if code == NO_EXIT and row + 1 == end:
        code = settle(life, rules, at, END_OF_DATA, closes[row], row, fills)
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
def share_account(
    moments: list[int],
    row_at: list[int],
    times: list[int],
    opens: Buffer,
    highs: Buffer,
    lows: Buffer,
    closes: Buffer,
    volumes: Buffer,
    firsts: list[int],
    symbols: list[int],
    actions: Buffer,
    atrs: Buffer,
    funding: Buffer,
    rules: Buffer,
    fixed: Buffer,
    brackets: Buffer,
    seats_data: Buffer,
    limits: Buffer,
    base_ms: int,
    account: Buffer,
    lives: Buffer,
    life: Buffer,
    pending: list[int],
    entered: list[int],
    marks: Buffer,
    fills: Buffer,
    refused: list[int],
    whole: list[int],
    parts: Buffer,
    equity: Buffer,
) -> int:
    """Trade all seats over all ``moments``; the number of trades.

    Candles of all symbols lie end to end: those of symbol ``y`` from ``firsts[y]`` on. ``row_at``
    has the candle of each symbol at each moment (moments x symbols), -1 where there is none.
    """
    seats = len(symbols)
    width = len(firsts) - 1
    count = 0
    for m in range(len(moments)):
        if m == 0 or moments[m] // DAY_MS != int(account[DAY]):
            account[DAY] = float(moments[m] // DAY_MS)
            account[BASELINE] = account[WALLET] + open_value(lives, marks, seats)
        for s in range(seats):
            row = row_at[m * width + symbols[s]]
            if row < 0:
                continue
            end = firsts[symbols[s] + 1]
            at = s * RULES_SIZE
            held = lives[s * LIFE_SIZE + QUANTITY] > 0.0
            leaves = held and pending[s] == LEAVES
            marks[s] = opens[row]
            turnover = volumes[row] * opens[row]
            traded = lives[s * LIFE_SIZE + QUANTITY] * opens[row]
            if not held:
                traded = account[WALLET] * seats_data[s * SEAT_SIZE + SHARE]
            rules[at + R_SLIPPAGE] = slippage_of(fixed[s], limits[IMPACT], traded, turnover)
            if not held and pending[s] == ENTERS:
                why = enter_seat(
                    lives,
                    life,
                    marks,
                    symbols,
                    rules,
                    brackets,
                    seats_data,
                    limits,
                    account,
                    s,
                    opens[row] * (1.0 + rules[at + R_SIDE] * rules[at + R_SLIPPAGE]),
                    atrs[s * len(times) + row - 1],
                    times[row],
                )
                if why < 0:
                    entered[s] = m
                else:
                    refused[why] += 1
            alive = lives[s * LIFE_SIZE + QUANTITY] > 0.0
            if alive:
                load(lives, s, life)
                code = live_seat(
                    life,
                    rules,
                    at,
                    times,
                    opens,
                    highs,
                    lows,
                    closes,
                    row,
                    end,
                    base_ms,
                    funding[row],
                    account,
                    leaves,
                    fills,
                )
                if code != NO_EXIT:
                    account[WALLET] += life[CASH]
                    account[AMBIGUOUS_CANDLES] += life[AMBIGUOUS]
                    note_trade(life, s, entered[s], m, code, count, whole, parts)
                    count += 1
                store(lives, s, life)
            marks[s] = closes[row]
            held_now = lives[s * LIFE_SIZE + QUANTITY] > 0.0
            may_enter = row + 1 < end and not (
                rules[at + R_DAY_END] > 0.0 and last_candle_of_day(times, row, end, base_ms)
            )
            pending[s] = next_word(alive, held_now, actions[s * len(times) + row], may_enter)
        equity[m] = account[WALLET] + open_value(lives, marks, seats)
    return count
