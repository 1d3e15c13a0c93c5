"""How much of the account one position may take."""

from __future__ import annotations

from dataclasses import dataclass

from trading.jit.kernel import Buffer, kernel
from trading.positions.exit_rules import (
    ADDITIONS,
    R_ADDITIONS,
    R_SIZE_ATRS,
    R_SIZE_BY,
    R_SIZE_RISK,
)

BY_SHARE = 0.0
BY_STOP = 1.0
BY_ATR = 2.0

TOLERANCE = 0.05
"""Share of the risk that is wanted within which the risk taken counts as the same."""

METHODS = {"share": BY_SHARE, "risk": BY_STOP, "turtle": BY_ATR, "volatility": BY_ATR}
"""The methods by name, and what a unit's risk is measured by."""


@kernel
def unit_loss(price: float, stop: float, fee: float) -> float:
    """Return what a unit bought or sold at ``price`` loses at ``stop``, both fees included."""
    return abs(price - stop) + fee * (price + stop)


@kernel
def unit_risk(rules: Buffer, at: int, loss: float, atr: float) -> float:
    """Return what counts as a unit's risk: its ``loss`` at the stop, or a multiple of the ATR."""
    if rules[at + R_SIZE_BY] == BY_ATR:
        return atr * rules[at + R_SIZE_ATRS]
    return loss


@kernel
def most_quantity(equity: float, price: float, share: float, leverage: float, fee: float) -> float:
    """Return the units whose margin and fee cost ``share`` of the equity."""
    return equity * share / (price * (1.0 / leverage + fee))


@kernel
def wanted_units(rules: Buffer, at: int, equity: float, risk_of_unit: float) -> float:
    """Return the units that risk the rules' share of the equity; 0 where the risk is unknown."""
    if risk_of_unit > 0.0:
        return equity * rules[at + R_SIZE_RISK] / risk_of_unit
    return 0.0


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
    """How an entry is sized.

    By ``share`` its notional is ``share`` of the equity. All other methods risk ``risk`` of the
    equity: ``risk`` at the stop, costs included; ``turtle`` (R. Dennis, 1983) and ``volatility`` at
    a move of ``atrs`` average true ranges. For them ``share`` limits the margin, not the notional.
    """

    share: float
    method: str = "share"
    risk: float = 0.0
    atrs: float = 0.0

    @property
    def by_risk(self) -> bool:
        """Whether the size follows from a risk."""
        return METHODS[self.method] != BY_SHARE

    def quantity(
        self, equity: float, price: float, stop: float, leverage: float = 1.0, fee: float = 0.0
    ) -> float:
        """Return the units for ``equity`` at ``price`` with a stop at ``stop``, additions aside."""
        if not self.by_risk:
            return equity * self.share / price
        most = most_quantity(equity, price, self.share, leverage, fee)
        return min(most, equity * self.risk / unit_loss(price, stop, fee))

    @property
    def numbers(self) -> tuple[float, float, float, float]:
        """The sizing as the kernels read it, from `R_SIZE_BY` on."""
        return METHODS[self.method], self.share, self.risk, self.atrs
