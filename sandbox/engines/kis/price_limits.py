"""Daily limits and price steps of Korean stocks, equal on KOSPI and KOSDAQ since 2023-01-25."""

from __future__ import annotations

from decimal import Decimal

from sandbox.engines.common.money import ONE
from sandbox.engines.common.price_ladder import PriceLadder

D = Decimal
LADDER = PriceLadder(
    (
        (D(500_000), D(1_000)),
        (D(200_000), D(500)),
        (D(50_000), D(100)),
        (D(20_000), D(50)),
        (D(5_000), D(10)),
        (D(2_000), D(5)),
    ),
    ONE,
)
WIDTH = D("0.3")


def limits(base: Decimal) -> tuple[Decimal, Decimal]:
    """Return the lowest and the highest price of a day: 30 % around its base price, on the grid."""
    step = LADDER.step(base)
    width = base * WIDTH // step * step
    return LADDER.ceil(base - width), LADDER.floor(base + width)
