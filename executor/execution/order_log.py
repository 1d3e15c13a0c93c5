"""What becomes of orders: their rows in the ledger, and the events about them."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass

from executor.bus.events import EventType
from executor.ledger.records import OrderRow
from executor.model import InstrumentId, OrderState, VenueOrder, may_follow
from executor.portfolio.portfolio import Holding
from executor.risk.pre_trade import EntryRisk
from executor.services import Services
from trading.order_ids import OrderLeg, parse_order_id


@dataclass(frozen=True, slots=True)
class Ticket:
    """What an order is for; the order manager makes its id and ledger row from it."""

    symbol: InstrumentId
    strategy: str
    release_id: str
    release_short: str
    key: str
    bar_time: int
    leg: OrderLeg
    position_id: int
    cause: str | None
    decision_price: float | None = None
    reason: str | None = None
    risk: EntryRisk | None = None
    """Of an entry; its intent records it."""
    decided_at: float | None = None
    """Wall time (monotonic) of the decision; None where it is made as the order is sent."""


def ticket_for(
    holding: Holding,
    leg: OrderLeg,
    cause: str | None,
    *,
    reason: str | None = None,
    decision_price: float | None = None,
) -> Ticket:
    """The ticket of an order of a position."""
    row = holding.row
    return Ticket(
        symbol=row.symbol,
        strategy=row.strategy,
        release_id=row.release_id,
        release_short=row.release_short,
        key=row.key,
        bar_time=row.bar_time,
        leg=leg,
        position_id=row.id,
        cause=cause,
        decision_price=decision_price,
        reason=reason,
    )


_ENDED_UNFILLED = (OrderState.CANCELLED, OrderState.EXPIRED)


class OrderLog:
    """Keeps the rows of orders in step with what the exchange says about them."""

    def __init__(self, services: Services) -> None:
        self._services = services
        self._ended: dict[str, asyncio.Event] = {}
        self._last_event: dict[str, str] = {}

    def last_event(self, row: OrderRow) -> str | None:
        """Id of the newest event about an order, to name as a cause."""
        return self._last_event.get(row.client_id, row.cause)

    def note_event(self, client_id: str, event_id: str) -> None:
        """Remember the newest event about an order."""
        self._last_event[client_id] = event_id

    def update(self, client_id: str, **changes: object) -> None:
        """Change columns of an order, with the time."""
        self._services.ledger.update_order(
            client_id, updated_at=self._services.clock.now_ms(), **changes
        )

    def on_update(self, row: OrderRow, order: VenueOrder) -> None:
        """Apply a change of an order, however it became known."""
        status = order.status
        if status is OrderState.EXPIRED and row.conditional and row.filled:
            # The trades of its child came first.
            status = OrderState.FILLED
        known = row.status
        if may_follow(known, status) or (status is known and row.open):
            self.update(
                row.client_id,
                status=status,
                exchange_id=row.exchange_id
                or (None if _is_child(row, order) else order.exchange_id),
                child_id=_child_id(row, order),
                filled=max(row.filled, order.filled),
            )
        if status in _ENDED_UNFILLED and known not in _ENDED_UNFILLED:
            self._services.emit(
                EventType.ORDER_CANCELLED,
                symbol=row.symbol,
                cause=self.last_event(row),
                client_id=row.client_id,
                status=status,
            )
        if order.terminal and row.client_id in self._ended:
            self._ended[row.client_id].set()

    def know(self, ticket: Ticket, order: VenueOrder) -> None:
        """Record an order of ours that rests at the exchange but is missing in the ledger."""
        known = self._services.ledger.order(order.client_id)
        if known is not None:
            if known.exchange_id is None:
                self.update(
                    order.client_id,
                    exchange_id=order.exchange_id,
                    child_id=order.child_id or known.child_id,
                )
            return
        ours = parse_order_id(order.client_id)
        now = self._services.clock.now_ms()
        self._services.ledger.add_intent(
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
                quantity=None if order.close_position else order.quantity,
                trigger_price=order.trigger_price,
                reduce_only=order.reduce_only,
                close_position=order.close_position,
                position_id=ticket.position_id,
                status=order.status,
                exchange_id=order.exchange_id,
                child_id=order.child_id or None,
                parent=order.parent or None,
                cause=ticket.cause,
                created_at=now,
                updated_at=now,
            )
        )

    def cancelled(self, row: OrderRow) -> None:
        """Record our own cancel; the user event that may follow says nothing new."""
        self.update(row.client_id, status=OrderState.CANCELLED)
        self._services.emit(
            EventType.ORDER_CANCELLED,
            symbol=row.symbol,
            cause=self.last_event(row),
            client_id=row.client_id,
            status=OrderState.CANCELLED,
        )

    def forget(self, row: OrderRow, status: OrderState) -> None:
        """Record that the exchange knows nothing of an order: never taken, or long over."""
        self.update(row.client_id, status=status)
        self._services.emit(
            EventType.ORDER_FAILED,
            symbol=row.symbol,
            cause=self.last_event(row),
            client_id=row.client_id,
            status=status,
            error="unknown to the exchange",
        )

    async def wait_end(self, client_id: str, timeout_s: float) -> bool:
        """Wait until an order has ended; False when the time is up first."""
        row = self._services.ledger.order(client_id)
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
