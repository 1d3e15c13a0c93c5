"""The book of resting orders: which orders meet, by price, then by time."""

from __future__ import annotations

from collections.abc import Iterable
from decimal import Decimal
from typing import Protocol, TypeVar

from sandbox.engines.common.money import ZERO

# Self-trade prevention: which of two orders of one account ends when they would meet.
PREVENTIONS = ("EXPIRE_MAKER", "EXPIRE_TAKER", "EXPIRE_BOTH", "NONE")
PREVENTED = "EXPIRED_IN_MATCH"


class Resting(Protocol):
    """What the book needs to know about an order."""

    account: str
    side: str
    price: Decimal

    @property
    def remaining(self) -> Decimal:
        """Quantity not yet filled."""

    @property
    def open(self) -> bool:
        """Whether it can still fill."""

    @property
    def rank(self) -> tuple[int, int]:
        """Its time priority among orders of the same price, smaller first."""


R = TypeVar("R", bound=Resting)


def by_priority(orders: Iterable[R]) -> list[R]:
    """Sort the orders of one side: best price first, then oldest first."""
    return sorted(orders, key=lambda o: (-o.price if o.side == "BUY" else o.price, o.rank))


def opposite(orders: Iterable[R], side: str, worst: Decimal) -> list[R]:
    """Return the resting orders that a ``side`` order meets at ``worst`` or better, in order."""
    if side == "BUY":
        return by_priority(o for o in orders if o.side == "SELL" and o.price <= worst)
    return by_priority(o for o in orders if o.side == "BUY" and o.price >= worst)


def better_or_equal(side: str, price: Decimal, other: Decimal) -> bool:
    """Whether ``price`` is at least as good as ``other`` for a ``side`` order that takes."""
    return price <= other if side == "BUY" else price >= other


def prevents(mode: str, taker: Resting, maker: Resting) -> tuple[bool, bool]:
    """Whether self-trade prevention ends the taker, and whether it ends the maker."""
    if taker.account != maker.account or mode == "NONE":
        return False, False
    return mode in ("EXPIRE_TAKER", "EXPIRE_BOTH"), mode in ("EXPIRE_MAKER", "EXPIRE_BOTH")


Quote = tuple[Decimal, Decimal]


def best_quotes(quote: Quote | None, price: Decimal, tick: Decimal) -> Quote:
    """Return best bid and ask: ``quote`` while it encloses ``price``, else a tick either side."""
    if quote is not None and quote[0] <= price <= quote[1]:
        return quote
    return price - tick, price + tick


def reached(order: Resting, price: Decimal, bid: Decimal, ask: Decimal) -> bool:
    """Whether the market trades through a resting order, or quotes at or beyond its price."""
    if order.side == "BUY":
        return price < order.price or ask <= order.price
    return price > order.price or bid >= order.price


Levels = tuple[dict[Decimal, Decimal], dict[Decimal, Decimal]]


def levels(orders: Iterable[Resting]) -> Levels:
    """Sum the resting quantity by price: bids, asks."""
    bids: dict[Decimal, Decimal] = {}
    asks: dict[Decimal, Decimal] = {}
    for order in orders:
        side = bids if order.side == "BUY" else asks
        side[order.price] = side.get(order.price, ZERO) + order.remaining
    return bids, asks
