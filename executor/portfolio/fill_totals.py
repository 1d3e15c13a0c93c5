"""The totals of a position, computed from its trades alone."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
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
