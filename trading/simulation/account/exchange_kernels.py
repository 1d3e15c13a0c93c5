"""Several strategies and symbols on one account at an exchange: the fill profile `exchange`
(kernels).

It does what the executor does at the sandbox exchange in lockstep, in the same order: at the open
of a minute fire what rests, then trade what the close before has asked for, then judge the new
price; along the minute `trading.simulation.account.exchange_fills`; at the close judge the clock,
and decide.
"""

from __future__ import annotations

from typing import NamedTuple

from trading.jit.kernel import Buffer, apart, kernel
from trading.market.rows import Rows
from trading.positions.exit_rules import RULES_SIZE
from trading.positions.lifecycle import CASH, LIFE_SIZE, OPENED, QUANTITY, begin_life, heeds_exit
from trading.positions.position import NO_EXIT, SIDE, STRATEGY_EXIT, TARGET
from trading.positions.sizing import planned_of, sized_quantity
from trading.simulation.account.account_kernels import (
    BEYOND_LEVEL,
    DAY,
    FUNDING,
    HELD_BY_ANOTHER,
    MIN_NOTIONAL,
    NO_SHARE,
    RISK,
    SEAT_SIZE,
    TOO_SMALL,
    WALLET,
    Account,
    Board,
    Journal,
    Seats,
    begin_moment,
    entry_share,
    has_no_share,
    load,
    note_trade,
    open_value,
    refusal,
    store,
)
from trading.simulation.account.exchange_fills import (
    DEAL_WIDTH,
    G_FEE,
    G_LEAST,
    G_STEPS,
    G_TICKS,
    G_WAITS,
    GRID_SIZE,
    Deals,
    act,
    asked_for,
    deal,
    fired,
    in_cents,
    nearest_tick,
    note_deal,
    protective_level,
    quote,
    walk_minute,
    whole_steps,
)
from trading.strategies.layout import ENTER, EXIT

REFUSED = 100
"""More than there are reasons to refuse an entry."""


class Desk(NamedTuple):
    """What an exchange adds to an account: the instruments' grids, what is on its way, the fills.

    ``wanted`` and ``asked`` have a place a seat: the quantity of an entry that was decided, and the
    code that the last close has asked for.
    """

    grid: Buffer
    wanted: Buffer
    asked: list[int]
    deals: Deals


@kernel
def end_trade(account: Account, journal: Journal, desk: Desk, count: int, s: int, code: int) -> int:
    """Write trade number ``count`` (its times in ms) and take its cash home; the next number."""
    life, deals = account.life, desk.deals
    account.money[WALLET] += life[CASH]
    left = int(deals.parts[DEAL_WIDTH * (deals.made[0] - 1) + 1])
    note_trade(journal, count, life, s, int(life[OPENED]), left, code)
    return count + 1


@apart
def wanted_quantity(
    account: Account, board: Board, seats: Seats, desk: Desk, s: int, word: int, close: float
) -> float:
    """Quantity of the entry decided on row ``word``, sized and judged by its ``close``; where it is
    refused, the reason less :data:`REFUSED`.
    """
    life, at, data = account.life, s * RULES_SIZE, s * SEAT_SIZE
    side, atr = seats.sides[word], seats.atrs[word]
    stop, target = seats.stops[word], seats.targets[word]
    if has_no_share(seats, word):
        return NO_SHARE - float(REFUSED)
    for other in range(s):
        if desk.wanted[other] > 0.0 and seats.symbols[other] == seats.symbols[s]:
            return HELD_BY_ANOTHER - float(REFUSED)
    begin_life(life, seats.rules, at, side, close, 1.0, atr, stop, target, 0, 1.0)
    resting = protective_level(life)
    if side * close <= side * resting or side * close >= side * life[TARGET]:
        return BEYOND_LEVEL - float(REFUSED)
    equity = account.money[WALLET] + open_value(account)
    share = min(entry_share(seats, s, word), 1.0 / planned_of(seats.rules, at))
    quantity = sized_quantity(equity, close, resting, share, seats.data[data + RISK])
    quantity = whole_steps(quantity, desk.grid[GRID_SIZE * s + G_STEPS])
    notional = quantity * close
    why = refusal(account, board, seats.symbols, s, side, int(account.money[DAY]), notional)
    if why >= 0:
        return why - float(REFUSED)
    if quantity <= 0.0 or notional < seats.data[data + MIN_NOTIONAL]:
        return TOO_SMALL - float(REFUSED)
    return quantity


@apart
def enter_market(
    account: Account, seats: Seats, desk: Desk, s: int, word: int, market: float, time: int
) -> None:
    """Enter at the quote of the ``market`` price."""
    life, at, side = account.life, s * RULES_SIZE, seats.sides[word]
    quantity = desk.wanted[s]
    price = quote(market, side, desk.grid[GRID_SIZE * s + G_TICKS])
    stop, target = seats.stops[word], seats.targets[word]
    atr = seats.atrs[word]
    begin_life(life, seats.rules, at, side, price, quantity, atr, stop, target, time, 1.0)
    desk.grid[GRID_SIZE * s + G_WAITS] = 0.0
    life[CASH] -= in_cents(quantity * price * desk.grid[GRID_SIZE * s + G_FEE])
    note_deal(desk.deals, s, time, NO_EXIT, quantity, price)


@kernel
def pay_funding(account: Account, board: Board, rows: Rows, row: int) -> None:
    """Funding at the open of ``row``, of the mark price that the last close has left."""
    life, rate = account.life, board.funding[row]
    if rate != 0.0 and rows.times[row] > int(life[OPENED]):
        paid = in_cents(life[SIDE] * life[QUANTITY] * rows.closes[row - 1] * rate)
        life[CASH] -= paid
        account.money[FUNDING] += paid


@apart
def close_market(
    account: Account, seats: Seats, desk: Desk, s: int, leaves: bool, market: float, time: int
) -> int:
    """What the last close has asked for or the strategy's exit, then what the open asks for; the
    code of an end, or 0.
    """
    life, rules, at, asked = account.life, seats.rules, s * RULES_SIZE, desk.asked[s]
    if asked != NO_EXIT:
        deal(life, rules, at, desk.grid, s, asked, market, time, desk.deals)
        if not life[QUANTITY] > 0.0:
            return asked
    elif leaves and heeds_exit(life, rules, at):
        deal(life, rules, at, desk.grid, s, STRATEGY_EXIT, market, time, desk.deals)
        return STRATEGY_EXIT
    return act(life, rules, at, desk.grid, s, market, time, desk.deals)


@kernel
def held_by(account: Account, s: int) -> bool:
    """Whether seat ``s`` holds anything."""
    return account.lives[s * LIFE_SIZE + QUANTITY] > 0.0


@kernel
def open_of(rows: Rows, row: int, desk: Desk, s: int) -> float:
    """The open of ``row`` as it prints."""
    ticks = desk.grid[GRID_SIZE * s + G_TICKS]
    return nearest_tick(rows.opens[row], ticks) / ticks


@apart
def fire_opens(
    rows: Rows,
    board: Board,
    seats: Seats,
    account: Account,
    journal: Journal,
    desk: Desk,
    m: int,
    count: int,
) -> int:
    """Pay funding and fire what rests at the opens of moment ``m``; the number of trades."""
    life = account.life
    for s in range(len(seats.symbols)):
        row = board.row_at[m * (len(board.firsts) - 1) + seats.symbols[s]]
        if row < 0 or not held_by(account, s):
            continue
        load(account.lives, s, life)
        pay_funding(account, board, rows, row)
        market = open_of(rows, row, desk, s)
        code = fired(life, market, desk.grid[GRID_SIZE * s + G_TICKS])
        if code != NO_EXIT:
            at, time = s * RULES_SIZE, board.moments[m]
            deal(life, seats.rules, at, desk.grid, s, code, market, time, desk.deals)
            count = end_trade(account, journal, desk, count, s, code)
        store(account.lives, s, life)
    return count


@apart
def want_entries(
    rows: Rows, board: Board, seats: Seats, account: Account, desk: Desk, m: int
) -> None:
    """Size the entries that were decided on the candles before moment ``m``."""
    for s in range(len(seats.symbols)):
        desk.wanted[s] = 0.0
        row = board.row_at[m * (len(board.firsts) - 1) + seats.symbols[s]]
        if row < 0 or row == board.firsts[seats.symbols[s]] or held_by(account, s):
            continue
        word = s * len(rows.times) + row - 1
        if seats.actions[word] != ENTER:
            continue
        close = rows.closes[row - 1]
        quantity = wanted_quantity(account, board, seats, desk, s, word, close)
        if quantity < 0.0:
            account.refused[int(quantity) + REFUSED] += 1
        else:
            desk.wanted[s] = quantity


@apart
def live_minute(
    rows: Rows, board: Board, seats: Seats, account: Account, desk: Desk, s: int, row: int
) -> int:
    """Seat ``s`` from the open of ``row`` to its close; the code of an end, or 0."""
    life, at, time = account.life, s * RULES_SIZE, rows.times[row]
    market, word = open_of(rows, row, desk, s), s * len(rows.times) + row - 1
    if desk.wanted[s] > 0.0 and desk.wanted[s] * market < desk.grid[GRID_SIZE * s + G_LEAST]:
        # Large enough at the close, not at the open: the exchange refuses it.
        account.refused[TOO_SMALL] += 1
        return NO_EXIT
    if desk.wanted[s] > 0.0:
        enter_market(account, seats, desk, s, word, market, time)
        code = act(life, seats.rules, at, desk.grid, s, market, time, desk.deals)
    else:
        load(account.lives, s, life)
        leaves = seats.actions[word] == EXIT
        code = close_market(account, seats, desk, s, leaves, market, time)
    if code == NO_EXIT:
        code = walk_minute(
            life,
            seats.rules,
            at,
            desk.grid,
            s,
            time,
            rows.opens[row],
            rows.highs[row],
            rows.lows[row],
            rows.closes[row],
            desk.deals,
        )
    if code == NO_EXIT:
        closed = time + board.base_ms
        close = rows.closes[row]
        desk.asked[s] = asked_for(life, seats.rules, at, desk.grid, s, close, closed)
    store(account.lives, s, life)
    return code


@kernel
def trade_at_exchange(
    rows: Rows, board: Board, seats: Seats, account: Account, journal: Journal, desk: Desk
) -> int:
    """Trade all seats over all moments; the number of trades."""
    symbols, count = len(board.firsts) - 1, 0
    for m in range(len(board.moments)):
        begin_moment(account, board.moments[m], m == 0)
        count = fire_opens(rows, board, seats, account, journal, desk, m, count)
        want_entries(rows, board, seats, account, desk, m)
        for s in range(len(seats.symbols)):
            row = board.row_at[m * symbols + seats.symbols[s]]
            if row < 0:
                continue
            if desk.wanted[s] > 0.0 or held_by(account, s):
                code = live_minute(rows, board, seats, account, desk, s, row)
                if code != NO_EXIT:
                    count = end_trade(account, journal, desk, count, s, code)
            account.marks[s] = rows.closes[row]
        journal.equity[m] = account.money[WALLET] + open_value(account)
    return count
