"""The executor's view of `trading.positions.lifecycle`: what to do at a price, what was done."""

from __future__ import annotations

import math
from dataclasses import dataclass

from trading.jit.kernel import Buffer
from trading.positions.candle_path import price_check
from trading.positions.exit_rules import ExitRules
from trading.positions.lifecycle import (
    ADDS,
    FIRST_SIZE,
    GUARDED,
    LIFE_SIZE,
    QUANTITY,
    SECOND_SIZE,
    WATCHED,
    apply_fill,
    begin_life,
    change_of,
    heeds_exit,
    level_of,
)
from trading.positions.position import (
    ADD_FIRST,
    ADD_SECOND,
    BEST,
    EMERGENCY,
    EMERGENCY_STOP,
    ENTRY,
    LIQUIDATION_GUARD,
    PARTIAL_TAKE_PROFIT,
    REASONS,
    STOP,
    STOP_LOSS,
    TARGET,
)

_NO_PRICE = math.nan

STAGES = {
    (0, False, False): "initial",
    (1, True, False): "first",
    (1, False, False): "first_returned",
    (2, True, True): "second",
    (2, True, False): "second_returned",
    (2, False, True): "second_alone",
    (2, False, False): "all_returned",
}
"""Names of the stages by additions made and whether the first and second size are still held."""


def stage_name(life: Buffer) -> str:
    """The stage of a life; ``flat`` when nothing is held."""
    if not life[QUANTITY] > 0.0:
        return "flat"
    return STAGES[int(life[ADDS]), life[FIRST_SIZE] > 0.0, life[SECOND_SIZE] > 0.0]


@dataclass(frozen=True, slots=True)
class Action:
    """What to do now: ``kind`` is ``add``, ``reduce`` or ``close``.

    ``quantity`` is what to trade (positive); ``price`` the level that was reached, None where
    there is none; ``reason`` as in the ledger.
    """

    kind: str
    reason: str
    code: int
    quantity: float
    price: float | None


class StagedPosition:
    """An open position that is averaged and sold in parts.

    ``side`` is +1 (long) or -1 (short). ``structural_stop`` (widened by the rules' tolerance) and
    ``target_price`` are prices of levels in the market; they stand instead of the shares.
    ``best_price`` is the best price seen so far, to restore a position.
    An :class:`Action` changes nothing until :meth:`filled` says that it was done.
    """

    def __init__(
        self,
        side: int,
        entry_price: float,
        quantity: float,
        opened_at_ms: int,
        rules: ExitRules,
        atr: float = _NO_PRICE,
        structural_stop: float | None = None,
        target_price: float | None = None,
        best_price: float | None = None,
    ) -> None:
        self.side = side
        self.rules = rules
        self._layout = rules.layout(side=side)
        self._life: Buffer = [0.0] * LIFE_SIZE
        structure = _NO_PRICE if structural_stop is None else structural_stop
        target = _NO_PRICE if target_price is None else target_price
        begin_life(
            self._life,
            self._layout,
            0,
            float(side),
            entry_price,
            quantity,
            atr,
            structure,
            target,
            opened_at_ms,
        )
        if best_price is not None:
            self._life[BEST] = best_price

    @property
    def stage(self) -> str:
        """The row of the state table: ``initial``, ``first`` ... or ``flat``."""
        return stage_name(self._life)

    @property
    def quantity(self) -> float:
        """What is held."""
        return self._life[QUANTITY]

    @property
    def average_price(self) -> float:
        """Mean price of what was bought."""
        return self._life[ENTRY]

    @property
    def best_price(self) -> float:
        """The best price since the entry."""
        return self._life[BEST]

    @best_price.setter
    def best_price(self, price: float) -> None:
        self._life[BEST] = price

    @property
    def watched_prices(self) -> list[float]:
        """Prices at which something is done that no order rests for."""
        levels = [level_of(self._life, self._layout, 0, code) for code in WATCHED]
        return [level for level in levels if not math.isnan(level)]

    @property
    def stop_price(self) -> float | None:
        """The stop of the present stage, or None."""
        return _level(self._life[STOP])

    @property
    def emergency_price(self) -> float | None:
        """The emergency stop, or None."""
        return _level(self._life[EMERGENCY])

    @property
    def take_profit_price(self) -> float | None:
        """The price that closes all in profit, or None."""
        return _level(self._life[TARGET])

    @property
    def protective_price(self) -> float | None:
        """The stop that should rest at the exchange: the nearest that closes everything."""
        levels = (self._life[STOP], self._life[EMERGENCY], self._life[GUARDED])
        known = [self.side * level for level in levels if not math.isnan(level)]
        return self.side * max(known) if known else None

    @property
    def protective_reason(self) -> str:
        """The reason to write when the order at :attr:`protective_price` fills."""
        price = self.protective_price
        if price == self.emergency_price:
            return REASONS[EMERGENCY_STOP]
        return REASONS[STOP_LOSS if price == self.stop_price else LIQUIDATION_GUARD]

    @property
    def heeds_exit(self) -> bool:
        """Whether an exit that the strategy asks for counts at this stage."""
        return heeds_exit(self._life, self._layout, 0)

    def on_price(self, price: float, now_ms: int) -> Action | None:
        """What ``price`` asks for; asked again after :meth:`filled`, there may be more."""
        code = price_check(self._life, self._layout, 0, price, now_ms)
        if code == 0:
            return None
        level = _level(level_of(self._life, self._layout, 0, code))
        change = change_of(self._life, self._layout, 0, code, price if level is None else level)
        kind = "add" if change > 0.0 else "reduce"
        if change == -self._life[QUANTITY]:
            kind = "close"
        return Action(kind, REASONS[code], code, abs(change), level)

    def pass_over(self, least: float) -> None:
        """Leave out the next steps of the ladder that sell less than ``least``: they were reached,
        but nothing could be traded.
        """
        life, code = self._life, PARTIAL_TAKE_PROFIT
        while not math.isnan(level_of(life, self._layout, 0, code)):
            part = -change_of(life, self._layout, 0, code, life[ENTRY])
            if float(f"{part:.10g}") >= least:
                return
            apply_fill(life, self._layout, 0, code, 0.0, life[ENTRY])

    def filled(self, action: Action, quantity: float, price: float) -> None:
        """Book what was really traded of ``action``."""
        change = quantity if action.code in (ADD_FIRST, ADD_SECOND) else -quantity
        apply_fill(self._life, self._layout, 0, action.code, change, price)


def _level(value: float) -> float | None:
    return None if math.isnan(value) else value
