"""A life at an exchange: the fill profile `exchange`, step by step of the market (kernels).

A candle's path stops at its extremes, at every trigger that rests and at every level that is
watched. At each stop the exchange fires what rests first; then the rules judge that price, and what
they ask for trades at the market's quote, one tick from the last price, in whole steps.
"""

from __future__ import annotations

import math
from typing import NamedTuple

from trading.candles import MINUTE_MS
from trading.jit.kernel import Buffer, apart, kernel
from trading.positions.candle_path import clock_check, price_check
from trading.positions.lifecycle import (
    CASH,
    GUARDED,
    QUANTITY,
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
    SIDE,
    STOP,
    STOP_LOSS,
    TAKE_PROFIT,
    TARGET,
)

FIRST_EXTREME_MS, SECOND_EXTREME_MS, LAST_TRADE_MS = 15_000, 35_000, 58_000
"""Where in its minute the path of a candle stands at its extremes and at its close."""
CENTS = 1e8
"""The wallet counts in parts of this."""
TIE = 1e-4
"""Parts of a cent within which a float is taken for the half that it stands for."""

REFUSED_FOR_MS = MINUTE_MS
"""An addition that the exchange would not take is asked for again after so long."""

# What an instrument asks for, a row a seat, and until when (ms) its next addition waits.
G_TICKS = 0  # of the price a unit
G_STEPS = 1  # of the quantity a unit
G_FEE = 2  # share of the notional
G_LEAST = 3  # notional of an order that is not reduce-only
G_WAITS = 4
GRID_SIZE = 5

DEAL_WIDTH = 5  # seat, time (ms), code (0: an entry), quantity (above 0: into it), price


class Deals(NamedTuple):
    """What was traded, in the order in which it was; ``made`` has one number: how many."""

    parts: Buffer
    made: list[int]


@kernel
def tick_below(price: float, ticks: float) -> float:
    """The tick at or below ``price``, in ticks: of what the float stands for, to the last digit."""
    n = float(math.floor(price * ticks))
    if (n + 1.0) / ticks <= price:
        return n + 1.0
    if n / ticks > price:
        return n - 1.0
    return n


@kernel
def tick_above(price: float, ticks: float) -> float:
    """The tick at or above ``price``, in ticks."""
    n = tick_below(price, ticks)
    return n if n / ticks == price else n + 1.0


@kernel
def nearest_tick(price: float, ticks: float) -> float:
    """The tick nearest to ``price``, in ticks; of two equally near ones the even one."""
    n = tick_below(price, ticks)
    middle = (2.0 * n + 1.0) / (2.0 * ticks)
    if price > middle or (price == middle and n % 2.0 == 1.0):
        return n + 1.0
    return n


@kernel
def in_cents(amount: float) -> float:
    """``amount`` at the wallet's eight decimals, halves to even."""
    parts = amount * CENTS
    n = float(math.floor(parts))
    rest = parts - n
    if rest > 0.5 + TIE or (rest >= 0.5 - TIE and n % 2.0 == 1.0):
        n += 1.0
    return n / CENTS


@kernel
def whole_steps(quantity: float, steps: float) -> float:
    """``quantity`` cut to whole steps; a hair below a step is that step."""
    return float(math.floor(quantity * steps + 1e-7)) / steps


@kernel
def protective_level(life: Buffer) -> float:
    """The stop that rests: the nearest that closes everything, NaN without one."""
    side, found = life[SIDE], math.nan
    for level in (life[STOP], life[EMERGENCY], life[GUARDED]):
        if level == level and not side * level <= side * found:
            found = level
    return found


@kernel
def protective_code(life: Buffer, level: float) -> int:
    """What the stop at ``level`` is called when it fills."""
    if level == life[EMERGENCY]:
        return EMERGENCY_STOP
    return STOP_LOSS if level == life[STOP] else LIQUIDATION_GUARD


@kernel
def trigger_of(level: float, ticks: float) -> float:
    """Where an order for ``level`` rests; NaN where none can."""
    trigger = nearest_tick(level, ticks) if level > 0.0 else 0.0
    return trigger / ticks if trigger > 0.0 else math.nan


@kernel
def fired(life: Buffer, price: float, ticks: float) -> int:
    """What rests at the exchange and fires at ``price``, as a code."""
    side = life[SIDE]
    stop = protective_level(life)
    if side * price <= side * trigger_of(stop, ticks):
        return protective_code(life, stop)
    if side * price >= side * trigger_of(life[TARGET], ticks):
        return TAKE_PROFIT
    return NO_EXIT


@kernel
def nearer(found: float, level: float, price: float, ticks: float) -> float:
    """``found`` or, if it is met before on the way there from ``price``, the tick of ``level``."""
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
    """Where the path from ``price`` to ``goal`` stops first."""
    found = nearer(goal, trigger_of(protective_level(life), ticks), price, ticks)
    found = nearer(found, trigger_of(life[TARGET], ticks), price, ticks)
    for code in WATCHED:
        found = nearer(found, level_of(life, rules, at, code), price, ticks)
    return found


@kernel
def quote(price: float, direction: float, ticks: float) -> float:
    """What the market gives a buy (+1) or a sale (-1) while it trades at ``price``."""
    return (nearest_tick(price, ticks) + direction) / ticks


@kernel
def note_deal(deals: Deals, s: int, time: int, code: int, change: float, price: float) -> None:
    """Write a fill."""
    at = DEAL_WIDTH * deals.made[0]
    deals.parts[at] = float(s)
    deals.parts[at + 1] = float(time)
    deals.parts[at + 2] = float(code)
    deals.parts[at + 3] = change
    deals.parts[at + 4] = price
    deals.made[0] += 1


@kernel
def deal(
    life: Buffer,
    rules: Buffer,
    at: int,
    grid: Buffer,
    s: int,
    code: int,
    price: float,
    time: int,
    deals: Deals,
) -> bool:
    """Trade what ``code`` asks for while the market is at ``price``; whether anything could be.

    ``rules`` have no fee and no slippage: both are the exchange's.
    """
    ticks, steps = grid[GRID_SIZE * s + G_TICKS], grid[GRID_SIZE * s + G_STEPS]
    level = level_of(life, rules, at, code)
    change = change_of(life, rules, at, code, level if level == level else price)
    over = change == -life[QUANTITY]
    if not over:
        change = math.copysign(whole_steps(abs(change), steps), change)
    direction = life[SIDE] if change > 0.0 else -life[SIDE]
    paid = quote(price, direction, ticks)
    apply_fill(life, rules, at, code, change, paid)
    life[CASH] -= in_cents(abs(change) * paid * grid[GRID_SIZE * s + G_FEE])
    if change != 0.0:
        whole = math.floor(change * steps + 0.5) / steps
        note_deal(deals, s, time, code, whole, paid)
    return change != 0.0


@kernel
def asked_for(
    life: Buffer, rules: Buffer, at: int, grid: Buffer, s: int, price: float, time: int
) -> int:
    """What ``price`` at ``time`` (ms) asks for, as a code: an addition that is too small waits, and
    the clock goes on.
    """
    code = price_check(life, rules, at, price, time)
    if code == LIQUIDATION:
        return LIQUIDATION_GUARD
    if code not in (ADD_FIRST, ADD_SECOND):
        return code
    row = GRID_SIZE * s
    if time >= grid[row + G_WAITS]:
        bought = change_of(life, rules, at, code, level_of(life, rules, at, code))
        bought = whole_steps(bought, grid[row + G_STEPS])
        if bought > 0.0 and bought * price >= grid[row + G_LEAST]:
            return code
        grid[row + G_WAITS] = float(time + REFUSED_FOR_MS)
    return clock_check(life, rules, at, time)


@apart
def act(
    life: Buffer,
    rules: Buffer,
    at: int,
    grid: Buffer,
    s: int,
    price: float,
    time: int,
    deals: Deals,
) -> int:
    """All that is done while the market is at ``price``; the code of an end, or 0."""
    while True:
        code = fired(life, price, grid[GRID_SIZE * s + G_TICKS])
        if code == NO_EXIT:
            code = asked_for(life, rules, at, grid, s, price, time)
        if code == NO_EXIT:
            return NO_EXIT
        if not deal(life, rules, at, grid, s, code, price, time, deals):
            # A part of less than a step is passed over; the next is looked for at the next price.
            code = clock_check(life, rules, at, time)
            if code == NO_EXIT:
                return NO_EXIT
            deal(life, rules, at, grid, s, code, price, time, deals)
        if not life[QUANTITY] > 0.0:
            return code


@apart
def walk_minute(
    life: Buffer,
    rules: Buffer,
    at: int,
    grid: Buffer,
    s: int,
    begun: int,
    first: float,
    high: float,
    low: float,
    close: float,
    deals: Deals,
) -> int:
    """Live through the path of the candle that opens at ``begun`` (ms); the code of an end, or 0.

    Each stop on a leg is a millisecond after the last.
    """
    ticks = grid[GRID_SIZE * s + G_TICKS]
    price, last = nearest_tick(first, ticks) / ticks, nearest_tick(close, ticks) / ticks
    adverse, other = nearest_tick(low, ticks) / ticks, nearest_tick(high, ticks) / ticks
    if life[SIDE] < 0.0:
        adverse, other = other, adverse
    for leg in range(3):
        goal, time = adverse, begun + FIRST_EXTREME_MS
        if leg == 1:
            goal, time = other, begun + SECOND_EXTREME_MS
        elif leg == 2:
            goal, time = last, begun + LAST_TRADE_MS
        while price != goal:
            price = next_price(life, rules, at, price, goal, ticks)
            code = act(life, rules, at, grid, s, price, time, deals)
            if code != NO_EXIT:
                return code
            time += 1
    return NO_EXIT
