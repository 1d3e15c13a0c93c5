"""Price ladders: the step of a price depends on the band it lies in."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal

from sandbox.engines.common.money import CENT8


@dataclass(frozen=True, slots=True)
class PriceLadder:
    """Bands as (from this price on, step), dearest first; ``finest`` is the step below them all."""

    bands: tuple[tuple[Decimal, Decimal], ...]
    finest: Decimal = CENT8

    def step(self, price: Decimal) -> Decimal:
        """Return the step of ``price``."""
        return next((step for start, step in self.bands if price >= start), self.finest)

    def fits(self, price: Decimal) -> bool:
        """Whether ``price`` lies on the grid of its band."""
        return price % self.step(price) == 0

    def floor(self, price: Decimal) -> Decimal:
        """Return the last price on the grid that is not above ``price``."""
        step = self.step(price)
        return price // step * step

    def ceil(self, price: Decimal) -> Decimal:
        """Return the first price on the grid that is not below ``price``."""
        floor = self.floor(price)
        return floor if floor == price else floor + self.step(price)

    def below(self, price: Decimal) -> Decimal:
        """Return the next price below ``price`` on the grid of its band."""
        floor = self.floor(price)
        if floor < price:
            return floor
        # The first price of a band: the one before lies on the finer grid of the band below.
        return price - self.step(price - self.finest)

    def above(self, price: Decimal) -> Decimal:
        """Return the next price above ``price`` on the grid of its band."""
        return self.floor(price) + self.step(price)
