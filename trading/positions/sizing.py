"""How much of the account one position may take."""

from __future__ import annotations

from dataclasses import dataclass

from trading.jit.kernel import Buffer, kernel
from trading.positions.exit_rules import ADDITIONS, R_ADDITIONS


@kernel
def sized_quantity(equity: float, price: float, stop: float, share: float, risk: float) -> float:
    """Units to trade at ``price`` for ``equity`` (quote currency).

    At most ``share`` of the equity as notional; with a ``stop`` (NaN: none) and a ``risk`` above 0
    at most what loses that share of the equity between price and stop.
    """
    quantity = equity * share / price
    if risk > 0.0 and stop == stop and stop != price:
        bounded = equity * risk / abs(price - stop)
        if bounded < quantity:
            return bounded
    return quantity


@kernel
def planned_of(rules: Buffer, at: int) -> float:
    """Notional of a position with all additions made, in units of the entry's."""
    planned = 1.0
    for step in range(ADDITIONS):
        planned += rules[at + R_ADDITIONS + 3 * step + 1]
    return planned


@kernel
def capped_quantity(quantity: float, notional: float, most: float) -> float:
    """``quantity``, or less where the ``notional`` of the whole plan is above ``most``."""
    if notional > most:
        return quantity * (most / notional)
    return quantity


@dataclass(frozen=True, slots=True)
class Sizing:
    """``share`` and ``risk`` of :func:`sized_quantity`; a risk of 0 limits nothing."""

    share: float
    risk: float = 0.0

    def quantity(self, equity: float, price: float, stop: float) -> float:
        """Units for ``equity`` at ``price`` with a stop at ``stop`` (NaN: none)."""
        return sized_quantity(equity, price, stop, self.share, self.risk)
