"""The market's path through a position's life: a price, a leg, a candle (kernels).

The level that a leg meets first acts first, and the search for the next goes on from there. A
candle has three legs: from its open to its adverse extreme, to the other extreme, to its close.
"""

from __future__ import annotations

from typing import NamedTuple

from trading.candles import DAY_MS
from trading.jit.kernel import Buffer, kernel
from trading.market.rows import Bar
from trading.positions.exit_rules import R_DAY_END, R_GAP, R_SLIPPAGE, R_TIME_EXIT
from trading.positions.lifecycle import (
    AMBIGUOUS,
    FILL_WIDTH,
    FILLS,
    LEVERAGE,
    NEAR_FAVOURABLE,
    OPENED,
    QUANTITY,
    apply_fill,
    change_of,
    heeds_exit,
    level_of,
    next_addition,
    part_level,
)
from trading.positions.position import (
    ADD_FIRST,
    ADD_SECOND,
    BEST,
    DAY_END,
    EMERGENCY_STOP,
    ENTRY,
    HALF_CLOSE,
    LIQUIDATION,
    LIQUIDATION_GUARD,
    NO_EXIT,
    PARTIAL_TAKE_PROFIT,
    RETURN_TO_FIRST,
    RETURN_TO_INITIAL,
    SIDE,
    STOP_LOSS,
    STRATEGY_EXIT,
    TAKE_PROFIT,
    TARGET,
    TIME_EXIT,
    TRAILING_STOP,
    trailing_level,
)

AT_CLOSE, AT_OPEN = 1, 2
"""Where in a candle the day of a position ends."""


class CandleTurn(NamedTuple):
    """One candle's turn in a position's life, apart from its prices.

    ``day_ends`` is `AT_CLOSE` on the last minutes of a day that ends the position, `AT_OPEN` on the
    first candle after such a day whose last minutes are missing, else 0. ``wants_out``: the
    strategy's exit was decided on the row before and fills at the open, if it still counts.
    """

    row: int
    day_ends: int
    wants_out: bool


@kernel
def fill_price(life: Buffer, rules: Buffer, at: int, code: int, level: float) -> float:
    """Price of the fill of ``code``: resting sales fill at their level, all others slip.

    A liquidation takes the whole margin: it fills at the bankruptcy price.
    """
    side = life[SIDE]
    if code in (TAKE_PROFIT, PARTIAL_TAKE_PROFIT):
        return level
    if code == LIQUIDATION:
        return life[ENTRY] * (1.0 - side / life[LEVERAGE])
    if code in (ADD_FIRST, ADD_SECOND):
        return level * (1.0 + side * rules[at + R_SLIPPAGE])
    return level * (1.0 - side * rules[at + R_SLIPPAGE])


@kernel
def settle(
    life: Buffer, rules: Buffer, at: int, code: int, level: float, row: int, fills: Buffer
) -> int:
    """Fill ``code`` at ``level`` and record it; the code if that was the end, else 0."""
    price = fill_price(life, rules, at, code, level)
    change = change_of(life, rules, at, code, price)
    apply_fill(life, rules, at, code, change, price)
    to = FILL_WIDTH * int(life[FILLS])
    fills[to] = float(row)
    fills[to + 1] = float(code)
    fills[to + 2] = change
    fills[to + 3] = price
    life[FILLS] = life[FILLS] + 1.0
    return NO_EXIT if life[QUANTITY] > 0.0 else code


@kernel
def standing_stop(life: Buffer, rules: Buffer, at: int, price: float) -> int:
    """Return what ``price`` has already passed on the adverse side, in the order of the checks."""
    move = life[SIDE] * price
    for code in (LIQUIDATION, LIQUIDATION_GUARD, EMERGENCY_STOP, STOP_LOSS, TRAILING_STOP):
        if move <= life[SIDE] * level_of(life, rules, at, code):
            return code
    code = next_addition(life)
    if move <= life[SIDE] * part_level(life, rules, at, code):
        return code
    return NO_EXIT


@kernel
def met_falling(life: Buffer, rules: Buffer, at: int, extreme: float) -> int:
    """Return what the path to the adverse ``extreme`` meets first."""
    side = life[SIDE]
    nearest = side * extreme
    found = NO_EXIT
    for code in (
        LIQUIDATION,
        LIQUIDATION_GUARD,
        EMERGENCY_STOP,
        STOP_LOSS,
        TRAILING_STOP,
        ADD_FIRST,
        ADD_SECOND,
    ):
        level = side * level_of(life, rules, at, code)
        if level >= nearest and (found == NO_EXIT or level > nearest):
            found = code
            nearest = level
    return found


@kernel
def met_rising(life: Buffer, rules: Buffer, at: int, extreme: float) -> int:
    """Return what the path to the favourable ``extreme`` meets first."""
    side = life[SIDE]
    nearest = side * extreme
    found = NO_EXIT
    for code in (TAKE_PROFIT, PARTIAL_TAKE_PROFIT, HALF_CLOSE, RETURN_TO_FIRST, RETURN_TO_INITIAL):
        level = side * level_of(life, rules, at, code)
        if level <= nearest and (found == NO_EXIT or level < nearest):
            found = code
            nearest = level
    return found


@kernel
def walk_adverse(
    life: Buffer, rules: Buffer, at: int, start: float, extreme: float, row: int, fills: Buffer
) -> int:
    """Live through the leg from ``start`` to its adverse ``extreme``; the code of an end, or 0.

    A level that the open jumped over fills at that level, with :data:`R_GAP` at the open. A stop
    that an addition has moved beyond the price fills at that price.
    """
    side = life[SIDE]
    price = start
    while True:
        code = standing_stop(life, rules, at, price)
        if code == NO_EXIT:
            code = met_falling(life, rules, at, extreme)
        if code == NO_EXIT:
            return NO_EXIT
        level = level_of(life, rules, at, code)
        jumped = price != start or rules[at + R_GAP] > 0.0
        if jumped and side * level > side * price:
            level = price
        if settle(life, rules, at, code, level, row, fills) != NO_EXIT:
            return code
        if side * level < side * price:
            price = level


@kernel
def walk_favourable(
    life: Buffer, rules: Buffer, at: int, extreme: float, row: int, fills: Buffer
) -> int:
    """Live through the leg to the favourable ``extreme``; the code of an end, or 0."""
    while True:
        code = met_rising(life, rules, at, extreme)
        if code == NO_EXIT:
            return NO_EXIT
        level = level_of(life, rules, at, code)
        if settle(life, rules, at, code, level, row, fills) != NO_EXIT:
            return code


@kernel
def closing_check(life: Buffer, rules: Buffer, at: int, price: float) -> int:
    """Return the exit that ``price`` triggers, in the order of the checks."""
    move = life[SIDE] * price
    for code in (LIQUIDATION, LIQUIDATION_GUARD, EMERGENCY_STOP, STOP_LOSS):
        if move <= life[SIDE] * level_of(life, rules, at, code):
            return code
    if move >= life[SIDE] * life[TARGET]:
        return TAKE_PROFIT
    if move <= life[SIDE] * trailing_level(life):
        return TRAILING_STOP
    return NO_EXIT


@kernel
def clock_check(life: Buffer, rules: Buffer, at: int, now: int) -> int:
    """Return the exit that is due by the clock at ``now`` (ms), as a code."""
    if rules[at + R_TIME_EXIT] > 0.0 and now - life[OPENED] >= rules[at + R_TIME_EXIT]:
        return TIME_EXIT
    if rules[at + R_DAY_END] > 0.0 and now // DAY_MS != int(life[OPENED]) // DAY_MS:
        return DAY_END
    return NO_EXIT


@kernel
def leave_at_open(
    life: Buffer, rules: Buffer, at: int, code: int, market: float, row: int, fills: Buffer
) -> int:
    """Sell everything at the open for ``code``, or for a level that the open has passed."""
    met = closing_check(life, rules, at, market)
    if met == NO_EXIT:
        return settle(life, rules, at, code, market, row, fills)
    level, side = level_of(life, rules, at, met), life[SIDE]
    if met != TAKE_PROFIT and rules[at + R_GAP] > 0.0 and side * level > side * market:
        level = market
    return settle(life, rules, at, met, level, row, fills)


@kernel
def price_check(life: Buffer, rules: Buffer, at: int, price: float, now: int) -> int:
    """Return what ``price`` at ``now`` (ms) triggers, as a code; updates the best price."""
    code = closing_check(life, rules, at, price)
    if code != NO_EXIT:
        return code
    move = life[SIDE] * price
    for part in (PARTIAL_TAKE_PROFIT, HALF_CLOSE, RETURN_TO_FIRST, RETURN_TO_INITIAL):
        if move >= life[SIDE] * part_level(life, rules, at, part):
            return part
    code = next_addition(life)
    if move <= life[SIDE] * part_level(life, rules, at, code):
        return code
    if move > life[SIDE] * life[BEST]:
        life[BEST] = price
    return clock_check(life, rules, at, now)


@kernel
def live_row(
    life: Buffer, rules: Buffer, at: int, bar: Bar, turn: CandleTurn, fills: Buffer
) -> int:
    """Live through one candle; the code of an end, or 0."""
    first, close, row = bar.open, bar.close, turn.row
    if turn.wants_out and heeds_exit(life, rules, at):
        return leave_at_open(life, rules, at, STRATEGY_EXIT, first, row, fills)
    late = clock_check(life, rules, at, bar.open_time)
    if late != NO_EXIT:  # the minutes in which it fell due are missing
        return leave_at_open(life, rules, at, late, first, row, fills)
    side = life[SIDE]
    adverse, favourable = bar.low, bar.high
    if side < 0.0:
        adverse, favourable = bar.high, bar.low
    within = side * favourable >= life[NEAR_FAVOURABLE]
    code = walk_adverse(life, rules, at, first, adverse, row, fills)
    if code != NO_EXIT:
        if within:
            life[AMBIGUOUS] = 1.0
        return code
    code = walk_favourable(life, rules, at, favourable, row, fills)
    if code != NO_EXIT:
        return code
    if side * favourable > side * life[BEST]:
        life[BEST] = favourable
    code = walk_adverse(life, rules, at, favourable, close, row, fills)
    if code != NO_EXIT:
        return code
    close_time = bar.open_time + bar.length
    if rules[at + R_TIME_EXIT] > 0.0 and close_time - life[OPENED] >= rules[at + R_TIME_EXIT]:
        return settle(life, rules, at, TIME_EXIT, close, row, fills)
    if turn.day_ends == AT_CLOSE:
        return settle(life, rules, at, DAY_END, close, row, fills)
    return NO_EXIT
