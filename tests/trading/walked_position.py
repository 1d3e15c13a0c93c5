"""A position walked candle by candle with the simulation's kernels, in plain Python."""

from __future__ import annotations

import math

from trading.positions.exit_rules import ExitRules
from trading.positions.position import (
    NO_EXIT,
    POSITION_SIZE,
    REASONS,
    Exit,
    candle_exit,
    exit_level,
    open_position,
    price_exit,
)


class WalkedPosition:
    """``side`` is +1 or -1, ``atr`` the average true range at the decision."""

    def __init__(self, side: int, entry: float, rules: ExitRules, atr: float = math.nan) -> None:
        self._rules = rules
        self._state = [0.0] * POSITION_SIZE
        open_position(self._state, side, entry, atr, rules.shares)

    def candle(
        self, first: float, high: float, low: float, close: float, *, last_of_day: bool = False
    ) -> Exit | None:
        """Return the exit within one candle; ``first`` is its open."""
        day_ends = 1 if last_of_day and self._rules.day_end else 0
        return self._exit(candle_exit(self._state, first, high, low, close, day_ends), close)

    def price(self, price: float) -> Exit | None:
        """Return the exit at one price."""
        return self._exit(price_exit(self._state, price), price)

    def _exit(self, code: int, price: float) -> Exit | None:
        if code == NO_EXIT:
            return None
        return Exit(REASONS[code], exit_level(self._state, code, price))
