"""Matching in USDⓈ-M futures: what a trade does to an order."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal

from sandbox.engines.common.order_book import PREVENTED
from sandbox.engines.usdm import settlement
from sandbox.engines.usdm.model import UsdmOrder
from sandbox.engines.usdm.settlement import OrderExecution
from sandbox.engines.usdm.state import UsdmCore


@dataclass(frozen=True, slots=True)
class UsdmBook:
    """The orders of the engine's accounts, as the matching rule sees them."""

    core: UsdmCore

    def resting(self, symbol: str) -> list[UsdmOrder]:
        """Return the resting orders of all accounts in ``symbol``."""
        return self.core.resting(symbol)

    def next_trade_id(self) -> int:
        """Return a new trade id."""
        return self.core.next_trade_id()

    def trade(
        self, order: UsdmOrder, quantity: Decimal, price: Decimal, *, maker: bool, trade_id: int = 0
    ) -> None:
        """Fill a part of an order."""
        execution = OrderExecution(quantity, price, maker, trade_id=trade_id)
        settlement.fill_order(self.core, order, execution)

    def prevent(
        self, taker: UsdmOrder, maker: UsdmOrder, *, taker_ends: bool, maker_ends: bool
    ) -> None:
        """End one or both of two orders of one account that would have traded."""
        for order, ends in ((maker, maker_ends), (taker, taker_ends)):
            if ends:
                account = self.core.accounts[order.account]
                settlement.end_order(self.core, account, order, PREVENTED)
