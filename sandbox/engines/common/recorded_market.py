"""The recorded market of a symbol, as the matching rule sees it."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal

from sandbox.engines.common.instruments import ExchangeInstrument
from sandbox.engines.common.money import ZERO
from sandbox.engines.common.order_book import Quote, best_quotes


@dataclass(slots=True)
class Level:
    """A price of the seen book and what is left of its quantity."""

    price: Decimal
    quantity: Decimal


@dataclass(slots=True)
class RecordedMarket:
    """What an engine knows about a symbol: its rules and its last price.

    ``supply`` limits what the orders of each side may fill until the next print (None: no limit).
    The sides have budgets of their own: each traded unit had a buyer and a seller. ``seen`` are the
    levels of a live market, bids and asks, best first (None: the market's depth is not known);
    while the market is ``stale`` nothing of it can be filled.
    """

    instrument: ExchangeInstrument
    price: Decimal = ZERO
    supply: dict[str, Decimal] | None = None
    quote: Quote | None = None
    seen: tuple[list[Level], list[Level]] | None = None
    stale: bool = False

    @property
    def bid(self) -> Decimal:
        """Best bid: the recorded one while it fits the last price, else one tick below it."""
        return best_quotes(self.quote, self.price, self.instrument.tick)[0]

    @property
    def ask(self) -> Decimal:
        """Best ask: the recorded one while it fits the last price, else one tick above it."""
        return best_quotes(self.quote, self.price, self.instrument.tick)[1]

    def best(self, side: str) -> Decimal:
        """Return the price at which a ``side`` order trades at once."""
        return self.ask if side == "BUY" else self.bid

    def worst(self, side: str) -> Decimal:
        """Return the worst price that an order without a limit takes: the last one seen."""
        offered = self.offered(side)
        return offered[-1].price if offered else self.best(side)

    def offered(self, side: str) -> list[Level]:
        """Return the seen levels that a ``side`` order takes, best first."""
        if self.seen is None:
            return []
        return self.seen[1] if side == "BUY" else self.seen[0]

    def pass_through(self, price: Decimal, quantity: Decimal) -> None:
        """Drop the seen levels that a trade at ``price`` has passed, until the next book.

        Where a side is gone, ``quantity`` is offered one tick beyond the price.
        """
        if self.seen is None:
            return
        tick = self.instrument.tick
        bids = [level for level in self.seen[0] if level.price <= price]
        asks = [level for level in self.seen[1] if level.price >= price]
        self.seen = (
            bids or [Level(max(tick, price - tick), quantity)],
            asks or [Level(price + tick, quantity)],
        )

    def value(self, side: str, quantity: Decimal) -> Decimal:
        """Return what ``quantity`` costs or brings, as far as levels are seen at their prices."""
        value, left = ZERO, quantity
        for level in self.offered(side):
            part = min(left, level.quantity)
            value, left = value + part * level.price, left - part
        return value + left * self.worst(side)

    def matched(self, side: str, mode: str) -> Decimal:
        """Return the limit price of a `priceMatch` mode, whose levels lie one tick apart.

        ``OPPONENT`` is the best price of the other side, ``QUEUE`` the best of the order's own;
        a number (``OPPONENT_5``) names the level behind it.
        """
        kind, _, number = mode.partition("_")
        away = self.instrument.tick * (int(number or 1) - 1)
        bidding = (side == "BUY") == (kind == "QUEUE")
        return max(self.instrument.tick, self.bid - away) if bidding else self.ask + away

    def at_most(self, side: str, quantity: Decimal) -> Decimal:
        """Return how much of ``quantity`` the recorded volume still covers for ``side`` orders."""
        if self.stale:
            return ZERO
        return quantity if self.supply is None else min(quantity, self.supply[side])

    def consume(self, side: str, quantity: Decimal) -> None:
        """Take from the recorded volume of one side."""
        if self.supply is not None:
            self.supply[side] -= quantity
