"""Reconciliation: the exchange's positions, orders and balances against the book.

The exchange is right. What is ours and unknown here is adopted by its orders' ids and protected;
what vanished is closed with the exchange's trades; what is not ours halts its symbol.
"""

from __future__ import annotations

import asyncio
import logging
import time
from decimal import Decimal

from executor.bus.events import EventType
from executor.context import Context
from executor.execution.closer import Closer
from executor.execution.entries import EntryHandler
from executor.execution.execution_reports import ExecutionReports
from executor.execution.order_manager import OrderManager
from executor.execution.position_updates import PositionUpdates
from executor.ledger.records import OrderRow
from executor.model import ZERO, NewOrder, OrderKind, VenueOrder, VenuePosition
from executor.portfolio.fill_totals import total_fills
from executor.portfolio.portfolio import Holding
from executor.protection.stop_manager import StopManager
from executor.reconciliation.adoption import Adoption
from executor.venues.faults import VenueFaultError
from trading.candles import MINUTE_MS
from trading.order_ids import is_ours

LOOKS = 2
BETWEEN_LOOKS_S = 0.5

log = logging.getLogger(__name__)


class Reconciler:
    """Compares at start, after each reconnect and every few seconds."""

    def __init__(
        self,
        ctx: Context,
        order_manager: OrderManager,
        execution_reports: ExecutionReports,
        position_updates: PositionUpdates,
        stop_manager: StopManager,
        entry_handler: EntryHandler,
        closer: Closer,
        adoption: Adoption,
    ) -> None:
        self._ctx = ctx
        self._orders = order_manager
        self._reports = execution_reports
        self._updates = position_updates
        self._stops = stop_manager
        self._entry_handler = entry_handler
        self._closer = closer
        self._adoption = adoption
        self._lock = asyncio.Lock()
        self.rounds = 0
        self.last_ok_ms = 0
        self.last_ok_at = time.monotonic()

    def load(self) -> None:
        """Positions of the ledger into the book; their protection is not taken on trust."""
        for row in self._ctx.ledger.open_positions():
            slot = self._ctx.portfolio.slot(row.symbol)
            slot.holding = Holding(row)
            self._updates.restore(slot.holding)

    async def settle_orders(self) -> None:
        """Find out, after a start, what became of orders whose end the ledger does not know."""
        for row in self._ctx.ledger.open_orders():
            seen = await self._ctx.venue.query(
                row.symbol, row.client_id, conditional=row.conditional
            )
            if seen is not None:
                self._orders.on_update(row, seen)
                await self._reports.settle(row)
            elif row.status == "placed" or row.exchange_id is not None:
                self._orders.forget(row, "cancelled")
            else:
                self._ctx.spawn(f"settle {row.symbol}", self._until_certain(row))

    async def _until_certain(self, row: OrderRow) -> None:
        """An intent without an answer may still be on its way to the exchange."""
        found = await self._orders.ask(_order_of(row))
        if found is None:
            self._orders.forget(row, "dead")
        else:
            self._orders.on_update(row, found)
            await self._reports.settle(row)
        holding = self._ctx.portfolio.holding(row.symbol)
        if holding is not None:
            self._entry_handler.abandon(holding)

    async def run_once(self) -> bool:
        """One comparison; False when the exchange could not be asked."""
        async with self._lock:
            with self._ctx.activity.busy("reconcile"):
                try:
                    await self._compare()
                except VenueFaultError as fault:
                    log.warning("reconciliation failed: %s", fault)
                    return False
        self.rounds += 1
        self.last_ok_ms = self._ctx.clock.now_ms()
        self.last_ok_at = time.monotonic()
        return True

    async def _compare(self) -> None:
        portfolio, venue = self._ctx.portfolio, self._ctx.venue
        marks = {symbol: slot.changes for symbol, slot in portfolio.slots.items()}
        held, orders, balance = await asyncio.gather(
            venue.positions(), venue.open_orders(), venue.balance()
        )
        portfolio.balance = balance
        self._ctx.clock.adjust(venue.offset_ms)
        at_venue = {position.symbol: position for position in held}
        for position in held:
            # After a start no price is known: open losses would not count until the first trade.
            slot = portfolio.slot(position.symbol)
            if slot.last_price is None and position.mark_price > 0:
                slot.last_price = float(position.mark_price)
        for symbol in sorted(set(at_venue) | set(portfolio.slots)):
            if portfolio.slot(symbol).changes == marks.get(symbol, 0):
                await self._symbol(symbol, at_venue.get(symbol))
        self._look_at_orders(orders)

    async def _symbol(self, symbol: str, position: VenuePosition | None) -> None:
        holding = self._ctx.portfolio.holding(symbol)
        quantity = position.quantity if position is not None else ZERO
        if holding is None:
            if position is not None:
                await self._stranger(position)
            return
        if holding.closing is not None or holding.step is not None:
            return
        if not holding.filled:
            await self._entry_under_way(holding)
            return
        if quantity != holding.row.quantity * holding.row.side:
            await self._mismatch(holding, position)

    async def _entry_under_way(self, holding: Holding) -> None:
        """The entry's own task sees it through; this helps when the user stream is mute."""
        entry = self._ctx.ledger.entry_order_of(holding.row.key)
        if entry is not None and entry.status == "placed":
            await self._reports.settle(entry)
        elif entry is None or not entry.open:
            self._entry_handler.abandon(holding)

    async def _mismatch(self, holding: Holding, position: VenuePosition | None) -> None:
        """First the trades that we missed; what they do not explain is corrected as it stands."""
        symbol = holding.symbol
        changes = self._ctx.portfolio.slot(symbol).changes
        new = await self._reports.refetch(symbol, holding.row.opened_at - MINUTE_MS)
        if new:
            self._ctx.user_stream_failed(f"it did not tell {new} trades of {symbol}")
        if holding.closed.is_set() or self._ctx.portfolio.slot(symbol).changes != changes + new:
            return
        quantity = position.quantity * holding.row.side if position is not None else ZERO
        if quantity == holding.row.quantity:
            return
        if not await self._seen_again(holding, quantity):
            return
        self._ctx.alerts.send("position differs from the exchange", symbol=symbol)
        event = self._ctx.emit(
            EventType.POSITION_CORRECTED,
            symbol=symbol,
            cause=holding.row.cause,
            before=str(holding.row.quantity),
            after=str(quantity),
        )
        if quantity <= 0:
            sums = total_fills(holding.row.side, self._ctx.ledger.fills_of(holding.row.id))
            self._updates.close(holding, sums, "vanished", event.id)
            if quantity < 0:
                self.halt(symbol, f"a position against ours was found: {quantity}")
        else:
            self._updates.correct(holding, quantity, event.id)

    async def _seen_again(self, holding: Holding, quantity: Decimal) -> bool:
        """Whether the exchange says so twice: its list of positions may lag behind its trades, and
        believing it once would take the stop away from what is still held."""
        changes = self._ctx.portfolio.slot(holding.symbol).changes
        for _ in range(LOOKS):
            await asyncio.sleep(BETWEEN_LOOKS_S)
            held = await self._ctx.venue.positions()
            now = sum((p.quantity for p in held if p.symbol == holding.symbol), ZERO)
            if now * holding.row.side != quantity:
                return False
            await self._reports.refetch(holding.symbol, holding.row.opened_at - MINUTE_MS)
            if (
                self._ctx.portfolio.slot(holding.symbol).changes != changes
                or holding.closed.is_set()
            ):
                return False
        return True

    async def _stranger(self, position: VenuePosition) -> None:
        await self._know(position.symbol)
        if await self._adoption.adopt(position):
            return
        self.halt(position.symbol, f"foreign position of {position.quantity}")

    async def _know(self, symbol: str) -> None:
        """Nothing can be protected without the price steps of its symbol."""
        if symbol not in self._ctx.portfolio.instruments:
            leverage = self._ctx.settings.venue.leverage
            self._ctx.portfolio.learn(await self._ctx.venue.connect([symbol], leverage))

    def halt(self, symbol: str, reason: str) -> None:
        """No entries in a symbol until the next start."""
        slot = self._ctx.portfolio.slot(symbol)
        if slot.halted is not None or self._ctx.settings.foreign == "ignore":
            return
        slot.halted = reason
        self._ctx.emit(EventType.SYMBOL_HALTED, symbol=symbol, reason=reason)
        self._ctx.alerts.send("symbol halted", symbol=symbol, reason=reason)

    def _look_at_orders(self, orders: list[VenueOrder]) -> None:
        for order in orders:
            if not is_ours(order.client_id) and order.symbol in self._ctx.portfolio.instruments:
                known = self._ctx.ledger.order_by_exchange_id(order.symbol, order.exchange_id)
                if known is None:
                    self.halt(order.symbol, f"foreign order {order.client_id}")
        with_orders = {order.symbol for order in orders if is_ours(order.client_id)}
        for holding in self._ctx.portfolio.holdings():
            if holding.filled:
                self._stops.ask(holding.symbol, None)
            with_orders.discard(holding.symbol)
        for symbol in sorted(with_orders):
            self._stops.ask(symbol, None)


def _order_of(row: OrderRow) -> NewOrder:
    return NewOrder(
        client_id=row.client_id,
        symbol=row.symbol,
        side=row.side,
        kind=OrderKind(row.kind),
        quantity=row.quantity or Decimal(0),
        trigger_price=row.trigger_price,
        reduce_only=row.reduce_only,
        close_position=row.close_position,
    )
