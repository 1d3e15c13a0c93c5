"""A life at an exchange: the fill profile `exchange`, price by price (kernels).

A candle's path stops at its extremes, at every resting trigger and at every watched level. At each
stop the exchange first fires what rests. Then the rules look at that price, and what they trigger
trades at the market's quote, one tick from the last price, in whole steps.
"""

from __future__ import annotations

import math

from trading.candles import MINUTE_MS
from trading.jit.kernel import Buffer, apart, kernel
from trading.market.rows import Bar
from trading.positions.candle_path import clock_check, price_check
from trading.positions.entry_risk import protective_level
from trading.positions.lifecycle import (
    CASH,
    QUANTITY,
    STEP,
    WATCHED,
    apply_fill,
    change_of,
    level_of,
)
from trading.positions.position import (
    ADD_FIRST,
    ADD_SECOND,
    EMERGENCY,
    EMERGENCY_STOP,
    LIQUIDATION,
    LIQUIDATION_GUARD,
    NO_EXIT,
    PARTIAL_TAKE_PROFIT,
    SIDE,
    STOP,
    STOP_LOSS,
    TAKE_PROFIT,
    TARGET,
)
from trading.simulation.account.layout import (
    FILL_LOG_WIDTH,
    G_FEE,
    G_LEAST,
    G_PARTS,
    G_STEPS,
    G_TICKS,
    G_WAITS,
    GRID_SIZE,
    FillLog,
    HeldLife,
)

FIRST_EXTREME_MS, SECOND_EXTREME_MS, LAST_TRADE_MS = 15_000, 35_000, 58_000
"""When, within its minute, a candle's path reaches its extremes and its close."""
CENTS = 1e8
"""Units of the wallet's smallest amount per unit of currency."""
TIE = 1e-4
"""Share of that amount within which a float counts as the half that it stands for."""

REFUSED_FOR_MS = MINUTE_MS
"""How long an addition that the exchange would refuse waits for its next try."""


@kernel
def tick_below(price: float, ticks: float) -> float:
    """Return the tick at or below ``price``, in ticks, exact for the decimal behind the float."""
    n = float(math.floor(price * ticks))
    if (n + 1.0) / ticks <= price:
        return n + 1.0
    if n / ticks > price:
        return n - 1.0
    return n


@kernel
def tick_above(price: float, ticks: float) -> float:
    """Return the tick at or above ``price``, in ticks."""
    n = tick_below(price, ticks)
    return n if n / ticks == price else n + 1.0


@kernel
def nearest_tick(price: float, ticks: float) -> float:
    """Return the tick nearest to ``price``, in ticks; a tie goes to the even one."""
    n = tick_below(price, ticks)
    middle = (2.0 * n + 1.0) / (2.0 * ticks)
    if price > middle or (price == middle and n % 2.0 == 1.0):
        return n + 1.0
    return n


@kernel
def in_cents(amount: float) -> float:
    """``amount`` rounded to the wallet's eight decimals, halves to even."""
    parts = amount * CENTS
    n = float(math.floor(parts))
    rest = parts - n
    if rest > 0.5 + TIE or (rest >= 0.5 - TIE and n % 2.0 == 1.0):
        n += 1.0
    return n / CENTS


@kernel
def whole_steps(quantity: float, steps: float) -> float:
    """``quantity`` cut to whole steps; a hair below a step counts as that step."""
    return float(math.floor(quantity * steps + 1e-7)) / steps


@kernel
def protective_code(life: Buffer, level: float) -> int:
    """Return the code of the stop at ``level`` when it fills."""
    if level == life[EMERGENCY]:
        return EMERGENCY_STOP
    return STOP_LOSS if level == life[STOP] else LIQUIDATION_GUARD


@kernel
def trigger_of(level: float, ticks: float) -> float:
    """Where an order for ``level`` rests; NaN if none can."""
    trigger = nearest_tick(level, ticks) if level > 0.0 else 0.0
    return trigger / ticks if trigger > 0.0 else math.nan


@kernel
def fired(life: Buffer, price: float, ticks: float) -> int:
    """Return what rests at the exchange and fires at ``price``, as a code."""
    side = life[SIDE]
    stop = protective_level(life)
    if side * price <= side * trigger_of(stop, ticks):
        return protective_code(life, stop)
    if side * price >= side * trigger_of(life[TARGET], ticks):
        return TAKE_PROFIT
    return NO_EXIT


@kernel
def nearer(found: float, level: float, price: float, ticks: float) -> float:
    """``found``, or the tick of ``level`` if the path from ``price`` meets it first."""
    if not level > 0.0:
        return found
    if found > price and level > price:
        met = tick_above(level, ticks) / ticks
        return met if met < found else found
    if found < price and level < price:
        met = tick_below(level, ticks) / ticks
        return met if met > found else found
    return found


@kernel
def next_price(
    life: Buffer, rules: Buffer, at: int, price: float, goal: float, ticks: float
) -> float:
    """Return the first stop on the path from ``price`` to ``goal``."""
    found = nearer(goal, trigger_of(protective_level(life), ticks), price, ticks)
    found = nearer(found, trigger_of(life[TARGET], ticks), price, ticks)
    for code in WATCHED:
        found = nearer(found, level_of(life, rules, at, code), price, ticks)
    return found


@kernel
def quote(price: float, direction: float, ticks: float) -> float:
    """Return the market's quote to a buy (+1) or a sale (-1) while it trades at ``price``."""
    return (nearest_tick(price, ticks) + direction) / ticks


@kernel
def log_fill(log: FillLog, s: int, time: int, code: int, change: float, price: float) -> None:
    """Write a fill."""
    at = FILL_LOG_WIDTH * log.made[0]
    log.parts[at] = float(s)
    log.parts[at + 1] = float(time)
    log.parts[at + 2] = float(code)
    log.parts[at + 3] = change
    log.parts[at + 4] = price
    log.made[0] += 1


@kernel
def execute(holding: HeldLife, code: int, price: float, time: int, log: FillLog) -> bool:
    """Trade what ``code`` triggers while the market is at ``price``; whether anything traded."""
    life, rules, at = holding.life, holding.rules, holding.at
    grid, row = holding.grid, GRID_SIZE * holding.s
    ticks, steps = grid[row + G_TICKS], grid[row + G_STEPS]
    level = level_of(life, rules, at, code)
    change = change_of(life, rules, at, code, level if level == level else price)
    over = change == -life[QUANTITY]
    if not over:
        change = math.copysign(whole_steps(abs(change), steps), change)
    direction = life[SIDE] if change > 0.0 else -life[SIDE]
    paid = quote(price, direction, ticks)
    apply_fill(life, rules, at, code, change, paid)
    life[CASH] -= in_cents(abs(change) * paid * grid[row + G_FEE])
    if change != 0.0:
        if code == PARTIAL_TAKE_PROFIT:
            grid[row + G_PARTS] = life[STEP]
        else:
            # Every trade rebuilds a position at the executor: a part that was too small is new.
            life[STEP] = grid[row + G_PARTS]
        whole = math.floor(change * steps + 0.5) / steps
        log_fill(log, holding.s, time, code, whole, paid)
    return change != 0.0


@kernel
def triggered(holding: HeldLife, price: float, time: int) -> int:
    """Return what ``price`` at ``time`` (ms) triggers, as a code.

    An addition that is too small waits, and the clock is checked instead.
    """
    life, rules, at, grid = holding.life, holding.rules, holding.at, holding.grid
    code = price_check(life, rules, at, price, time)
    if code == LIQUIDATION:
        return LIQUIDATION_GUARD
    if code not in (ADD_FIRST, ADD_SECOND):
        return code
    row = GRID_SIZE * holding.s
    if time >= grid[row + G_WAITS]:
        bought = change_of(life, rules, at, code, level_of(life, rules, at, code))
        bought = whole_steps(bought, grid[row + G_STEPS])
        if bought > 0.0 and bought * price >= grid[row + G_LEAST]:
            return code
        grid[row + G_WAITS] = float(time + REFUSED_FOR_MS)
    return clock_check(life, rules, at, time)


@apart
def act(holding: HeldLife, price: float, time: int, log: FillLog) -> int:
    """Do everything due while the market is at ``price``; the code of an end, or 0."""
    life = holding.life
    while True:
        code = fired(life, price, holding.grid[GRID_SIZE * holding.s + G_TICKS])
        if code == NO_EXIT:
            code = triggered(holding, price, time)
        if code == NO_EXIT:
            return NO_EXIT
        if not execute(holding, code, price, time, log):
            # A part of less than a step is skipped; the next one waits for the next price.
            code = clock_check(life, holding.rules, holding.at, time)
            if code == NO_EXIT:
                return NO_EXIT
            execute(holding, code, price, time, log)
        if not life[QUANTITY] > 0.0:
            return code


@apart
def walk_minute(holding: HeldLife, bar: Bar, log: FillLog) -> int:
    """Live through a candle's path; the code of an end, or 0.

    Each stop on a leg is a millisecond after the one before.
    """
    life, begun = holding.life, bar.open_time
    ticks = holding.grid[GRID_SIZE * holding.s + G_TICKS]
    price, last = nearest_tick(bar.open, ticks) / ticks, nearest_tick(bar.close, ticks) / ticks
    adverse, other = nearest_tick(bar.low, ticks) / ticks, nearest_tick(bar.high, ticks) / ticks
    if life[SIDE] < 0.0:
        adverse, other = other, adverse
    for leg in range(3):
        goal, time = adverse, begun + FIRST_EXTREME_MS
        if leg == 1:
            goal, time = other, begun + SECOND_EXTREME_MS
        elif leg == 2:
            goal, time = last, begun + LAST_TRADE_MS
        while price != goal:
            price = next_price(life, holding.rules, holding.at, price, goal, ticks)
            code = act(holding, price, time, log)
            if code != NO_EXIT:
                return code
            time += 1
    return NO_EXIT
