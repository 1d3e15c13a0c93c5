"""Several strategies on one account at an exchange: the fill profile `exchange` (kernels).

It does what the executor does at the sandbox exchange in lockstep, in the same order. At the open
of a minute it fires what rests, trades what the close before has triggered, then checks the new
price. Along the minute it follows `trading.simulation.account.exchange_fills`. At the close it
checks the clock and decides. ``s`` numbers the strategies.
"""

from __future__ import annotations

from trading.jit.kernel import apart, kernel
from trading.market.rows import Rows, bar_at
from trading.positions.entry_risk import note_risk, note_step, protective_level, sizes_by_risk
from trading.positions.exit_rules import RULES_SIZE
from trading.positions.lifecycle import (
    BOUND_BY,
    CASH,
    LEVERAGE,
    LIFE_SIZE,
    OPENED,
    QUANTITY,
    RISK_TAKEN,
    RISK_WANTED,
    Entry,
    begin_life,
    heeds_exit,
    set_levels,
)
from trading.positions.position import NO_EXIT, SIDE, STRATEGY_EXIT, TARGET
from trading.positions.sizing import planned_of
from trading.simulation.account.entry_sizes import (
    entry_share,
    has_no_share,
    scale_of,
    sized_by,
    swing_of,
)
from trading.simulation.account.exchange_fills import (
    act,
    execute,
    fired,
    in_cents,
    log_fill,
    nearest_tick,
    quote,
    triggered,
    walk_minute,
    whole_steps,
)
from trading.simulation.account.kernels import (
    begin_moment,
    load,
    log_trade,
    open_value,
    refusal,
    store,
)
from trading.simulation.account.layout import (
    BEYOND_LEVEL,
    DAY,
    FILL_LOG_WIDTH,
    FUNDING,
    G_FEE,
    G_LEAST,
    G_PARTS,
    G_STEPS,
    G_TICKS,
    G_WAITS,
    GRID_SIZE,
    HELD_BY_ANOTHER,
    MIN_NOTIONAL,
    NO_SHARE,
    TOO_SMALL,
    VENUE_SIZE,
    WALLET,
    AccountBuffers,
    AccountLog,
    Board,
    ExchangeState,
    HeldLife,
    StrategyColumns,
)
from trading.strategies.layout import ENTER, EXIT

DECIDED = (RISK_WANTED, RISK_TAKEN, BOUND_BY, LEVERAGE)
"""What an entry keeps from its decision: its risk, and the leverage that is set before it."""
REFUSED = 100
"""More than the number of reasons to refuse an entry."""


@kernel
def holding_of(
    account: AccountBuffers, traded: StrategyColumns, exchange: ExchangeState, s: int
) -> HeldLife:
    """Return the life at hand with the rules and the grid of strategy ``s``."""
    return HeldLife(account.life, traded.rules, s * RULES_SIZE, exchange.grid, s)


@kernel
def end_trade(
    account: AccountBuffers, log: AccountLog, exchange: ExchangeState, s: int, code: int
) -> None:
    """Write a trade (its times in ms) and take its cash home."""
    life, fills = account.life, exchange.fills
    account.money[WALLET] += life[CASH]
    left = int(fills.parts[FILL_LOG_WIDTH * (fills.made[0] - 1) + 1])
    log_trade(log, life, s, int(life[OPENED]), left, code)


@apart
def wanted_quantity(
    account: AccountBuffers,
    board: Board,
    traded: StrategyColumns,
    exchange: ExchangeState,
    s: int,
    decided: int,
    close: float,
) -> float:
    """Quantity of the entry decided at ``decided``, sized and checked by its ``close``.

    Where it is refused, the reason less :data:`REFUSED`.
    """
    life, at = account.life, s * RULES_SIZE
    side, atr = traded.sides[decided], traded.atrs[decided]
    stop, target = traded.stops[decided], traded.targets[decided]
    if has_no_share(traded, decided):
        return NO_SHARE - float(REFUSED)
    for other in range(s):
        if exchange.wanted[other] > 0.0 and traded.symbols[other] == traded.symbols[s]:
            return HELD_BY_ANOTHER - float(REFUSED)
    swing = swing_of(traded, decided)
    entry = Entry(side, close, 1.0, atr, stop, target, 0, 1.0, swing)
    begin_life(life, traded.rules, at, entry)
    resting = protective_level(life)
    if side * close <= side * resting or side * close >= side * life[TARGET]:
        return BEYOND_LEVEL - float(REFUSED)
    equity = account.money[WALLET] + open_value(account)
    fee = exchange.grid[GRID_SIZE * s + G_FEE]
    if sizes_by_risk(traded.rules, at):
        quantity = sized_by(account, traded, s, decided, equity, close, fee)
    else:
        share = min(entry_share(traded, s, decided), 1.0 / planned_of(traded.rules, at))
        quantity = equity * share / close * scale_of(traded, decided)
    sized = quantity
    quantity = whole_steps(sized, exchange.grid[GRID_SIZE * s + G_STEPS])
    note_step(life, sized, quantity)
    notional = quantity * close
    why = refusal(account, board, traded, s, side, int(account.money[DAY]), notional)
    if why >= 0:
        return why - float(REFUSED)
    if quantity <= 0.0 or notional < traded.venues[s * VENUE_SIZE + MIN_NOTIONAL]:
        return TOO_SMALL - float(REFUSED)
    life[QUANTITY] = quantity
    note_risk(life, traded.rules, at, equity, fee, 0.0)
    for field in DECIDED:
        account.lives[s * LIFE_SIZE + field] = life[field]
    return quantity


@apart
def enter_market(
    account: AccountBuffers,
    traded: StrategyColumns,
    exchange: ExchangeState,
    s: int,
    decided: int,
    market: float,
    time: int,
) -> None:
    """Enter at the quote of the ``market`` price."""
    life, at, side = account.life, s * RULES_SIZE, traded.sides[decided]
    quantity = exchange.wanted[s]
    price = quote(market, side, exchange.grid[GRID_SIZE * s + G_TICKS])
    stop, target = traded.stops[decided], traded.targets[decided]
    atr = traded.atrs[decided]
    swing = swing_of(traded, decided)
    entry = Entry(side, price, quantity, atr, stop, target, time, 1.0, swing)
    begin_life(life, traded.rules, at, entry)
    for field in DECIDED:
        life[field] = account.lives[s * LIFE_SIZE + field]
    set_levels(life, traded.rules, at, price)
    exchange.grid[GRID_SIZE * s + G_WAITS] = 0.0
    exchange.grid[GRID_SIZE * s + G_PARTS] = 0.0
    life[CASH] -= in_cents(quantity * price * exchange.grid[GRID_SIZE * s + G_FEE])
    log_fill(exchange.fills, s, time, NO_EXIT, quantity, price)


@kernel
def pay_funding(account: AccountBuffers, board: Board, rows: Rows, row: int) -> None:
    """Pay funding at the open of ``row``, by the mark price of the last close."""
    life, rate = account.life, board.funding[row]
    if rate != 0.0 and rows.times[row] > int(life[OPENED]):
        paid = in_cents(life[SIDE] * life[QUANTITY] * rows.closes[row - 1] * rate)
        life[CASH] -= paid
        account.money[FUNDING] += paid


@apart
def close_market(
    holding: HeldLife,
    exchange: ExchangeState,
    leaves: bool,
    silent: bool,
    market: float,
    time: int,
) -> int:
    """Do what the last close has triggered, or the strategy's exit, then what the open triggers.

    The code of an end, or 0.
    """
    life, due = holding.life, exchange.due[holding.s]
    if due != NO_EXIT:
        execute(holding, due, market, time, exchange.fills)
        if not life[QUANTITY] > 0.0:
            return due
    elif leaves and heeds_exit(life, holding.rules, holding.at):
        execute(holding, STRATEGY_EXIT, market, time, exchange.fills)
        return STRATEGY_EXIT
    return NO_EXIT if silent else act(holding, market, time, exchange.fills)


@kernel
def held_by(account: AccountBuffers, s: int) -> bool:
    """Whether strategy ``s`` has a position."""
    return account.lives[s * LIFE_SIZE + QUANTITY] > 0.0


@kernel
def open_of(rows: Rows, row: int, exchange: ExchangeState, s: int) -> float:
    """Return the open of ``row`` as it prints, on the nearest tick."""
    ticks = exchange.grid[GRID_SIZE * s + G_TICKS]
    return nearest_tick(rows.opens[row], ticks) / ticks


@apart
def fire_opens(
    rows: Rows,
    board: Board,
    traded: StrategyColumns,
    account: AccountBuffers,
    log: AccountLog,
    exchange: ExchangeState,
    m: int,
) -> None:
    """Pay funding and fire what rests at the opens of moment ``m``."""
    life = account.life
    for s in range(len(traded.symbols)):
        row = board.row_at[m * (len(board.firsts) - 1) + traded.symbols[s]]
        if row < 0 or not held_by(account, s):
            continue
        load(account.lives, s, life)
        pay_funding(account, board, rows, row)
        market = open_of(rows, row, exchange, s)
        code = fired(life, market, exchange.grid[GRID_SIZE * s + G_TICKS])
        if code != NO_EXIT:
            holding = holding_of(account, traded, exchange, s)
            execute(holding, code, market, board.moments[m], exchange.fills)
            end_trade(account, log, exchange, s, code)
        store(account.lives, s, life)


@apart
def want_entries(
    rows: Rows,
    board: Board,
    traded: StrategyColumns,
    account: AccountBuffers,
    exchange: ExchangeState,
    m: int,
) -> None:
    """Size the entries that the candles before moment ``m`` decided."""
    for s in range(len(traded.symbols)):
        exchange.wanted[s] = 0.0
        row = board.row_at[m * (len(board.firsts) - 1) + traded.symbols[s]]
        if row < 0 or row == board.firsts[traded.symbols[s]] or held_by(account, s):
            continue
        decided = s * len(rows.times) + row - 1
        if traded.actions[decided] != ENTER:
            continue
        close = rows.closes[row - 1]
        quantity = wanted_quantity(account, board, traded, exchange, s, decided, close)
        if quantity < 0.0:
            account.refused[int(quantity) + REFUSED] += 1
        else:
            exchange.wanted[s] = quantity


@apart
def live_minute(
    rows: Rows,
    board: Board,
    traded: StrategyColumns,
    account: AccountBuffers,
    exchange: ExchangeState,
    s: int,
    row: int,
) -> int:
    """Live through the minute of ``row`` with strategy ``s``; the code of an end, or 0.

    In a silent minute only what was decided before it trades: no price comes.
    """
    life, time, silent = account.life, rows.times[row], board.silent[row] > 0
    holding = holding_of(account, traded, exchange, s)
    market, decided = open_of(rows, row, exchange, s), s * len(rows.times) + row - 1
    if (
        exchange.wanted[s] > 0.0
        and exchange.wanted[s] * market < exchange.grid[GRID_SIZE * s + G_LEAST]
    ):
        # Large enough at the close but not at the open: the exchange refuses it.
        account.refused[TOO_SMALL] += 1
        return NO_EXIT
    if exchange.wanted[s] > 0.0:
        enter_market(account, traded, exchange, s, decided, market, time)
        code = NO_EXIT if silent else act(holding, market, time, exchange.fills)
    else:
        load(account.lives, s, life)
        leaves = traded.actions[decided] == EXIT
        code = close_market(holding, exchange, leaves, silent, market, time)
    exchange.due[s] = NO_EXIT
    if code == NO_EXIT and not silent:
        code = walk_minute(holding, bar_at(rows, row, board.base_ms), exchange.fills)
    if code == NO_EXIT and not silent:
        closed = time + board.base_ms
        exchange.due[s] = triggered(holding, rows.closes[row], closed)
    store(account.lives, s, life)
    return code


@kernel
def trade_at_exchange(
    rows: Rows,
    board: Board,
    traded: StrategyColumns,
    account: AccountBuffers,
    log: AccountLog,
    exchange: ExchangeState,
) -> int:
    """Trade all strategies over all moments; the number of trades."""
    symbols = len(board.firsts) - 1
    for m in range(len(board.moments)):
        begin_moment(account, board.moments[m], m == 0)
        fire_opens(rows, board, traded, account, log, exchange, m)
        want_entries(rows, board, traded, account, exchange, m)
        for s in range(len(traded.symbols)):
            row = board.row_at[m * symbols + traded.symbols[s]]
            if row < 0:
                continue
            if exchange.wanted[s] > 0.0 or held_by(account, s):
                code = live_minute(rows, board, traded, account, exchange, s, row)
                if code != NO_EXIT:
                    end_trade(account, log, exchange, s, code)
            account.marks[s] = rows.closes[row]
        log.equity[m] = account.money[WALLET] + open_value(account)
    return log.made[0]
