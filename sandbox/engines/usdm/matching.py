"""What a trade, and the end of an order that met its own account, is in USDⓈ-M futures."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal

from sandbox.engines.common.order_book import PREVENTED
from sandbox.engines.usdm import settlement
from sandbox.engines.usdm.model import Order
from sandbox.engines.usdm.state import Core


@dataclass(frozen=True, slots=True)
class Book:
    """The orders of the engine's accounts, as the matching rule sees them."""

    core: Core

    def resting(self, symbol: str) -> list[Order]:
        """The orders of all accounts that rest in ``symbol``."""
        return self.core.resting(symbol)

    def next_trade_id(self) -> int:
        """A new id of a trade."""
        return self.core.next_trade_id()

    def trade(
        self, order: Order, quantity: Decimal, price: Decimal, *, maker: bool, trade_id: int = 0
    ) -> None:
        """Fill a part of an order."""
        settlement.fill_order(self.core, order, quantity, price, maker=maker, trade_id=trade_id)

    def prevent(self, order: Order) -> None:
        """End an order that would have traded with its own account."""
        settlement.end_order(self.core, self.core.accounts[order.account], order, PREVENTED)
