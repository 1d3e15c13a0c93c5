"""The recorded market of a symbol, as the matching rule sees it."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal

from sandbox.engines.common.instruments import ExchangeInstrument
from sandbox.engines.common.money import ZERO
from sandbox.engines.common.order_book import Quote, best_quotes


@dataclass(slots=True)
class RecordedMarket:
    """What an engine knows about a symbol: its rules and its last price.

    ``supply`` limits what may fill until the next print (None: no limit).
    """

    instrument: ExchangeInstrument
    price: Decimal = ZERO
    supply: Decimal | None = None
    quote: Quote | None = None

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

    def matched(self, side: str, mode: str) -> Decimal:
        """Return the limit price of a `priceMatch` mode, whose levels lie one tick apart.

        ``OPPONENT`` is the best price of the other side, ``QUEUE`` the best of the order's own;
        a number (``OPPONENT_5``) names the level behind it.
        """
        kind, _, number = mode.partition("_")
        away = self.instrument.tick * (int(number or 1) - 1)
        bidding = (side == "BUY") == (kind == "QUEUE")
        return max(self.instrument.tick, self.bid - away) if bidding else self.ask + away

    def at_most(self, quantity: Decimal) -> Decimal:
        """Return how much of ``quantity`` the recorded volume still covers."""
        return quantity if self.supply is None else min(quantity, self.supply)

    def consume(self, quantity: Decimal) -> None:
        """Take from the recorded volume."""
        if self.supply is not None:
            self.supply -= quantity
