"""The executor's view of `trading.positions.lifecycle`: what to do at a price, what was filled."""

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
    Entry,
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
"""Names of the stages, by the additions made and which of them are still held."""


def stage_name(life: Buffer) -> str:
    """Return the stage of a life; ``flat`` when the position is closed."""
    if not life[QUANTITY] > 0.0:
        return "flat"
    return STAGES[int(life[ADDS]), life[FIRST_SIZE] > 0.0, life[SECOND_SIZE] > 0.0]


@dataclass(frozen=True, slots=True)
class Action:
    """What to do now: ``kind`` is ``add``, ``reduce`` or ``close``.

    ``quantity`` is what to trade (positive); ``price`` is the level that was reached, or None;
    ``reason`` is as in the ledger.
    """

    kind: str
    reason: str
    code: int
    quantity: float
    price: float | None


@dataclass(frozen=True, slots=True)
class StagedEntry:
    """The entry of a position; ``side`` is +1 (long) or -1 (short).

    ``atr`` is the average true range at the decision, NaN if unknown. ``structural_stop`` (widened
    by the rules' tolerance) and ``target_price`` are prices of levels in the market; they replace
    the rules' shares.
    """

    side: int
    price: float
    quantity: float
    opened_at_ms: int
    atr: float = _NO_PRICE
    structural_stop: float | None = None
    target_price: float | None = None


class StagedPosition:
    """An open position that is averaged and sold in parts.

    ``best_price`` restores the best price seen so far. An :class:`Action` changes nothing until
    :meth:`filled` reports what was traded.
    """

    def __init__(
        self, entry: StagedEntry, rules: ExitRules, best_price: float | None = None
    ) -> None:
        self.side = entry.side
        self.rules = rules
        self._layout = rules.layout(entry.side)
        self._life: Buffer = [0.0] * LIFE_SIZE
        stop, target = entry.structural_stop, entry.target_price
        opened = Entry(
            side=float(entry.side),
            price=entry.price,
            quantity=entry.quantity,
            atr=entry.atr,
            stop=_NO_PRICE if stop is None else stop,
            target=_NO_PRICE if target is None else target,
            time=entry.opened_at_ms,
            worth=1.0,
            swing=entry.atr,
        )
        begin_life(self._life, self._layout, 0, opened)
        if best_price is not None:
            self._life[BEST] = best_price

    @property
    def stage(self) -> str:
        """The row of the state table: ``initial``, ``first`` ... or ``flat``."""
        return stage_name(self._life)

    @property
    def quantity(self) -> float:
        """The open quantity."""
        return self._life[QUANTITY]

    @property
    def average_price(self) -> float:
        """Mean price of everything bought."""
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
        """Prices that trigger something for which no order rests."""
        levels = [level_of(self._life, self._layout, 0, code) for code in WATCHED]
        return [level for level in levels if not math.isnan(level)]

    @property
    def stop_price(self) -> float | None:
        """The stop of the current stage, or None."""
        return _level(self._life[STOP])

    @property
    def emergency_price(self) -> float | None:
        """The emergency stop, or None."""
        return _level(self._life[EMERGENCY])

    @property
    def take_profit_price(self) -> float | None:
        """The price that closes everything in profit, or None."""
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
        """Whether the strategy's exit counts at this stage."""
        return heeds_exit(self._life, self._layout, 0)

    def on_price(self, price: float, now_ms: int) -> Action | None:
        """Return what ``price`` triggers; call again after :meth:`filled`, there may be more."""
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
        """Skip the next steps of the ladder that sell less than ``least``.

        Price reached them, but there was nothing large enough to trade.
        """
        life, code = self._life, PARTIAL_TAKE_PROFIT
        while not math.isnan(level_of(life, self._layout, 0, code)):
            part = -change_of(life, self._layout, 0, code, life[ENTRY])
            if float(f"{part:.10g}") >= least:
                return
            apply_fill(life, self._layout, 0, code, 0.0, life[ENTRY])

    def filled(self, action: Action, quantity: float, price: float) -> None:
        """Apply what was actually traded of ``action``."""
        change = quantity if action.code in (ADD_FIRST, ADD_SECOND) else -quantity
        apply_fill(self._life, self._layout, 0, action.code, change, price)


def _level(value: float) -> float | None:
    return None if math.isnan(value) else value
