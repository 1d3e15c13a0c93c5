"""Matching in spot: what a trade does, and how an order takes.

An order without a limit price takes nothing worse than the market's best, or than the levels that
were seen of a live market, so its reserve always covers it.
"""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal

from sandbox.engines.common import matching
from sandbox.engines.common.order_book import PREVENTED
from sandbox.engines.common.recorded_market import RecordedMarket
from sandbox.engines.spot import order_lists
from sandbox.engines.spot.model import SpotOrder
from sandbox.engines.spot.state import SpotCore


@dataclass(frozen=True, slots=True)
class SpotBook:
    """The orders of the engine's accounts, as the matching rule sees them."""

    core: SpotCore

    def resting(self, symbol: str) -> list[SpotOrder]:
        """Return the resting orders of all accounts in ``symbol``."""
        return self.core.resting(symbol)

    def next_trade_id(self) -> int:
        """Return a new trade id."""
        return self.core.next_trade_id()

    def trade(
        self, order: SpotOrder, quantity: Decimal, price: Decimal, *, maker: bool, trade_id: int = 0
    ) -> None:
        """Fill a part of an order; a leg of a list ends the other leg."""
        self.core.fill(order, quantity, price, maker=maker, trade_id=trade_id)
        order_lists.after_change(self.core, order)

    def prevent(
        self, taker: SpotOrder, maker: SpotOrder, *, taker_ends: bool, maker_ends: bool
    ) -> None:
        """Record the prevented match and end one or both of its orders."""
        ending = [o for o, ends in ((maker, maker_ends), (taker, taker_ends)) if ends]
        self.core.add_prevented_match(taker, maker, ending)
        for order in ending:
            self.core.end(order, PREVENTED)
            order_lists.after_change(self.core, order)


def take(core: SpotCore, market: RecordedMarket, order: SpotOrder) -> None:
    """Trade what is available at once; the rest rests or expires, depending on the type."""
    book, side = SpotBook(core), order.side
    worst = order.price if order.limited else market.worst(side)
    if order.tif == "FOK" and not matching.fillable(
        book, market, order.account, side, worst, order.remaining, order.prevention
    ):
        core.end(order, "EXPIRED", expiry="UNFILLED_FOK_ORDER_EXPIRED")
        return
    matching.take(book, market, order, worst)
    if not order.open:
        return
    if not order.limited:
        core.end(order, "EXPIRED", expiry="INSUFFICIENT_LIQUIDITY")
    elif order.tif == "IOC":
        core.end(order, "EXPIRED", expiry="UNFILLED_IOC_QUANTITY_EXPIRED")
