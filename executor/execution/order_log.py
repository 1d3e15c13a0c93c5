"""What becomes of orders: their rows in the ledger, and the events that tell of them."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass

from executor.bus.events import EventType
from executor.context import Context
from executor.ledger.records import OrderRow
from executor.model import VenueOrder
from trading.order_ids import parse_order_id

EXCHANGE_STATUS = {
    "FILLED": "filled",
    "FINISHED": "filled",
    "CANCELED": "cancelled",
    "EXPIRED": "cancelled",
    "EXPIRED_IN_MATCH": "cancelled",
    "REJECTED": "rejected",
}


@dataclass(frozen=True, slots=True)
class Ticket:
    """What an order is for; the desk makes the id and the ledger row of it."""

    symbol: str
    strategy: str
    release_id: str
    release_short: str
    key: str
    bar_time: int
    leg: str
    position_id: int
    cause: str | None
    decision_price: float | None = None
    reason: str | None = None


class OrderLog:
    """Keeps the rows of orders in step with what the exchange says about them."""

    def __init__(self, ctx: Context) -> None:
        self._ctx = ctx
        self._ended: dict[str, asyncio.Event] = {}
        self._last_event: dict[str, str] = {}

    def last_event(self, row: OrderRow) -> str | None:
        """Id of the newest event about an order, to be named as cause."""
        return self._last_event.get(row.client_id, row.cause)

    def note_event(self, client_id: str, event_id: str) -> None:
        """Remember the newest event about an order."""
        self._last_event[client_id] = event_id

    def update(self, client_id: str, **changes: object) -> None:
        """Change columns of an order, with the time."""
        self._ctx.ledger.update_order(client_id, updated_at=self._ctx.clock.now_ms(), **changes)

    def on_update(self, row: OrderRow, order: VenueOrder) -> None:
        """An order changed, by whatever way that became known."""
        status = EXCHANGE_STATUS.get(order.status, "placed")
        if order.status == "FINISHED" and order.conditional and not row.filled and not order.filled:
            status = "cancelled"
        if row.open or status == "filled":
            self.update(
                row.client_id,
                status=status,
                exchange_id=row.exchange_id
                or (None if _is_child(row, order) else order.exchange_id),
                child_id=_child_id(row, order),
                filled=max(row.filled, order.filled),
            )
        if status == "cancelled" and row.status != "cancelled":
            self._ctx.emit(
                EventType.ORDER_CANCELLED,
                symbol=row.symbol,
                cause=self.last_event(row),
                client_id=row.client_id,
                status=order.status,
            )
        if order.terminal and row.client_id in self._ended:
            self._ended[row.client_id].set()

    def know(self, ticket: Ticket, order: VenueOrder) -> None:
        """Book an order of ours that rests at the exchange and that the ledger has lost."""
        if self._ctx.ledger.order(order.client_id) is not None:
            return
        ours = parse_order_id(order.client_id)
        now = self._ctx.clock.now_ms()
        self._ctx.ledger.add_intent(
            OrderRow(
                client_id=order.client_id,
                key=ours.key,
                leg=ours.leg,
                n=ours.n,
                symbol=order.symbol,
                strategy=ticket.strategy,
                release_id=ticket.release_id,
                bar_time=ticket.bar_time,
                side=order.side,
                kind=order.kind,
                quantity=None,
                trigger_price=order.trigger_price,
                reduce_only=order.reduce_only,
                close_position=order.close_position,
                position_id=ticket.position_id,
                status="placed",
                exchange_id=order.exchange_id,
                cause=ticket.cause,
                created_at=now,
                updated_at=now,
            )
        )

    def cancelled(self, row: OrderRow) -> None:
        """We have cancelled an order; its user event may follow and then says nothing new."""
        self.update(row.client_id, status="cancelled")
        self._ctx.emit(
            EventType.ORDER_CANCELLED,
            symbol=row.symbol,
            cause=self.last_event(row),
            client_id=row.client_id,
            status="CANCELED",
        )

    def forget(self, row: OrderRow, status: str) -> None:
        """The exchange knows nothing of an order any more: never taken, or long over."""
        self.update(row.client_id, status=status)
        self._ctx.emit(
            EventType.ORDER_FAILED,
            symbol=row.symbol,
            cause=self.last_event(row),
            client_id=row.client_id,
            status=status,
            error="unknown to the exchange",
        )

    async def wait_end(self, client_id: str, timeout_s: float) -> bool:
        """Wait until an order has ended; False when the time is up first."""
        row = self._ctx.ledger.order(client_id)
        if row is not None and not row.open:
            return True
        event = self._ended.setdefault(client_id, asyncio.Event())
        try:
            async with asyncio.timeout(timeout_s):
                await event.wait()
        except TimeoutError:
            return False
        finally:
            self._ended.pop(client_id, None)
        return True


def _is_child(row: OrderRow, order: VenueOrder) -> bool:
    return row.conditional and not order.conditional


def _child_id(row: OrderRow, order: VenueOrder) -> str | None:
    if _is_child(row, order):
        return order.exchange_id
    return order.child_id or row.child_id
