"""The totals of a position, computed from its trades alone."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from decimal import Decimal

from executor.model import ZERO, VenueFill


@dataclass(frozen=True, slots=True)
class FillTotals:
    """Totals of a position's trades; prices are weighted by quantity, 0 without trades."""

    quantity: Decimal
    entry_price: float
    exit_price: float
    entered: Decimal
    realized_pnl: Decimal
    fees: Decimal
    opened_at: int
    last_at: int

    @property
    def flat(self) -> bool:
        """Whether everything that was entered is closed again."""
        return self.entered > 0 and self.quantity <= 0


def own_totals(side: int, fills: Iterable[VenueFill]) -> FillTotals:
    """Add up the trades of one position without what closed more than it held."""
    trades = list(fills)
    left = total_fills(side, trades).entered
    own = []
    for fill in trades:
        if (fill.side == "BUY") != (side > 0):
            part = min(fill.quantity, left)
            left -= part
            own += [part_of(fill, part)] if part > 0 else []
        else:
            own.append(fill)
    return total_fills(side, own)


def part_of(fill: VenueFill, quantity: Decimal) -> VenueFill:
    """A part of a trade, with its part of fee and result."""
    if quantity == fill.quantity:
        return fill
    share = quantity / fill.quantity
    return replace(
        fill,
        quantity=quantity,
        fee=fill.fee * share,
        realized_pnl=fill.realized_pnl * share,
    )


def total_fills(side: int, fills: Iterable[VenueFill]) -> FillTotals:
    """Add up the trades of one position; ``side`` is +1 (long) or -1 (short)."""
    entered = closed = entry_value = exit_value = pnl = fees = ZERO
    opened_at = last_at = 0
    for fill in fills:
        pnl += fill.realized_pnl
        fees += fill.fee
        last_at = max(last_at, fill.time)
        if (fill.side == "BUY") == (side > 0):
            opened_at = fill.time if entered == 0 else min(opened_at, fill.time)
            entered += fill.quantity
            entry_value += fill.quantity * fill.price
        else:
            closed += fill.quantity
            exit_value += fill.quantity * fill.price
    return FillTotals(
        quantity=entered - closed,
        entry_price=float(entry_value / entered) if entered else 0.0,
        exit_price=float(exit_value / closed) if closed else 0.0,
        entered=entered,
        realized_pnl=pnl,
        fees=fees,
        opened_at=opened_at,
        last_at=last_at,
    )
