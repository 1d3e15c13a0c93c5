"""The base of the orders and fills of both venues."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from typing import TypeVar

from sandbox.engines.common.money import ZERO


@dataclass(slots=True)
class BaseOrder:
    """An order; ``quantity`` and ``filled`` in base currency, times in ms."""

    account: str
    order_id: int
    client_id: str
    symbol: str
    side: str
    type: str
    tif: str
    price: Decimal
    quantity: Decimal
    time: int
    update_time: int
    stop_price: Decimal = ZERO
    status: str = "NEW"
    filled: Decimal = ZERO
    prevention: str = "EXPIRE_MAKER"

    @property
    def remaining(self) -> Decimal:
        """Quantity not yet filled."""
        return self.quantity - self.filled

    def add_fill(self, quantity: Decimal, now: int) -> None:
        """Count a fill of ``quantity`` at market time ``now``."""
        self.filled += quantity
        self.update_time = now
        self.status = "FILLED" if self.filled >= self.quantity else "PARTIALLY_FILLED"


@dataclass(frozen=True, slots=True)
class BaseFill:
    """One trade of an order."""

    account: str
    trade_id: int
    order_id: int
    client_id: str
    symbol: str
    side: str
    price: Decimal
    quantity: Decimal
    fee: Decimal
    maker: bool
    time: int


AnOrder = TypeVar("AnOrder", bound=BaseOrder)


def find_order(
    orders: dict[int, AnOrder], symbol: str, order_id: int | None, client_id: str | None
) -> AnOrder | None:
    """Find the order of ``symbol`` with the id, else the newest one with the client id."""
    if order_id is not None:
        order = orders.get(order_id)
        return order if order is not None and order.symbol == symbol else None
    for order in reversed(orders.values()):
        if order.client_id == client_id and order.symbol == symbol:
            return order
    return None
