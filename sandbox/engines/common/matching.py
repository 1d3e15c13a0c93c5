"""Matching: how orders of the accounts meet each other and the recorded market.

At the market's best price or better, the accounts' own orders come first, by price, then by age.
Next comes the recorded market, as far as its volume goes. A limit order then meets the accounts'
orders up to its limit. The resting order sets the price of a trade. Of a live market the seen depth
is walked level by level, and what an order took is gone until the next book.
"""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal
from typing import Any, Protocol

from sandbox.engines.common.money import ZERO
from sandbox.engines.common.order_book import (
    better_or_equal,
    by_priority,
    opposite,
    prevents,
    reached,
)
from sandbox.engines.common.recorded_market import RecordedMarket


class OrderBook(Protocol):
    """A venue's orders, and how a trade or an end changes one."""

    def resting(self, symbol: str) -> Sequence[Any]:
        """Return the resting orders of all accounts in ``symbol``."""

    def next_trade_id(self) -> int:
        """Return a new trade id."""

    def trade(
        self, order: Any, quantity: Decimal, price: Decimal, *, maker: bool, trade_id: int = 0
    ) -> None:
        """Fill a part of an order."""

    def prevent(self, taker: Any, maker: Any, *, taker_ends: bool, maker_ends: bool) -> None:
        """End one or both of two orders of one account that would have traded."""


def meets(book: OrderBook, market: RecordedMarket, side: str, worst: Decimal) -> bool:
    """Whether a ``side`` order at ``worst`` would trade at once."""
    if better_or_equal(side, market.best(side), worst):
        return True
    return bool(opposite(book.resting(market.instrument.symbol), side, worst))


def fillable(
    book: OrderBook,
    market: RecordedMarket,
    account: str,
    side: str,
    worst: Decimal,
    quantity: Decimal,
    prevention: str,
) -> bool:
    """Whether all of ``quantity`` would trade at once (FOK), its own account's orders excluded."""
    found = opposite(book.resting(market.instrument.symbol), side, worst)
    others = [o for o in found if o.account != account or prevention == "NONE"]
    have = sum((maker.remaining for maker in others), ZERO)
    if better_or_equal(side, market.best(side), worst):
        have += _available(market, side, worst, quantity)
    return have >= quantity


def _available(market: RecordedMarket, side: str, worst: Decimal, quantity: Decimal) -> Decimal:
    if market.seen is None or market.stale:
        return market.at_most(side, quantity)
    levels = [x for x in market.offered(side) if better_or_equal(side, x.price, worst)]
    return sum((level.quantity for level in levels), ZERO)


def take(book: OrderBook, market: RecordedMarket, order: Any, worst: Decimal) -> None:
    """Trade what is available for ``order`` at ``worst`` or better."""
    if market.seen is not None:
        _walk(book, market, order, worst)
        return
    best = market.best(order.side)
    found = opposite(book.resting(order.symbol), order.side, worst)
    near = [maker for maker in found if better_or_equal(order.side, maker.price, best)]
    _meet(book, order, near)
    if order.open and better_or_equal(order.side, best, worst):
        quantity = market.at_most(order.side, order.remaining)
        if quantity > 0:
            market.consume(order.side, quantity)
            book.trade(order, quantity, best, maker=False)
    _meet(book, order, found[len(near) :])


def _walk(book: OrderBook, market: RecordedMarket, order: Any, worst: Decimal) -> None:
    """Walk the seen depth, level by level; at each price the accounts' own orders come first."""
    found = opposite(book.resting(order.symbol), order.side, worst)
    for level in market.offered(order.side):
        if not order.open or not better_or_equal(order.side, level.price, worst):
            break
        near = [maker for maker in found if better_or_equal(order.side, maker.price, level.price)]
        _meet(book, order, near)
        found = found[len(near) :]
        quantity = ZERO if market.stale else min(order.remaining, level.quantity)
        if order.open and quantity > 0:
            level.quantity -= quantity
            book.trade(order, quantity, level.price, maker=False)
    _meet(book, order, found)


def _meet(book: OrderBook, taker: Any, makers: Sequence[Any]) -> None:
    for maker in makers:
        if not taker.open:
            return
        if not maker.open:  # an earlier trade ended it
            continue
        taker_ends, maker_ends = prevents(taker.prevention, taker, maker)
        if taker_ends or maker_ends:
            book.prevent(taker, maker, taker_ends=taker_ends, maker_ends=maker_ends)
            continue
        quantity = min(taker.remaining, maker.remaining)
        trade_id = book.next_trade_id()
        book.trade(maker, quantity, maker.price, maker=True, trade_id=trade_id)
        book.trade(taker, quantity, maker.price, maker=False, trade_id=trade_id)


def match_resting(book: OrderBook, market: RecordedMarket, price: Decimal) -> None:
    """Fill resting limit orders that ``price`` traded through, best price first, then oldest.

    A touch is not enough, since the queue ahead is unknown. A price beyond the limit fills the
    order at its limit, as maker, as far as the recorded volume goes. All accounts share it.
    """
    through = [
        order
        for order in book.resting(market.instrument.symbol)
        if reached(order, price, market.bid, market.ask)
    ]
    for order in by_priority(through):
        quantity = market.at_most(order.side, order.remaining) if order.open else ZERO
        if quantity > 0:
            market.consume(order.side, quantity)
            book.trade(order, quantity, order.price, maker=True)
