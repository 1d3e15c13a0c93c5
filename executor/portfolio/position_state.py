"""The state of a position: its exit rules, and its stages computed from its trades.

No stage is remembered: the trades and the reasons of their orders tell which additions and partial
exits were made, before and after a restart alike. All functions are pure.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from decimal import Decimal
from functools import cache, lru_cache
from typing import NamedTuple

from executor.ledger.records import OrderRow, PositionRow
from executor.model import ZERO, VenueFill
from executor.portfolio.fill_totals import total_fills
from trading.candles import DAY_MS
from trading.order_ids import OrderLeg
from trading.positions.position import (
    ADD_FIRST,
    ADD_SECOND,
    DAY_END,
    PARTIAL_TAKE_PROFIT,
    REASONS,
    STRATEGY_EXIT,
    TIME_EXIT,
    ExitRules,
    Position,
)
from trading.positions.sizing import Sizing
from trading.positions.staged_position import Action, StagedEntry, StagedPosition
from trading.strategies.base import Strategy
from trading.strategies.own import VARIABLE
from trading.strategies.parameters import Value
from trading.strategies.registry import get_strategy

ADOPTED_STRATEGY = "adopted"
TAKEN_OVER = "taken_over"
"""Parameter of a foreign position that an operator took over, with a stop of his own."""
ADOPTED_EMERGENCY_STOP = 0.05

OpenPosition = Position | StagedPosition

KNOWN_SETS = 1_024
"""Sets of parameters whose rules are kept: more than the strategies of two releases."""
Items = tuple[tuple[str, Value], ...]
"""Parameters as a key."""

ADDITION_LEGS: Mapping[int, OrderLeg] = {
    ADD_FIRST: OrderLeg.FIRST_ADDITION,
    ADD_SECOND: OrderLeg.SECOND_ADDITION,
}
ENTERING_LEGS = frozenset({OrderLeg.ENTRY, *ADDITION_LEGS.values()})
"""Legs that make a position larger; all others are reduce-only."""
_CODE_OF_LEG = {leg: code for code, leg in ADDITION_LEGS.items()}


@dataclass(frozen=True, slots=True)
class PositionChange:
    """One change of a position after its entry.

    ``code`` is that of `trading.positions.position`; the quantity is negative for a purchase that
    no order of ours explains.
    """

    code: int
    quantity: float
    price: float


class Named(NamedTuple):
    """A strategy by what its name means: a strategy of a user's own need not be hashable."""

    name: str
    folder: str | None
    working_directory: str


def _named(name: str) -> Named:
    return Named(name, os.environ.get(VARIABLE), os.getcwd())  # noqa: PTH109 (a fifth of the time)


@cache
def _strategy(named: Named) -> Strategy:
    """The strategy, without a look into the user's folder at each entry."""
    return get_strategy(named.name)


def live_rules_of(strategy: str, params: Mapping[str, Value], leverage: int) -> ExitRules:
    """The exits of a live or paper trade; each entry of a release has the same parameters."""
    return _live_rules(_named(strategy), tuple(params.items()), leverage)


@lru_cache(maxsize=KNOWN_SETS)
def _live_rules(named: Named, params: Items, leverage: int) -> ExitRules:
    return _strategy(named).live_rules(dict(params), leverage)


def exit_rules_of(strategy: str, params: Mapping[str, Value]) -> ExitRules:
    """The exits that the parameters themselves describe."""
    return _exit_rules(_named(strategy), tuple(params.items()))


@lru_cache(maxsize=KNOWN_SETS)
def _exit_rules(named: Named, params: Items) -> ExitRules:
    return _strategy(named).exit_rules(dict(params))


def sizing_of(strategy: str, params: Mapping[str, Value]) -> Sizing:
    """How much of the account an entry takes."""
    return _sizing(_named(strategy), tuple(params.items()))


@lru_cache(maxsize=KNOWN_SETS)
def _sizing(named: Named, params: Items) -> Sizing:
    return _strategy(named).sizing(dict(params))


def rules_of(row: PositionRow) -> ExitRules:
    """The exit rules of the parameters that a position was opened with.

    The liquidation price follows from the account's leverage, not from the strategy's.
    """
    if row.strategy == ADOPTED_STRATEGY:
        if row.params.get(TAKEN_OVER):
            # The operator's stop alone: a nearer one could close at once what he wants kept.
            return ExitRules()
        return ExitRules(emergency_stop=ADOPTED_EMERGENCY_STOP)
    return live_rules_of(row.strategy, row.params, row.leverage)


def is_sized_by_risk(row: PositionRow) -> bool:
    """Whether the strategy of a position sizes its entries by their risk."""
    if row.strategy == ADOPTED_STRATEGY:
        return False
    return sizing_of(row.strategy, row.params).by_risk


def is_staged(row: PositionRow, rules: ExitRules) -> bool:
    """Whether a position changes in stages, or has levels of its own."""
    return rules.is_staged or row.stop_price is not None or row.target_price is not None


def entered_position(
    row: PositionRow, rules: ExitRules, price: float, quantity: float
) -> OpenPosition:
    """The position right after its entry."""
    if not is_staged(row, rules):
        return Position(row.side, price, quantity, row.opened_at, rules, row.atr)
    entry = StagedEntry(
        row.side, price, quantity, row.opened_at, row.atr, row.stop_price, row.target_price
    )
    return StagedPosition(entry, rules)


def open_position(
    row: PositionRow,
    fills: Iterable[VenueFill] = (),
    orders: Iterable[OrderRow] = (),
    least: Decimal = ZERO,
) -> OpenPosition:
    """The position of a row with its best price; a staged one is rebuilt from its trades.

    ``least`` is the exchange's step of quantities: a smaller part leaves no trade.
    """
    rules = rules_of(row)
    entry: PositionChange | None = None
    changes: list[PositionChange] = []
    if is_staged(row, rules):
        entry, changes = changes_of(row.side, fills, orders)
    price = entry.price if entry is not None else row.entry_price
    quantity = entry.quantity if entry is not None else float(row.quantity)
    position = entered_position(row, rules, price, quantity)
    if isinstance(position, StagedPosition):
        for change in changes:
            if change.code == PARTIAL_TAKE_PROFIT:
                position.pass_over(float(least))
            _record_change(position, change)
        unexplained = float(Decimal(f"{position.quantity:.10g}") - row.quantity)
        if entry is not None and unexplained:
            # The exchange's size, which no trade explains.
            change = PositionChange(STRATEGY_EXIT, unexplained, row.entry_price)
            _record_change(position, change)
    if row.high_water:
        position.best_price = row.high_water
    return position


def _record_change(position: StagedPosition, change: PositionChange) -> None:
    kind = "add" if change.code in ADDITION_LEGS else "reduce"
    action = Action(kind, REASONS[change.code], change.code, change.quantity, change.price)
    position.filled(action, change.quantity, change.price)


def changes_of(
    side: int, fills: Iterable[VenueFill], orders: Iterable[OrderRow]
) -> tuple[PositionChange | None, list[PositionChange]]:
    """The entry and the changes after it, one per order, in order of time."""
    purpose = {order.client_id: _code(order) for order in orders}
    groups: dict[tuple[int, str], list[VenueFill]] = {}
    for fill in fills:
        known = purpose.get(fill.client_id)
        code = STRATEGY_EXIT if known is None else known
        # Several attempts of an entry are one entry.
        name = "" if code == 0 else fill.client_id or fill.order_id
        groups.setdefault((code, name), []).append(fill)
    entry = None
    changes = []
    for (code, _), trades in groups.items():
        bought = total_fills(side, trades)
        if code == 0:
            entry = PositionChange(0, float(bought.entered), bought.entry_price)
        elif code in ADDITION_LEGS:
            changes.append(PositionChange(code, float(bought.entered), bought.entry_price))
        else:
            price = bought.exit_price or bought.entry_price
            changes.append(PositionChange(code, -float(bought.quantity), price))
    return entry, changes


def _code(order: OrderRow) -> int:
    """What an order was for, as a code; 0 for an entry."""
    if order.leg is OrderLeg.ENTRY:
        return 0
    if order.leg in _CODE_OF_LEG:
        return _CODE_OF_LEG[order.leg]
    return REASONS.index(order.reason) if order.reason in REASONS[1:] else STRATEGY_EXIT


def overdue(row: PositionRow, rules: ExitRules, now_ms: int) -> str:
    """The reason of an exit that is due by time; empty while none is."""
    if rules.time_exit_ms > 0 and now_ms - row.opened_at >= rules.time_exit_ms:
        return REASONS[TIME_EXIT]
    if rules.day_end and now_ms // DAY_MS != row.opened_at // DAY_MS:
        return REASONS[DAY_END]
    return ""
