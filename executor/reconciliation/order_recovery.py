"""Orders whose end the ledger does not know, after a start or with a silent user stream."""

from __future__ import annotations

import logging

from executor.execution.fills import FillRecorder
from executor.execution.order_manager import OrderManager
from executor.execution.position_updates import PositionUpdates
from executor.ledger.records import OrderRow
from executor.model import UNANSWERED_STATES, ZERO, NewOrder, OrderKind, OrderState
from executor.portfolio.portfolio import Holding, Portfolio
from executor.services import Services

log = logging.getLogger(__name__)


class OrderRecovery:
    """Finds out what became of orders."""

    def __init__(
        self,
        services: Services,
        portfolio: Portfolio,
        order_manager: OrderManager,
        fills: FillRecorder,
        position_updates: PositionUpdates,
    ) -> None:
        self._services = services
        self._portfolio = portfolio
        self._orders = order_manager
        self._fills = fills
        self._updates = position_updates
        self._asked_for: set[str] = set()

    async def settle(self) -> None:
        """Find out, after a start, what became of the orders that the ledger leaves unsettled."""
        ledger = self._services.ledger
        for row in [*ledger.open_orders(), *ledger.history.ended_without_trades()]:
            seen = await self._services.venue_of(row.symbol).query(
                row.symbol, row.client_id, conditional=row.conditional
            )
            if seen is not None:
                await self._fills.take_all(row, seen)
            elif not row.open:
                log.error("%s: the exchange has forgotten this order's trades", row.client_id)
            elif row.status not in UNANSWERED_STATES or row.exchange_id is not None:
                self._orders.forget(row, OrderState.CANCELLED)
            else:
                self._ask_for(row)

    def look_up_lost(self) -> None:
        """Ask for the orders without an outcome that no sender is at work on."""
        for row in self._services.ledger.open_orders():
            if row.status in UNANSWERED_STATES and row.client_id not in self._orders.in_flight:
                self._ask_for(row)

    def _ask_for(self, row: OrderRow) -> None:
        if row.client_id not in self._asked_for:
            self._asked_for.add(row.client_id)
            self._services.spawn(f"settle {row.symbol}", self._until_certain(row))

    async def _until_certain(self, row: OrderRow) -> None:
        try:
            await self._find(row)
        finally:
            self._asked_for.discard(row.client_id)

    async def _find(self, row: OrderRow) -> None:
        """An intent without an answer may still be on its way to the exchange."""
        found = await self._orders.query_until_certain(_order_of(row))
        if found is None:
            self._orders.forget(row, OrderState.DEAD)
        else:
            await self._fills.take_all(row, found)
        holding = self._portfolio.holding(row.symbol)
        if holding is not None:
            self._updates.abandon(holding)

    async def settle_entry(self, holding: Holding) -> None:
        """Help an entry in progress along when the user stream is silent about it."""
        entry = self._services.ledger.entry_order_of(holding.row.key)
        if entry is not None and (entry.open or self._services.ledger.history.lacks_trades(entry)):
            await self._fills.settle(entry)
        else:
            self._updates.abandon(holding)


def _order_of(row: OrderRow) -> NewOrder:
    return NewOrder(
        client_id=row.client_id,
        symbol=row.symbol,
        side=row.side,
        kind=OrderKind(row.kind),
        quantity=row.quantity or ZERO,
        trigger_price=row.trigger_price,
        reduce_only=row.reduce_only,
        close_position=row.close_position,
    )
