"""Price steps of Upbit's KRW markets: the step of a price depends on its band.

Bands of 2025-07-31 as https://docs.upbit.com/kr/docs/krw-market-info lists them. From 100 to 1,000
KRW some assets have half a won.
"""

from __future__ import annotations

from decimal import Decimal

D = Decimal
# (from this price on, the step), dearest band first.
BANDS = (
    (D(1_000_000), D(1_000)),
    (D(500_000), D(500)),
    (D(100_000), D(100)),
    (D(50_000), D(50)),
    (D(10_000), D(10)),
    (D(5_000), D(5)),
    (D(1_000), D(1)),
    (D(100), D(1)),
    (D(10), D("0.1")),
    (D(1), D("0.01")),
    (D("0.1"), D("0.001")),
    (D("0.01"), D("0.0001")),
    (D("0.001"), D("0.00001")),
    (D("0.0001"), D("0.000001")),
    (D("0.00001"), D("0.0000001")),
)
FINEST = D("0.00000001")
HALF_WON = frozenset({"KRW-USDT", "KRW-USDC"})
HALF_FROM, HALF_UNTIL, HALF = D(100), D(1_000), D("0.5")


def step_of(market: str, price: Decimal) -> Decimal:
    """Return the step of ``price`` in ``market``."""
    if market in HALF_WON and HALF_FROM <= price < HALF_UNTIL:
        return HALF
    return next((step for start, step in BANDS if price >= start), FINEST)


def below(market: str, price: Decimal) -> Decimal:
    """Return the next price below ``price`` on the grid of its band."""
    step = step_of(market, price)
    floor = price // step * step
    if floor < price:
        return floor
    # The first price of a band: the one before lies on the finer grid of the band below.
    return price - step_of(market, price - FINEST)


def above(market: str, price: Decimal) -> Decimal:
    """Return the next price above ``price`` on the grid of its band."""
    step = step_of(market, price)
    return price // step * step + step
