"""Reconciliation: the exchange's positions, orders and balance against the portfolio.

The exchange is right. Unknown positions that are ours are adopted by their orders' ids and
protected; a position that vanished is closed with the exchange's trades; foreign positions and
orders halt their symbol.
"""

from __future__ import annotations

import asyncio
import logging
import time

from executor.model import ZERO, VenueOrder, VenuePosition
from executor.portfolio.foreign_quantity import halt_symbol
from executor.portfolio.portfolio import Portfolio
from executor.protection.stop_manager import StopManager
from executor.reconciliation.adoption import Adoption
from executor.reconciliation.correction import PositionCorrection
from executor.reconciliation.order_recovery import OrderRecovery
from executor.services import Services
from executor.venues.faults import VenueFaultError
from trading.order_ids import is_ours

log = logging.getLogger(__name__)


class Reconciler:
    """Compares at start, after each reconnect and every few seconds."""

    def __init__(
        self,
        services: Services,
        portfolio: Portfolio,
        stop_manager: StopManager,
        recovery: OrderRecovery,
        correction: PositionCorrection,
        adoption: Adoption,
    ) -> None:
        self._services = services
        self._portfolio = portfolio
        self._stops = stop_manager
        self._recovery = recovery
        self._correction = correction
        self._adoption = adoption
        self._lock = asyncio.Lock()
        self.rounds = 0
        self.last_ok_ms = 0
        self.last_ok_at = time.monotonic()

    def request(self) -> None:
        """Compare soon."""

        async def compare() -> None:
            await self.run_once()

        self._services.spawn("reconcile", compare())

    async def run_once(self) -> bool:
        """Compare once; False when the exchange did not answer."""
        async with self._lock:
            with self._services.activity.busy("reconcile"):
                try:
                    await self._compare()
                except VenueFaultError as fault:
                    log.warning("reconciliation failed: %s", fault)
                    return False
        self.rounds += 1
        self.last_ok_ms = self._services.clock.now_ms()
        self.last_ok_at = time.monotonic()
        return True

    async def _compare(self) -> None:
        portfolio, venue = self._portfolio, self._services.venue
        marks = {symbol: slot.changes for symbol, slot in portfolio.slots.items()}
        held, orders, balance = await asyncio.gather(
            venue.positions(), venue.open_orders(), venue.balance()
        )
        portfolio.balance = balance
        self._services.clock.adjust(venue.offset_ms)
        at_venue = {position.symbol: position for position in held}
        for position in held:
            # After a start no price is known: open losses would not count until the first trade.
            slot = portfolio.slot(position.symbol)
            if slot.last_price is None and position.mark_price > 0:
                slot.last_price = float(position.mark_price)
        for symbol in sorted(set(at_venue) | set(portfolio.slots)):
            if portfolio.slot(symbol).changes == marks.get(symbol, 0):
                await self._symbol(symbol, at_venue.get(symbol))
        self._check_orders(orders)
        self._recovery.look_up_lost()

    async def _symbol(self, symbol: str, position: VenuePosition | None) -> None:
        holding = self._portfolio.holding(symbol)
        quantity = position.quantity if position is not None else ZERO
        if holding is None:
            self._portfolio.slot(symbol).foreign = ZERO
            if position is not None:
                await self._unknown(position)
            return
        if holding.closing is not None or holding.step is not None:
            return
        if not holding.filled:
            await self._recovery.settle_entry(holding)
            return
        slot = self._portfolio.slot(symbol)
        beyond = quantity - holding.row.quantity * holding.row.side
        if beyond == 0:
            slot.foreign = ZERO
        elif beyond != slot.foreign:
            await self._correction.correct(holding, position)

    async def _unknown(self, position: VenuePosition) -> None:
        await self._learn(position.symbol)
        if await self._adoption.adopt(position):
            return
        self._portfolio.slot(position.symbol).foreign = position.quantity
        self._halt(position.symbol, f"foreign position of {position.quantity}")

    async def _learn(self, symbol: str) -> None:
        """Nothing can be protected without the price steps of its symbol."""
        if symbol not in self._portfolio.instruments:
            leverage = self._services.settings.venue.leverage
            self._portfolio.learn(await self._services.venue.connect([symbol], leverage))

    def _halt(self, symbol: str, reason: str) -> None:
        halt_symbol(self._services, self._portfolio, symbol, reason)

    def _check_orders(self, orders: list[VenueOrder]) -> None:
        shared = set()
        for order in orders:
            if not is_ours(order.client_id) and order.symbol in self._portfolio.instruments:
                ledger = self._services.ledger
                if ledger.order_by_exchange_id(order.symbol, order.exchange_id) is None:
                    shared.add(order.symbol)
                    self._halt(order.symbol, f"foreign order {order.client_id}")
        for symbol, slot in self._portfolio.slots.items():
            slot.foreign_orders = symbol in shared
        with_orders = {order.symbol for order in orders if is_ours(order.client_id)}
        for holding in self._portfolio.holdings():
            if holding.filled:
                self._stops.request(holding.symbol, None)
            with_orders.discard(holding.symbol)
        for symbol in sorted(with_orders):
            self._stops.request(symbol, None)
