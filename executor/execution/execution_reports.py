"""Execution reports: the exchange's user events, applied one after the other."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable

from executor.bus.events import EventType
from executor.execution.fills import FillRecorder
from executor.execution.order_manager import OrderManager
from executor.model import (
    AccountUpdate,
    Balance,
    ConditionalOrderUpdate,
    OrderState,
    OrderUpdate,
    UserEvent,
    Wallet,
)
from executor.portfolio.portfolio import Holding, Portfolio
from executor.portfolio.transfers import Transfers
from executor.services import Services
from trading.order_ids import OrderLeg

log = logging.getLogger(__name__)


class ExecutionReports:
    """Takes user events; ``stop_died`` takes a position whose protective order ended unfilled."""

    def __init__(
        self,
        services: Services,
        portfolio: Portfolio,
        order_manager: OrderManager,
        fills: FillRecorder,
        transfers: Transfers,
        stop_died: Callable[[Holding, str], None],
    ) -> None:
        self._services = services
        self._portfolio = portfolio
        self._orders = order_manager
        self._fills = fills
        self._transfers = transfers
        self._stop_died = stop_died
        self._queue: asyncio.Queue[UserEvent] = asyncio.Queue()
        self._newest: dict[Wallet, int] = {}

    def push(self, event: UserEvent) -> None:
        """Queue a user event."""
        self._services.activity.begin("user event")
        self._queue.put_nowait(event)

    async def run(self) -> None:
        """Take user events until cancelled."""
        while True:
            event = await self._queue.get()
            try:
                await self._take(event)
            except Exception as error:
                # The next reconciliation repairs what one event could not apply.
                log.exception("user event not applied: %r", event)
                self._services.emit(
                    EventType.SYSTEM_ERROR, task="execution reports", error=repr(error)
                )
            finally:
                self._services.activity.end("user event")

    async def _take(self, event: UserEvent) -> None:
        if isinstance(event, OrderUpdate):
            await self._fills.on_order(event.order, event.fill)
            if event.order.conditional:
                self._conditional_order(ConditionalOrderUpdate(event.order, event.event_time))
        elif isinstance(event, ConditionalOrderUpdate):
            self._conditional_order(event)
        elif isinstance(event, AccountUpdate):
            self._account(event)

    def _account(self, event: AccountUpdate) -> None:
        wallet = event.wallet
        if event.total is not None and event.event_time >= self._newest.get(wallet, 0):
            self._newest[wallet] = event.event_time
            before = self._portfolio.balance(wallet)
            moved = event.total - before.wallet
            self._portfolio.balances[wallet] = Balance(event.total, before.available + moved)
            self._portfolio.balances_at[wallet] = event.event_time
            self._portfolio.balances_by[wallet] = event.event_time
        if event.transfer:
            self._transfers.on_stream(event)

    def _conditional_order(self, event: ConditionalOrderUpdate) -> None:
        order = event.order
        row = self._services.ledger.order(order.client_id)
        if row is None:
            return
        self._orders.on_update(row, order)
        holding = self._portfolio.holding(row.symbol)
        if not order.terminal or holding is None or holding.row.key != row.key:
            return
        holding.resting.pop(order.client_id, None)
        died = order.status in (OrderState.REJECTED, OrderState.EXPIRED)
        if (died or order.status is OrderState.CANCELLED) and not holding.rests(OrderLeg.STOP):
            # The watchdog's time runs from now, whoever else fails to look.
            holding.mark_unprotected()
        if died and holding.filled:
            self._stop_died(holding, f"{order.status} {event.reason}".strip())
        elif order.status is OrderState.CANCELLED:
            self._portfolio.changed(row.symbol, None)
