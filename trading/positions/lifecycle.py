"""The whole life of a position: averaging, selling in parts, and every way it can end (kernels).

A life starts with the state of :mod:`trading.positions.position` and adds sizes and stages to it.
Where several things are true at one price they happen in this order: liquidation, its guard,
emergency stop, stop, take-profit, trailing stop, ladder, half close, returns, additions, time, day
end, the strategy's exit.
"""

from __future__ import annotations

import math
from typing import NamedTuple

from trading.jit.kernel import Buffer, kernel
from trading.positions.exit_rules import (
    BRACKET_SIZE,
    BRACKETS,
    LADDER_STEPS,
    R_ADDITIONS,
    R_BRACKETS,
    R_EXIT_LATE,
    R_FEE,
    R_GUARD,
    R_HALF_CLOSE,
    R_LADDER,
    R_LEVERAGE,
    R_MAKER_FEE,
    R_TARGET_VOLATILITY,
    R_TICKS,
    R_TOLERANCE,
    LevelShares,
    dynamic_leverage,
    shares_at,
)
from trading.positions.position import (
    ADD_FIRST,
    ADD_SECOND,
    BEST,
    EMERGENCY,
    EMERGENCY_STOP,
    ENTRY,
    HALF_CLOSE,
    LIQUIDATION,
    LIQUIDATION_GUARD,
    OFF,
    PARTIAL_TAKE_PROFIT,
    POSITION_SIZE,
    RETURN_TO_FIRST,
    RETURN_TO_INITIAL,
    SIDE,
    STOP,
    STOP_LOSS,
    TAKE_PROFIT,
    TARGET,
    TRAILING_STOP,
    open_position,
    trailing_level,
)

# Layout of a life, after the state of a position. ENTRY is the average price of what was bought.
QUANTITY = POSITION_SIZE
BOUGHT = POSITION_SIZE + 1
INITIAL = POSITION_SIZE + 2
FIRST = POSITION_SIZE + 3
FIRST_SIZE = POSITION_SIZE + 4
SECOND_SIZE = POSITION_SIZE + 5
ADDS = POSITION_SIZE + 6
STEP = POSITION_SIZE + 7
HALVED = POSITION_SIZE + 8
OPENED = POSITION_SIZE + 9
CASH = POSITION_SIZE + 10
LIQUIDATED = POSITION_SIZE + 11
GUARDED = POSITION_SIZE + 12
ENTRY_ATR = POSITION_SIZE + 13
STRUCTURE = POSITION_SIZE + 14
FIXED_TARGET = POSITION_SIZE + 15
NEAR_ADVERSE = POSITION_SIZE + 16  # times the side, without the trailing stop
NEAR_FAVOURABLE = POSITION_SIZE + 17  # times the side
AMBIGUOUS = POSITION_SIZE + 18
FILLS = POSITION_SIZE + 19
INITIAL_SIZE = POSITION_SIZE + 20
SOLD = POSITION_SIZE + 21  # value of all sales
WORTH = POSITION_SIZE + 22  # quote currency that a quantity times a price of 1 stands for
LEVERAGE = POSITION_SIZE + 23
RISK_WANTED = POSITION_SIZE + 24  # shares of the equity at the entry, NaN if not sized by risk
RISK_TAKEN = POSITION_SIZE + 25
BOUND_BY = POSITION_SIZE + 26  # what made the entry smaller, a code of `positions.entry_risk`
SPENT = POSITION_SIZE + 27  # value of all purchases
LIFE_SIZE = POSITION_SIZE + 28

FILL_WIDTH = 4
"""Numbers per fill: row, code, signed quantity (above 0: into the position) and price."""
MOST_FILLS = 12
"""Most fills of one life after its entry: additions, steps, half close, returns, the close."""

WATCHED = (
    TRAILING_STOP,
    PARTIAL_TAKE_PROFIT,
    HALF_CLOSE,
    RETURN_TO_FIRST,
    RETURN_TO_INITIAL,
    ADD_FIRST,
    ADD_SECOND,
)
"""What market orders do: no order rests at the level, so the price is watched."""

DUST = 1e-9
"""Share of everything bought below which nothing is left."""


class Entry(NamedTuple):
    """The fill that opens a position.

    ``stop`` and ``target`` are prices of levels in the market, or NaN. ``time`` is in ms. ``worth``
    is the quote currency that a notional of 1 stands for; it decides the maintenance bracket.
    ``swing`` is the move from which a leverage that follows the volatility is set.
    """

    side: float
    price: float
    quantity: float
    atr: float
    stop: float
    target: float
    time: int
    worth: float
    swing: float


@kernel
def next_addition(life: Buffer) -> int:
    """Return the code of the averaging step that comes next."""
    return ADD_FIRST if life[ADDS] == 0.0 else ADD_SECOND


@kernel
def part_level(life: Buffer, rules: Buffer, at: int, code: int) -> float:
    """Return the price at which a part is bought or sold; NaN where that does not apply."""
    side = life[SIDE]
    if code == PARTIAL_TAKE_PROFIT:
        step = int(life[STEP])
        if step < LADDER_STEPS and rules[at + R_LADDER + 2 * step] > 0.0:
            return life[ENTRY] * (1.0 + side * rules[at + R_LADDER + 2 * step])
    elif code == HALF_CLOSE:
        if life[HALVED] == 0.0 and rules[at + R_HALF_CLOSE] > 0.0:
            return life[ENTRY] * (1.0 + side * rules[at + R_HALF_CLOSE])
    elif code == RETURN_TO_FIRST:
        if life[SECOND_SIZE] > 0.0:
            return life[FIRST]
    elif code == RETURN_TO_INITIAL:
        if life[FIRST_SIZE] > 0.0:
            return life[INITIAL]
    elif life[ADDS] < 2.0 and code == next_addition(life):
        fall = rules[at + R_ADDITIONS + 3 * int(life[ADDS])]
        if fall > 0.0:
            return life[INITIAL] * (1.0 - side * fall)
    return OFF


@kernel
def heeds_exit(life: Buffer, rules: Buffer, at: int) -> bool:
    """Whether the strategy's exit counts now; by :data:`R_EXIT_LATE` only after the half close."""
    return not rules[at + R_EXIT_LATE] > 0.0 or life[HALVED] > 0.0


@kernel
def level_of(life: Buffer, rules: Buffer, at: int, code: int) -> float:
    """Return the price that triggers ``code``, or NaN."""
    if code == LIQUIDATION:
        return life[LIQUIDATED]
    if code == LIQUIDATION_GUARD:
        return life[GUARDED]
    if code == EMERGENCY_STOP:
        return life[EMERGENCY]
    if code == STOP_LOSS:
        return life[STOP]
    if code == TAKE_PROFIT:
        return life[TARGET]
    if code == TRAILING_STOP:
        return trailing_level(life)
    return part_level(life, rules, at, code)


@kernel
def set_nearest(life: Buffer, rules: Buffer, at: int) -> None:
    """Keep the nearest level on each side: candles between them need no further look."""
    side = life[SIDE]
    adverse = OFF
    for code in (LIQUIDATION, LIQUIDATION_GUARD, EMERGENCY_STOP, STOP_LOSS, ADD_FIRST, ADD_SECOND):
        level = side * level_of(life, rules, at, code)
        if adverse != adverse or level > adverse:
            adverse = level
    favourable = OFF
    for code in (TAKE_PROFIT, PARTIAL_TAKE_PROFIT, HALF_CLOSE, RETURN_TO_FIRST, RETURN_TO_INITIAL):
        level = side * level_of(life, rules, at, code)
        if favourable != favourable or level < favourable:
            favourable = level
    life[NEAR_ADVERSE] = adverse
    life[NEAR_FAVOURABLE] = favourable


@kernel
def on_tick(price: float, ticks: float) -> float:
    """``price`` on the nearest tick, where an order rests; unchanged without ticks."""
    if ticks > 0.0 and price == price:
        return float(math.floor(price * ticks + 0.5)) / ticks
    return price


@kernel
def set_levels(life: Buffer, rules: Buffer, at: int, average: float) -> None:
    """Write the levels that close everything, from the ``average`` price and the stage."""
    best = life[BEST]
    rule = shares_at(rules, at)
    stop = rule.stop_loss
    if life[ADDS] > 0.0:
        own = rules[at + R_ADDITIONS + 3 * int(life[ADDS]) - 1]
        if own > 0.0:
            stop = own
    side = life[SIDE]
    shares = LevelShares(
        rule.take_profit,
        stop,
        rule.atr_multiplier,
        rule.trailing_stop,
        rule.emergency_stop,
        rule.trailing_arm,
        rule.takes_profits_only,
    )
    open_position(life, int(side), average, life[ENTRY_ATR], shares)
    life[BEST] = best
    if life[STRUCTURE] == life[STRUCTURE]:
        life[STOP] = life[STRUCTURE] * (1.0 - side * rules[at + R_TOLERANCE])
    if life[FIXED_TARGET] == life[FIXED_TARGET]:
        life[TARGET] = life[FIXED_TARGET]
    for level in (EMERGENCY, STOP, TARGET):
        life[level] = on_tick(life[level], rules[at + R_TICKS])
    set_liquidation(life, rules, at, average)
    set_nearest(life, rules, at)


@kernel
def liquidation_level(life: Buffer, rules: Buffer, at: int, average: float) -> float:
    """Where isolated margin is down to maintenance, by the bracket of the notional at that price.

    See :func:`trading.positions.liquidation.liquidation_price`.
    """
    side = life[SIDE]
    margin = 1.0 / life[LEVERAGE]
    held = life[QUANTITY] * life[WORTH]
    tier = at + R_BRACKETS
    last = tier + BRACKET_SIZE * (BRACKETS - 1)
    while True:
        rate, amount = rules[tier + 1], rules[tier + 2]
        price = average * (side - margin) / (side - rate)
        if amount > 0.0:
            price -= amount / held / (side - rate)
        if held * price <= rules[tier] or tier == last or not rules[tier + 1 + BRACKET_SIZE] > 0.0:
            return price
        tier += BRACKET_SIZE


@kernel
def set_liquidation(life: Buffer, rules: Buffer, at: int, average: float) -> None:
    """Write the liquidation price in the rules' brackets, and the guard before it."""
    share = rules[at + R_GUARD]
    life[LIQUIDATED] = OFF
    life[GUARDED] = OFF
    if life[LEVERAGE] > 1.0:
        price = liquidation_level(life, rules, at, average)
        life[LIQUIDATED] = price
        if share > 0.0:
            life[GUARDED] = on_tick(price + share * (average - price), rules[at + R_TICKS])


@kernel
def begin_life(
    life: Buffer,
    rules: Buffer,
    at: int,
    entry: Entry,
) -> None:
    """Open the position that ``entry`` has filled, under the rules that start at ``at``."""
    price, quantity, atr = entry.price, entry.quantity, entry.atr
    life[SIDE] = entry.side
    life[WORTH] = entry.worth
    life[LEVERAGE] = rules[at + R_LEVERAGE]
    volatility = rules[at + R_TARGET_VOLATILITY]
    if volatility > 0.0:
        life[LEVERAGE] = dynamic_leverage(entry.swing, price, volatility, rules[at + R_LEVERAGE])
    life[BEST] = price
    life[ENTRY_ATR] = atr
    life[STRUCTURE] = entry.stop
    life[FIXED_TARGET] = entry.target
    life[QUANTITY] = quantity
    life[BOUGHT] = quantity
    life[INITIAL_SIZE] = quantity
    life[INITIAL] = price
    life[SOLD] = 0.0
    life[SPENT] = quantity * price
    life[FIRST] = OFF
    life[FIRST_SIZE] = 0.0
    life[SECOND_SIZE] = 0.0
    life[ADDS] = 0.0
    life[STEP] = 0.0
    life[HALVED] = 0.0
    life[OPENED] = float(entry.time)
    life[AMBIGUOUS] = 0.0
    value = quantity * price
    life[CASH] = -life[SIDE] * value - value * rules[at + R_FEE]
    set_levels(life, rules, at, price)


@kernel
def change_of(life: Buffer, rules: Buffer, at: int, code: int, price: float) -> float:
    """Quantity that ``code`` buys (above 0) or sells at ``price``."""
    held = life[QUANTITY]
    if code in (ADD_FIRST, ADD_SECOND):
        weight = rules[at + R_ADDITIONS + 3 * int(life[ADDS]) + 1]
        return weight * life[INITIAL_SIZE] * life[INITIAL] / price
    sold = held
    if code == PARTIAL_TAKE_PROFIT:
        sold = rules[at + R_LADDER + 2 * int(life[STEP]) + 1] * life[BOUGHT]
    elif code == HALF_CLOSE:
        sold = 0.5 * held
    elif code == RETURN_TO_FIRST:
        sold = life[SECOND_SIZE]
    elif code == RETURN_TO_INITIAL:
        sold = life[FIRST_SIZE]
    if held - sold < DUST * life[BOUGHT]:
        sold = held
    return -sold


@kernel
def apply_fill(
    life: Buffer, rules: Buffer, at: int, code: int, change: float, price: float
) -> None:
    """Apply the fill of ``code``: ``change`` at ``price``; a quantity of 0 is the end."""
    side = life[SIDE]
    value = change * price
    fee = rules[at + R_FEE]
    if code in (TAKE_PROFIT, PARTIAL_TAKE_PROFIT):
        fee = rules[at + R_MAKER_FEE]
    life[CASH] = life[CASH] - side * value - (value if value > 0.0 else -value) * fee
    held = life[QUANTITY]
    life[QUANTITY] = held + change
    if code in (ADD_FIRST, ADD_SECOND):
        life[BOUGHT] = life[BOUGHT] + change
        life[SPENT] = life[SPENT] + value
        if code == ADD_FIRST:
            life[FIRST] = price
            life[FIRST_SIZE] = change
        else:
            life[SECOND_SIZE] = change
        life[ADDS] = life[ADDS] + 1.0
        # The trailing stop takes a profit from the new average: the high-water mark restarts.
        life[BEST] = price
        set_levels(life, rules, at, (life[ENTRY] * held + value) / life[QUANTITY])
        return
    life[SOLD] = life[SOLD] - value
    if code == PARTIAL_TAKE_PROFIT:
        life[STEP] = life[STEP] + 1.0
    elif code == HALF_CLOSE:
        life[HALVED] = 1.0
    elif code == RETURN_TO_FIRST:
        life[SECOND_SIZE] = 0.0
    elif code == RETURN_TO_INITIAL:
        life[FIRST_SIZE] = 0.0
    if life[QUANTITY] > 0.0:
        set_liquidation(life, rules, at, life[ENTRY])
    set_nearest(life, rules, at)
