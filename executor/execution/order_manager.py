"""The order manager: intent, then the request, then certainty."""

from __future__ import annotations

import asyncio
import logging
import time
from collections import deque
from dataclasses import dataclass, replace
from decimal import Decimal
from enum import StrEnum

from executor.bus.events import EventType
from executor.execution.order_log import OrderLog, Ticket
from executor.execution.retry_policy import (
    QUERY_DELAYS_S,
    RetryStep,
    after_fault,
    answer_deadline_s,
    query_deadline_s,
)
from executor.ledger.history import NOT_SENT, NOT_TAKEN
from executor.ledger.records import OrderRow
from executor.model import (
    UNANSWERED_STATES,
    InstrumentId,
    NewOrder,
    OrderKind,
    OrderState,
    VenueOrder,
)
from executor.portfolio.portfolio import Portfolio
from executor.portfolio.position_state import ENTERING_LEGS
from executor.risk.trading_state import TradingState
from executor.runtime.histogram import Histogram
from executor.services import Services
from executor.venues.faults import (
    InvalidKey,
    OutcomeUnknown,
    RateLimited,
    Rejected,
    Temporary,
    VenueFaultError,
)
from trading.candles import MINUTE_MS
from trading.order_ids import format_order_id

log = logging.getLogger(__name__)

ENTRY_GOOD_FOR_S = 15.0
"""An entry is not sent once its decision is older (a suspended process resumes with old ones)."""


class SendResult(StrEnum):
    """How sending an order ended."""

    PLACED = "placed"
    CLOSE_NOW = "close_now"
    FLAT = "flat"
    FAILED = "failed"
    DUPLICATE = "duplicate"


@dataclass(frozen=True, slots=True)
class SentOrder:
    """Result of one order, with the fault where it was refused."""

    result: SendResult
    client_id: str
    fault: VenueFaultError | None = None


@dataclass(frozen=True, slots=True)
class PairPartner:
    """The second order of a pair in which each cancels the other."""

    ticket: Ticket
    kind: OrderKind
    trigger_price: Decimal


class OrderManager(OrderLog):
    """Sends every order of the executor and finds out what became of it."""

    def __init__(
        self, services: Services, portfolio: Portfolio, trading_state: TradingState
    ) -> None:
        super().__init__(services)
        self._portfolio = portfolio
        self._trading_state = trading_state
        self.latency = Histogram()
        # Orders of the minute before a restart count as well.
        recent = services.ledger.history.order_times_since(services.clock.now_ms() - MINUTE_MS)
        self._sent_at: deque[int] = deque(recent, maxlen=1_000)
        self.in_flight: set[str] = set()
        """Orders whose sender is at work on them."""

    def sent_last_minute(self) -> int:
        """Orders sent within the last minute of market time."""
        limit = self._services.clock.now_ms() - MINUTE_MS
        while self._sent_at and self._sent_at[0] <= limit:
            self._sent_at.popleft()
        return len(self._sent_at)

    async def send(
        self,
        ticket: Ticket,
        side: str,
        kind: OrderKind,
        *,
        quantity: Decimal | None = None,
        trigger_price: Decimal | None = None,
        partner: PairPartner | None = None,
    ) -> SentOrder:
        """Record the intent durably, send it, and return when its acceptance is certain.

        With a ``partner`` both are sent in one request; the result is that of the pair.
        """
        n = self._services.ledger.next_n(ticket.key, ticket.leg)
        order = self._order(ticket, n, side, kind, quantity, trigger_price)
        client_id = order.client_id
        if partner is not None:
            other = partner.ticket
            m = self._services.ledger.next_n(other.key, other.leg)
            second = self._order(other, m, side, partner.kind, quantity, partner.trigger_price)
            order = replace(order, partner=second)
            if not self._record(other, m, second, parent=client_id):
                return SentOrder(SendResult.DUPLICATE, second.client_id)
        if not self._record(ticket, n, order, parent=client_id if partner is not None else None):
            return SentOrder(SendResult.DUPLICATE, client_id)
        begun = time.monotonic()
        self._sent_at.append(self._services.clock.now_ms())
        self.in_flight.add(client_id)
        try:
            decided_at = begun if ticket.decided_at is None else ticket.decided_at
            return await self._deliver(order, decided_at, entry=ticket.leg in ENTERING_LEGS)
        finally:
            self.in_flight.discard(client_id)
            self.latency.observe(time.monotonic() - begun)

    def _order(
        self,
        ticket: Ticket,
        n: int,
        side: str,
        kind: OrderKind,
        quantity: Decimal | None,
        trigger_price: Decimal | None,
    ) -> NewOrder:
        closes, exits = quantity is None, ticket.leg not in ENTERING_LEGS
        capabilities = self._services.venue_of(ticket.symbol).capabilities
        return NewOrder(
            client_id=format_order_id(ticket.release_short, ticket.key, ticket.leg, n),
            symbol=ticket.symbol,
            side=side,
            kind=kind,
            quantity=quantity,
            trigger_price=trigger_price,
            reduce_only=not closes and exits and capabilities.reduce_only,
            close_position=closes,
            exits=exits,
        )

    def _record(self, ticket: Ticket, n: int, order: NewOrder, *, parent: str | None) -> bool:
        services = self._services
        now = services.clock.now_ms()
        intent = services.emit(
            EventType.ORDER_INTENT,
            symbol=order.symbol,
            cause=ticket.cause,
            client_id=order.client_id,
            leg=ticket.leg,
            side=order.side,
            order_kind=order.kind.value,
            quantity=_text(order.quantity),
            trigger_price=_text(order.trigger_price),
            release_id=ticket.release_id,
            reason=ticket.reason,
            **(ticket.risk.as_facts() if ticket.risk is not None else {}),
        )
        self.note_event(order.client_id, intent.id)
        return services.ledger.add_intent(
            OrderRow(
                client_id=order.client_id,
                key=ticket.key,
                leg=ticket.leg,
                n=n,
                symbol=order.symbol,
                strategy=ticket.strategy,
                release_id=ticket.release_id,
                bar_time=ticket.bar_time,
                side=order.side,
                kind=order.kind.value,
                quantity=order.quantity,
                trigger_price=order.trigger_price,
                reduce_only=order.reduce_only,
                close_position=order.close_position,
                position_id=ticket.position_id,
                decision_price=ticket.decision_price,
                reason=ticket.reason,
                cause=intent.id,
                parent=parent,
                created_at=now,
                updated_at=now,
            )
        )

    def _held_back(self, order: NewOrder, age_s: float) -> str:
        """Why an entry must not go out now; checked before each of its requests."""
        if not self._trading_state.entries:
            return f"entries are off: {self._trading_state.why}"
        if not self._services.ledger.durable:
            return f"the intent is not on the disk: {self._services.ledger.problem}"
        if self._portfolio.slot(order.symbol).halted is not None:
            return "the symbol is halted"
        if age_s > ENTRY_GOOD_FOR_S:
            return f"the decision is {age_s:.0f} s old"
        return ""

    async def _deliver(self, order: NewOrder, decided_at: float, *, entry: bool) -> SentOrder:
        attempts = 0
        while True:
            attempts += 1
            if entry:
                why = self._held_back(order, time.monotonic() - decided_at)
                if why:
                    return self._held(order, why)
                self._awaited(order.symbol)
            self._services.ledger.note_sent(_ids(order))
            try:
                placed = await self._request(order)
            except VenueFaultError as fault:
                step = after_fault(fault, order, attempts)
                log.warning("%s: %s -> %s", order.client_id, fault, step.step)
                if step.step is RetryStep.RETRY:
                    await asyncio.sleep(step.after_s)
                    continue
                if step.step is RetryStep.QUERY:
                    for client_id in _ids(order):
                        self.update(client_id, status=OrderState.UNKNOWN, error=str(fault))
                    found = await self.query_until_certain(order)
                    if found is not None:
                        return self._placed(order, found)
                    return self._failed(order, OrderState.DEAD, fault, SendResult.FAILED)
                return self._failed(order, OrderState.REJECTED, fault, _RESULTS[step.step])
            return self._placed(order, placed)

    async def _request(self, order: NewOrder) -> VenueOrder:
        """Send once; whatever else goes wrong, the order may exist."""
        try:
            async with asyncio.timeout(answer_deadline_s(order)):
                return await self._services.venue_of(order.symbol).place(order)
        except VenueFaultError:
            raise
        except Exception as error:
            raise OutcomeUnknown(f"{type(error).__name__}: {error}") from error

    def _awaited(self, symbol: InstrumentId) -> None:
        """A fill can come from now on: the time limit for its protection begins."""
        holding = self._portfolio.holding(symbol)
        if holding is not None and not holding.filled:
            holding.since = time.monotonic()

    def _placed(self, order: NewOrder, placed: VenueOrder) -> SentOrder:
        row = self._services.ledger.order(order.client_id)
        # User events may have come first; they know more than the answer.
        if row is not None and row.status in UNANSWERED_STATES:
            self.update(
                order.client_id,
                status=OrderState.ACCEPTED,
                exchange_id=placed.exchange_id,
                child_id=placed.child_id or None,
                error=None,
            )
        elif row is not None and row.exchange_id is None:
            self.update(order.client_id, exchange_id=placed.exchange_id)
        if order.partner is not None:
            second = self._services.ledger.order(order.partner.client_id)
            if second is not None and second.status in UNANSWERED_STATES:
                self.update(second.client_id, status=OrderState.ACCEPTED, error=None)
        event = self._services.emit(
            EventType.ORDER_PLACED,
            symbol=order.symbol,
            cause=row.cause if row else None,
            client_id=order.client_id,
            exchange_id=placed.exchange_id,
        )
        if row is not None and row.status in UNANSWERED_STATES:
            self.note_event(order.client_id, event.id)
        return SentOrder(SendResult.PLACED, order.client_id)

    def _failed(
        self, order: NewOrder, status: OrderState, fault: VenueFaultError, result: SendResult
    ) -> SentOrder:
        text = f"{NOT_TAKEN}{fault}" if isinstance(fault, _BESIDE_THE_ORDER) else str(fault)
        for client_id in _ids(order):
            self.update(client_id, status=status, error=text)
        if isinstance(fault, InvalidKey):
            self._trading_state.block("key", "the exchange refuses the key")
            self._services.alerts.send(
                "the exchange refuses the key: entries off", error=str(fault)
            )
        elif not order.exits and status is OrderState.REJECTED:
            self._services.alerts.send(
                "entry refused by the exchange", symbol=order.symbol, error=str(fault)
            )
        row = self._services.ledger.order(order.client_id)
        self._services.emit(
            EventType.ORDER_FAILED,
            symbol=order.symbol,
            cause=self.last_event(row) if row else None,
            client_id=order.client_id,
            status=status,
            error=str(fault),
        )
        return SentOrder(result, order.client_id, fault)

    def _held(self, order: NewOrder, why: str) -> SentOrder:
        """Record an entry that was not sent."""
        fault = Rejected(why)
        text = f"{NOT_SENT}{why}"
        self.update(order.client_id, status=OrderState.REJECTED, error=text)
        row = self._services.ledger.order(order.client_id)
        self._services.emit(
            EventType.ORDER_FAILED,
            symbol=order.symbol,
            cause=self.last_event(row) if row else None,
            client_id=order.client_id,
            status=OrderState.REJECTED,
            error=text,
        )
        return SentOrder(SendResult.FAILED, order.client_id, fault)

    async def query_until_certain(self, order: NewOrder) -> VenueOrder | None:
        """What became of an order of unknown outcome; None once it is provably not there."""
        window = self._services.settings.venue_of(order.symbol).recv_window_ms
        end = time.monotonic() + query_deadline_s(order, window)
        delays = iter(QUERY_DELAYS_S)
        while True:
            left = end - time.monotonic()
            await asyncio.sleep(max(0.0, min(next(delays, 2.0), left)))
            found = await self._look(order)
            if found is not None:
                return found
            if left <= 0:
                return None

    async def _look(self, order: NewOrder) -> VenueOrder | None:
        row = self._services.ledger.order(order.client_id)
        if row is not None and row.exchange_id is not None:
            return _seen(row)
        while True:
            try:
                return await self._services.venue_of(order.symbol).query(
                    order.symbol, order.client_id, conditional=order.conditional
                )
            except VenueFaultError as fault:
                # No answer is no proof: an order counts as dead only when the exchange says so.
                log.warning("query %s: %s", order.client_id, fault)
                await asyncio.sleep(min(getattr(fault, "retry_after_s", 1.0), 60.0))


_BESIDE_THE_ORDER = (RateLimited, Temporary, InvalidKey)
"""Faults that say nothing about the order itself."""
_RESULTS = {
    RetryStep.CLOSE_NOW: SendResult.CLOSE_NOW,
    RetryStep.FLAT: SendResult.FLAT,
    RetryStep.FAIL: SendResult.FAILED,
}


def _seen(row: OrderRow) -> VenueOrder:
    """An order that the user stream has shown, as the exchange would report it."""
    return VenueOrder(
        client_id=row.client_id,
        exchange_id=row.exchange_id or "",
        symbol=row.symbol,
        side=row.side,
        kind=row.kind,
        status=OrderState.ACCEPTED if row.open else OrderState.FILLED,
        child_id=row.child_id or "",
    )


def _ids(order: NewOrder) -> tuple[str, ...]:
    """Client ids of the order, and of its partner."""
    return (order.client_id, *((order.partner.client_id,) if order.partner is not None else ()))


def _text(value: Decimal | None) -> str | None:
    return None if value is None else format(value, "f")
