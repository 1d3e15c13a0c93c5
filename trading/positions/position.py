"""A position after its entry: when it is closed, at which price, and why.

The kernels work on a small state buffer and the simulation compiles them; :class:`Position` is the
typed face that the executor uses. Both run the same source.

Checks run in this order, and the first that is true decides: emergency, stop, take-profit,
trailing, day end, strategy exit. A candle's path is open, adverse extreme, other extreme, close: of
several levels below the open of a long position's candle, the nearest is met first. Exits fill at
their level, also when the market jumped over it.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

from trading.candles import DAY_MS
from trading.jit.kernel import Buffer, kernel
from trading.positions.exit_rules import ExitRules, LevelShares

__all__ = ["Exit", "ExitRules", "Position", "REASONS"]

NO_EXIT = 0
EMERGENCY_STOP = 1
STOP_LOSS = 2
TAKE_PROFIT = 3
TRAILING_STOP = 4
DAY_END = 5
STRATEGY_EXIT = 6
END_OF_DATA = 7
LIQUIDATION_GUARD = 8
TIME_EXIT = 9
LIQUIDATION = 10
PARTIAL_TAKE_PROFIT = 11
HALF_CLOSE = 12
RETURN_TO_FIRST = 13
RETURN_TO_INITIAL = 14
ADD_FIRST = 15
ADD_SECOND = 16

REASONS = (
    "",
    "emergency_stop",
    "stop_loss",
    "take_profit",
    "trailing_stop",
    "day_end",
    "strategy_exit",
    "end_of_data",
    "liquidation_guard",
    "time_exit",
    "liquidation",
    "partial_take_profit",
    "half_close",
    "return_to_first",
    "return_to_initial",
    "add_first",
    "add_second",
)
"""Reasons as the ledger writes them, by code; `positions.lifecycle` uses those from 8 on."""

# Layout of the state buffer. A level that is off is NaN: every comparison with it is false.
SIDE = 0
ENTRY = 1
EMERGENCY = 2
STOP = 3
TARGET = 4
TRAIL = 5
BEST = 6
ARM = 7
FLOOR = 8  # the trailing stop counts beyond this price
POSITION_SIZE = 9

OFF = math.nan


@kernel
def open_position(
    state: Buffer,
    side: int,
    entry: float,
    atr: float,
    shares: LevelShares,
) -> None:
    """Write the state of a new position; ``side`` is +1 or -1, a share of 0 switches a check off.

    A ``stop_loss`` of 0 means the ATR stop, ``atr_multiplier`` times ``atr`` (a price distance)
    away from the entry; without an ATR (NaN) there is none. ``trailing_arm`` is the profit from
    which the trailing stop counts.
    """
    stop_loss, atr_multiplier = shares.stop_loss, shares.atr_multiplier
    emergency_stop, take_profit = shares.emergency_stop, shares.take_profit
    state[SIDE] = float(side)
    state[ENTRY] = entry
    state[EMERGENCY] = entry * (1.0 - side * emergency_stop) if emergency_stop > 0.0 else OFF
    if stop_loss > 0.0:
        state[STOP] = entry * (1.0 - side * stop_loss)
    elif atr_multiplier > 0.0 and atr > 0.0:
        state[STOP] = entry - side * (atr * atr_multiplier)
    else:
        state[STOP] = OFF
    state[TARGET] = entry * (1.0 + side * take_profit) if take_profit > 0.0 else OFF
    state[TRAIL] = shares.trailing_stop
    state[BEST] = entry
    state[ARM] = entry * (1.0 + side * shares.trailing_arm)
    state[FLOOR] = entry if shares.takes_profits_only > 0.0 else -side * math.inf


@kernel
def trailing_level(state: Buffer) -> float:
    """Return the trailing stop's price, or NaN until the best price has armed it.

    It is armed once the best price has reached :data:`ARM` and the level lies beyond
    :data:`FLOOR`: the entry, if it takes profits only.
    """
    side = state[SIDE]
    if state[TRAIL] <= 0.0:
        return OFF
    level = state[BEST] * (1.0 - side * state[TRAIL])
    if side * level > side * state[FLOOR] and side * state[BEST] >= side * state[ARM]:
        return level
    return OFF


@kernel
def price_exit(state: Buffer, price: float) -> int:
    """Return the exit that ``price`` triggers, as a code; updates the best price."""
    side = state[SIDE]
    move = side * price
    if move <= side * state[EMERGENCY]:
        return EMERGENCY_STOP
    if move <= side * state[STOP]:
        return STOP_LOSS
    if move >= side * state[TARGET]:
        return TAKE_PROFIT
    if move <= side * trailing_level(state):
        return TRAILING_STOP
    if move > side * state[BEST]:
        state[BEST] = price
    return NO_EXIT


@kernel
def exit_level(state: Buffer, code: int, close: float) -> float:
    """Return the price at which exit ``code`` fills: its level, or ``close`` where it has none."""
    if code == EMERGENCY_STOP:
        return state[EMERGENCY]
    if code == STOP_LOSS:
        return state[STOP]
    if code == TAKE_PROFIT:
        return state[TARGET]
    if code == TRAILING_STOP:
        return trailing_level(state)
    return close


@kernel
def adverse_exit(state: Buffer, first: float, extreme: float) -> int:
    """Return the stop met between the open ``first`` and the adverse ``extreme``, as a code."""
    side = state[SIDE]
    opened = side * first
    trail = trailing_level(state)
    if opened <= side * state[EMERGENCY]:
        return EMERGENCY_STOP
    if opened <= side * state[STOP]:
        return STOP_LOSS
    if opened <= side * trail:
        return TRAILING_STOP
    code = NO_EXIT
    nearest = side * extreme
    if side * state[EMERGENCY] >= nearest:
        code = EMERGENCY_STOP
        nearest = side * state[EMERGENCY]
    if side * state[STOP] >= nearest and (code == NO_EXIT or side * state[STOP] > nearest):
        code = STOP_LOSS
        nearest = side * state[STOP]
    if side * trail >= nearest and (code == NO_EXIT or side * trail > nearest):
        code = TRAILING_STOP
    return code


@kernel
def candle_exit(
    state: Buffer, first: float, high: float, low: float, close: float, day_ends: int
) -> int:
    """Return the exit within one candle, as a code.

    ``first`` is its open; ``day_ends`` is 1 on a day's last candle. The fill is :func:`exit_level`
    with the candle's close.
    """
    side = state[SIDE]
    adverse, favourable = low, high
    if side < 0.0:
        adverse, favourable = high, low
    code = adverse_exit(state, first, adverse)
    if code != NO_EXIT:
        return code
    if side * favourable >= side * state[TARGET]:
        return TAKE_PROFIT
    if side * favourable > side * state[BEST]:
        state[BEST] = favourable
    if side * close <= side * trailing_level(state):
        return TRAILING_STOP
    if day_ends == 1:
        return DAY_END
    return NO_EXIT


@dataclass(frozen=True, slots=True)
class Exit:
    """Close the position now, at the level ``price`` or, for None, at the market.

    ``reason`` is as in the ledger.
    """

    reason: str
    price: float | None


class Position:
    """An open position of the executor: its protective levels and its exits.

    ``side`` is +1 (long) or -1 (short); ``atr`` the average true range at the decision (a price
    distance, NaN if unknown); ``best_price`` the best price seen so far, to restore a position.
    """

    def __init__(
        self,
        side: int,
        entry_price: float,
        quantity: float,
        opened_at_ms: int,
        rules: ExitRules,
        atr: float = math.nan,
        best_price: float | None = None,
    ) -> None:
        self.side = side
        self.entry_price = entry_price
        self.quantity = quantity
        self.opened_at_ms = opened_at_ms
        self.rules = rules
        self.atr = atr
        self._state: Buffer = [0.0] * POSITION_SIZE
        open_position(self._state, side, entry_price, atr, rules.shares)
        if best_price is not None:
            self._state[BEST] = best_price

    @property
    def stop_price(self) -> float | None:
        """The fixed or ATR stop, or None."""
        return _level(self._state[STOP])

    @property
    def emergency_price(self) -> float | None:
        """The emergency stop, or None."""
        return _level(self._state[EMERGENCY])

    @property
    def take_profit_price(self) -> float | None:
        """The take-profit, or None."""
        return _level(self._state[TARGET])

    @property
    def trailing_price(self) -> float | None:
        """The trailing stop, or None while it is off or not armed."""
        return _level(trailing_level(self._state))

    @property
    def best_price(self) -> float:
        """The best price since the entry (highest of a long, lowest of a short)."""
        return self._state[BEST]

    @best_price.setter
    def best_price(self, price: float) -> None:
        self._state[BEST] = price

    @property
    def watched_prices(self) -> list[float]:
        """Prices that trigger something for which no order rests."""
        return [] if self.trailing_price is None else [self.trailing_price]

    @property
    def protective_price(self) -> float | None:
        """The stop that should rest at the exchange: the nearest of stop and emergency stop."""
        levels = [level for level in (self.stop_price, self.emergency_price) if level is not None]
        if not levels:
            return None
        return max(levels) if self.side > 0 else min(levels)

    @property
    def protective_reason(self) -> str:
        """The reason to write when the order at :attr:`protective_price` fills."""
        is_emergency = self.protective_price == self.emergency_price
        return REASONS[EMERGENCY_STOP if is_emergency else STOP_LOSS]

    def on_price(self, price: float, now_ms: int) -> Exit | None:
        """Check one traded price at ``now_ms``; an exit of the day end has no level."""
        code = price_exit(self._state, price)
        if code != NO_EXIT:
            return Exit(REASONS[code], exit_level(self._state, code, price))
        if self.rules.day_end and now_ms // DAY_MS != self.opened_at_ms // DAY_MS:
            return Exit(REASONS[DAY_END], None)
        return None


def _level(value: float) -> float | None:
    return None if math.isnan(value) else value
