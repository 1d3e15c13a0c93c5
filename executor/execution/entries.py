"""Entries: a signal to enter becomes a position, if the limits allow it."""

from __future__ import annotations

import logging
from decimal import Decimal

from executor.bus.events import Event, EventType
from executor.execution.entry_check import EntryCheck, position_of
from executor.execution.fills import FillRecorder
from executor.execution.order_log import Ticket, ticket_for
from executor.execution.order_manager import OrderManager, SendResult
from executor.execution.position_updates import PositionUpdates
from executor.model import OrderKind
from executor.portfolio.portfolio import Holding, Portfolio
from executor.services import Services
from executor.strategy.signal import Signal
from executor.venues.faults import VenueFaultError
from trading.order_ids import OrderLeg

log = logging.getLogger(__name__)

ENTRY_ATTEMPTS = 2
"""A dead entry is tried once more; for a third attempt its price is too old."""


class EntryHandler:
    """Handles signals to enter."""

    def __init__(
        self,
        services: Services,
        portfolio: Portfolio,
        check: EntryCheck,
        order_manager: OrderManager,
        fills: FillRecorder,
        position_updates: PositionUpdates,
    ) -> None:
        self._services = services
        self._portfolio = portfolio
        self._check = check
        self._orders = order_manager
        self._fills = fills
        self._updates = position_updates

    def on_signal(self, event: Event[Signal]) -> None:
        """Enter, or write why not."""
        signal, settings = event.payload, self._services.settings
        if signal.action != "enter":
            return
        row = position_of(event, settings.account, settings.venue.leverage)
        verdict = self._check.evaluate(event, row)
        if not verdict.allowed:
            self._services.emit(
                EventType.ENTRY_REFUSED,
                symbol=signal.symbol,
                cause=event.id,
                strategy=signal.strategy,
                reasons=list(verdict.reasons),
            )
            log.info("%s: entry refused: %s", signal.symbol, "; ".join(verdict.reasons))
            return
        holding = self._updates.claim(row)
        if holding is not None:
            price = self._portfolio.slot(signal.symbol).last_price or signal.price
            holding.reserved = verdict.quantity * Decimal(str(price))
            entry = self._enter(signal, holding, verdict.quantity)
            self._services.spawn(f"entry {signal.symbol}", entry)

    async def _enter(self, signal: Signal, holding: Holding, quantity: Decimal) -> None:
        ticket = ticket_for(holding, OrderLeg.ENTRY, holding.row.cause, decision_price=signal.price)
        side = "BUY" if signal.side > 0 else "SELL"
        for _ in range(ENTRY_ATTEMPTS):
            sent = await self._orders.send(ticket, side, OrderKind.MARKET, quantity=quantity)
            if sent.result is SendResult.PLACED:
                await self._fills.wait_settled(sent.client_id)
                break
            known = self._services.ledger.order(sent.client_id)
            if known is None or known.status != "dead" or not await self._may_repeat(ticket):
                break
        self._updates.abandon(holding)

    async def _may_repeat(self, ticket: Ticket) -> bool:
        """Whether a dead entry may be tried again: it left no position, and its price holds."""
        slot = self._portfolio.slot(ticket.symbol)
        decided = ticket.decision_price
        if slot.last_price is not None and decided:
            moved = abs(slot.last_price / decided - 1)
            if moved > float(self._services.settings.risk.max_price_deviation):
                log.info(
                    "%s: no second attempt, the price moved %.2f %%", ticket.symbol, moved * 100
                )
                return False
        try:
            held = await self._services.venue.positions()
        except VenueFaultError as fault:
            log.warning("%s: no second attempt: %s", ticket.symbol, fault)
            return False
        return all(position.symbol != ticket.symbol for position in held)
