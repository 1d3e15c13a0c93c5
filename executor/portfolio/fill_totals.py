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
        fee_quote=None if fill.fee_quote is None else fill.fee_quote * share,
        fee_base=fill.fee_base * share,
        realized_pnl=None if fill.realized_pnl is None else fill.realized_pnl * share,
    )


def total_fills(side: int, fills: Iterable[VenueFill]) -> FillTotals:
    """Add up the trades of one position; ``side`` is +1 (long) or -1 (short).

    A fee in the bought asset lowers the quantity that is held. Where the venue does not say what
    was earned, it follows from the mean prices.
    """
    bought = entered = closed = entry_value = exit_value = pnl = fees = ZERO
    opened_at = last_at = 0
    given = True
    for fill in fills:
        given = given and fill.realized_pnl is not None
        pnl += fill.realized_pnl or ZERO
        fees += fill.fee_quote or ZERO
        last_at = max(last_at, fill.time)
        if (fill.side == "BUY") == (side > 0):
            opened_at = fill.time if entered == 0 else min(opened_at, fill.time)
            bought += fill.quantity
            entered += fill.quantity - fill.fee_base
            entry_value += fill.quantity * fill.price
        else:
            closed += fill.quantity
            exit_value += fill.quantity * fill.price
    if not given and bought:
        pnl = side * (exit_value - closed * entry_value / bought)
    return FillTotals(
        quantity=entered - closed,
        entry_price=float(entry_value / bought) if bought else 0.0,
        exit_price=float(exit_value / closed) if closed else 0.0,
        entered=entered,
        realized_pnl=pnl,
        fees=fees,
        opened_at=opened_at,
        last_at=last_at,
    )
