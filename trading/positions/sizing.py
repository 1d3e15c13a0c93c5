"""How much of the account one position may take."""

from __future__ import annotations

from dataclasses import dataclass

from trading.jit.kernel import Buffer, kernel
from trading.positions.exit_rules import ADDITIONS, R_ADDITIONS


@kernel
def sized_quantity(equity: float, price: float, stop: float, share: float, risk: float) -> float:
    """Units to trade at ``price`` for ``equity`` (quote currency).

    The notional is at most ``share`` of the equity. With a ``stop`` (NaN: none) and a ``risk``
    above 0, the loss from price to stop is at most that share of the equity.
    """
    quantity = equity * share / price
    if risk > 0.0 and stop == stop and stop != price:
        bounded = equity * risk / abs(price - stop)
        if bounded < quantity:
            return bounded
    return quantity


@kernel
def planned_of(rules: Buffer, at: int) -> float:
    """Notional of a position with all its additions, in units of the entry's."""
    planned = 1.0
    for step in range(ADDITIONS):
        planned += rules[at + R_ADDITIONS + 3 * step + 1]
    return planned


@kernel
def capped_quantity(quantity: float, notional: float, most: float) -> float:
    """``quantity``, cut so that the ``notional`` of the whole plan is at most ``most``."""
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
