"""Several strategies and symbols on one account, candle by candle (kernels).

Each moment has three parts. At the open, pending exits and entries fill; along the candle, each
position lives; at the close, the strategies decide. ``s`` numbers the strategies.
"""

from __future__ import annotations

import math

from trading.candles import DAY_MS
from trading.jit.kernel import Buffer, apart, kernel
from trading.market.rows import Rows, bar_at
from trading.positions.candle_path import AT_CLOSE, CandleTurn, live_row, settle
from trading.positions.entry_risk import (
    BY_BRACKETS,
    note_risk,
    note_step,
    sizes_by_risk,
)
from trading.positions.exit_rules import (
    R_DAY_END,
    R_FEE,
    R_MOST,
    R_SLIPPAGE,
    RULES_SIZE,
)
from trading.positions.lifecycle import (
    AMBIGUOUS,
    BOUGHT,
    BOUND_BY,
    CASH,
    FILLS,
    LEVERAGE,
    LIFE_SIZE,
    OPENED,
    QUANTITY,
    RISK_TAKEN,
    RISK_WANTED,
    SOLD,
    SPENT,
    Entry,
    begin_life,
)
from trading.positions.position import END_OF_DATA, ENTRY, NO_EXIT, SIDE
from trading.positions.sizing import capped_quantity, planned_of
from trading.simulation.account.entry_sizes import entry_share, has_no_share, sized_by, swing_of
from trading.simulation.account.layout import (
    AMBIGUOUS_CANDLES,
    BASELINE,
    BEYOND_LEVEL,
    CORRELATED,
    DAILY_LOSS,
    DAY,
    ENTERS,
    EXPOSURE,
    FUNDING,
    HELD_BY_ANOTHER,
    IMPACT,
    LEAVES,
    LOSS_LIMIT,
    MAX_CORRELATION,
    MAX_EXPOSURE,
    MAX_POSITIONS,
    MIN_NOTIONAL,
    NO_SHARE,
    STEP_SIZE,
    TOO_MANY,
    TOO_SMALL,
    TRADE_FLOATS,
    TRADE_INTS,
    VENUE_SIZE,
    WALLET,
    AccountBuffers,
    AccountLog,
    Board,
    StrategyColumns,
)
from trading.simulation.signals import ends_day, same_day
from trading.strategies.layout import (
    ENTER,
    EXIT,
)


@kernel
def load(lives: Buffer, s: int, life: Buffer) -> None:
    """Copy the life of strategy ``s`` into ``life``."""
    for i in range(LIFE_SIZE):
        life[i] = lives[s * LIFE_SIZE + i]


@kernel
def store(lives: Buffer, s: int, life: Buffer) -> None:
    """Copy ``life`` back to that of strategy ``s``."""
    for i in range(LIFE_SIZE):
        lives[s * LIFE_SIZE + i] = life[i]


@kernel
def slippage_of(fixed: float, impact: float, notional: float, turnover: float) -> float:
    """Return ``fixed`` plus ``impact`` times the root of the participation in the turnover."""
    if impact <= 0.0:
        return fixed
    share = notional / turnover if turnover > notional else 1.0
    return fixed + impact * math.sqrt(share)


@kernel
def open_value(account: AccountBuffers) -> float:
    """Return what closing everything at the marks would bring in."""
    lives, total = account.lives, 0.0
    for s in range(len(account.marks)):
        held = lives[s * LIFE_SIZE + QUANTITY]
        if held > 0.0:
            value = lives[s * LIFE_SIZE + SIDE] * held * account.marks[s]
            total += lives[s * LIFE_SIZE + CASH] + value
    return total


@kernel
def exposure_of(account: AccountBuffers, rules: Buffer) -> float:
    """Sum of all notionals at the marks; the margin of those that are sized by risk."""
    total = 0.0
    for s in range(len(account.marks)):
        held = account.lives[s * LIFE_SIZE + QUANTITY] * account.marks[s]
        if held > 0.0 and sizes_by_risk(rules, s * RULES_SIZE):
            held /= account.lives[s * LIFE_SIZE + LEVERAGE]
        total += held
    return total


@kernel
def is_correlated(
    account: AccountBuffers, board: Board, symbols: list[int], s: int, side: float, day: int
) -> bool:
    """Whether a position of ``side`` would move with an open one by more than the limit.

    A long and a short of symbols that move together move against each other. An unknown correlation
    counts as too high.
    """
    if len(board.correlations) == 0:
        return False
    width = len(board.firsts) - 1
    row = ((day - board.first_day) * width + symbols[s]) * width
    for other in range(len(symbols)):
        if account.lives[other * LIFE_SIZE + QUANTITY] > 0.0:
            together = side * account.lives[other * LIFE_SIZE + SIDE]
            shared = together * board.correlations[row + symbols[other]]
            if not shared <= account.limits[MAX_CORRELATION]:
                return True
    return False


@kernel
def refusal(
    account: AccountBuffers,
    board: Board,
    traded: StrategyColumns,
    s: int,
    side: float,
    day: int,
    wanted: float,
) -> int:
    """Why the position of notional ``wanted`` that the life at hand began is refused, or -1."""
    money, limits, symbols = account.money, account.limits, traded.symbols
    if sizes_by_risk(traded.rules, s * RULES_SIZE):
        wanted /= account.life[LEVERAGE]
    held = 0
    for other in range(len(symbols)):
        if account.lives[other * LIFE_SIZE + QUANTITY] > 0.0:
            held += 1
            if symbols[other] == symbols[s]:
                return HELD_BY_ANOTHER
    if held >= limits[MAX_POSITIONS]:
        return TOO_MANY
    equity = money[WALLET] + open_value(account)
    if equity <= money[BASELINE] * (1.0 - limits[DAILY_LOSS]):
        return LOSS_LIMIT
    if is_correlated(account, board, symbols, s, side, day):
        return CORRELATED
    if exposure_of(account, traded.rules) + wanted > limits[MAX_EXPOSURE] * equity:
        return EXPOSURE
    return -1


@kernel
def log_trade(log: AccountLog, life: Buffer, s: int, entered: int, left: int, code: int) -> None:
    """Write a trade of strategy ``s``."""
    at = TRADE_INTS * log.made[0]
    log.whole[at] = s
    log.whole[at + 1] = entered
    log.whole[at + 2] = left
    log.whole[at + 3] = code
    log.whole[at + 4] = int(life[SIDE])
    log.whole[at + 5] = int(life[BOUND_BY])
    at = TRADE_FLOATS * log.made[0]
    log.parts[at] = life[ENTRY]
    log.parts[at + 1] = life[SOLD] / life[BOUGHT]
    log.parts[at + 2] = life[BOUGHT]
    log.parts[at + 3] = life[CASH]
    log.parts[at + 4] = life[RISK_WANTED]
    log.parts[at + 5] = life[RISK_TAKEN]
    log.parts[at + 6] = life[SPENT]
    log.made[0] += 1


@apart
def enter_position(
    account: AccountBuffers,
    board: Board,
    traded: StrategyColumns,
    s: int,
    decided: int,
    market: float,
    time: int,
) -> int:
    """Open the position of strategy ``s``, decided at ``decided``; -1, or why it was refused."""
    at, life = s * RULES_SIZE, account.life
    if has_no_share(traded, decided):
        return NO_SHARE
    side = traded.sides[decided]
    stop, target = traded.stops[decided], traded.targets[decided]
    if side * market <= side * stop or side * market >= side * target:
        return BEYOND_LEVEL
    slip, fee = traded.rules[at + R_SLIPPAGE], traded.rules[at + R_FEE]
    price = market * (1.0 + side * slip)
    equity = account.money[WALLET] + open_value(account)
    atr, swing = traded.atrs[decided], swing_of(traded, decided)
    entry = Entry(side, price, 1.0, atr, stop, target, time, 1.0, swing)
    begin_life(life, traded.rules, at, entry)
    quantity = sized_by(account, traded, s, decided, equity, price, fee)
    whole = quantity
    planned = quantity * price * planned_of(traded.rules, at)
    quantity = capped_quantity(quantity, planned, traded.rules[at + R_MOST])
    if quantity < whole:
        life[BOUND_BY] = BY_BRACKETS
    step = traded.venues[s * VENUE_SIZE + STEP_SIZE]
    if step > 0.0:
        sized = quantity
        quantity = int(sized / step + 1e-9) * step
        note_step(life, sized, quantity)
    notional = quantity * price
    why = refusal(account, board, traded, s, side, time // DAY_MS, notional)
    if why >= 0:
        return why
    if quantity <= 0.0 or notional < traded.venues[s * VENUE_SIZE + MIN_NOTIONAL]:
        return TOO_SMALL
    entry = Entry(side, price, quantity, atr, stop, target, time, 1.0, swing)
    begin_life(life, traded.rules, at, entry)
    note_risk(life, traded.rules, at, equity, fee, slip)
    store(account.lives, s, life)
    return -1


@apart
def live_candle(
    account: AccountBuffers,
    rows: Rows,
    board: Board,
    traded: StrategyColumns,
    s: int,
    row: int,
    leaves: bool,
) -> int:
    """Pay funding and live through one candle; the code of an end, or 0."""
    life, rules, at = account.life, traded.rules, s * RULES_SIZE
    end = board.firsts[traded.symbols[s] + 1]
    rate = board.funding[row]
    if rate != 0.0 and rows.times[row] > int(life[OPENED]):
        paid = life[SIDE] * life[QUANTITY] * rows.opens[row] * rate
        life[CASH] = life[CASH] - paid
        account.money[FUNDING] += paid
    life[FILLS] = 0.0
    bound = rules[at + R_DAY_END] > 0.0
    day_ends = AT_CLOSE if bound and ends_day(rows, row, board.base_ms) else 0
    turn = CandleTurn(row, day_ends, leaves)
    code = live_row(life, rules, at, bar_at(rows, row, board.base_ms), turn, account.fills)
    if code == NO_EXIT and row + 1 == end:
        code = settle(life, rules, at, END_OF_DATA, rows.closes[row], row, account.fills)
    return code


@kernel
def pending_after(held_before: bool, held: bool, action: float, may_enter: bool) -> int:
    """Return what a decision leaves for the next open: nothing, an entry, or an exit."""
    if held and action == EXIT:
        return LEAVES
    if not held_before and action == ENTER and may_enter:
        return ENTERS
    return 0


@kernel
def begin_moment(account: AccountBuffers, moment: int, is_first: bool) -> None:
    """On a new UTC day, keep the equity from which the day's loss counts."""
    if is_first or moment // DAY_MS != int(account.money[DAY]):
        account.money[DAY] = float(moment // DAY_MS)
        account.money[BASELINE] = account.money[WALLET] + open_value(account)


@kernel
def open_candle(
    account: AccountBuffers,
    rows: Rows,
    board: Board,
    traded: StrategyColumns,
    s: int,
    row: int,
    m: int,
) -> None:
    """Set the slippage by the turnover of ``row``, and fill a pending entry at its open."""
    held = account.lives[s * LIFE_SIZE + QUANTITY]
    account.marks[s] = rows.opens[row]
    notional = held * rows.opens[row]
    enters = not held > 0.0 and account.pending[s] == ENTERS
    decided = s * len(rows.times) + row - 1
    if enters:
        notional = account.money[WALLET] * entry_share(traded, s, decided)
    turnover = rows.volumes[row] * rows.opens[row]
    slip = slippage_of(traded.slippage[s], account.limits[IMPACT], notional, turnover)
    traded.rules[s * RULES_SIZE + R_SLIPPAGE] = slip
    if enters:
        why = enter_position(account, board, traded, s, decided, rows.opens[row], rows.times[row])
        if why < 0:
            account.entered[s] = m
        else:
            account.refused[why] += 1


@kernel
def share_account(
    rows: Rows, board: Board, traded: StrategyColumns, account: AccountBuffers, log: AccountLog
) -> int:
    """Trade all strategies over all moments; the number of trades."""
    lives, life, money = account.lives, account.life, account.money
    symbols = len(board.firsts) - 1
    for m in range(len(board.moments)):
        begin_moment(account, board.moments[m], m == 0)
        for s in range(len(traded.symbols)):
            row = board.row_at[m * symbols + traded.symbols[s]]
            if row < 0:
                continue
            end = board.firsts[traded.symbols[s] + 1]
            at = s * RULES_SIZE
            leaves = lives[s * LIFE_SIZE + QUANTITY] > 0.0 and account.pending[s] == LEAVES
            open_candle(account, rows, board, traded, s, row, m)
            alive = lives[s * LIFE_SIZE + QUANTITY] > 0.0
            if alive:
                load(lives, s, life)
                code = live_candle(account, rows, board, traded, s, row, leaves)
                if code != NO_EXIT:
                    money[WALLET] += life[CASH]
                    money[AMBIGUOUS_CANDLES] += life[AMBIGUOUS]
                    log_trade(log, life, s, account.entered[s], m, code)
                store(lives, s, life)
            account.marks[s] = rows.closes[row]
            held_now = lives[s * LIFE_SIZE + QUANTITY] > 0.0
            bound = traded.rules[at + R_DAY_END] > 0.0
            may_enter = row + 1 < end and (not bound or same_day(rows.times, row, row + 1))
            action = traded.actions[s * len(rows.times) + row]
            account.pending[s] = pending_after(alive, held_now, action, may_enter)
        log.equity[m] = money[WALLET] + open_value(account)
    return log.made[0]
