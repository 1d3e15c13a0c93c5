"""Price steps of Upbit's KRW markets: the step of a price depends on its band.

Bands of 2025-07-31 as https://docs.upbit.com/kr/docs/krw-market-info lists them. From 100 to 1,000
KRW some assets have half a won.
"""

from __future__ import annotations

from decimal import Decimal

from sandbox.engines.common.price_ladder import PriceLadder

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
HALF_WON = frozenset({"KRW-USDT", "KRW-USDC"})
HALF_FROM, HALF = D(100), D("0.5")
WHOLE = PriceLadder(BANDS)
HALVED = PriceLadder(tuple((s, HALF if s == HALF_FROM else step) for s, step in BANDS))


def ladder_of(market: str) -> PriceLadder:
    """Return the price ladder of ``market``."""
    return HALVED if market in HALF_WON else WHOLE


def step_of(market: str, price: Decimal) -> Decimal:
    """Return the step of ``price`` in ``market``."""
    return ladder_of(market).step(price)


def below(market: str, price: Decimal) -> Decimal:
    """Return the next price below ``price`` in ``market``."""
    return ladder_of(market).below(price)


def above(market: str, price: Decimal) -> Decimal:
    """Return the next price above ``price`` in ``market``."""
    return ladder_of(market).above(price)
