"""Reconciliation: the exchange's positions, orders and balance against the portfolio.

The exchange is right. Unknown positions that are ours are adopted by their orders' ids and
protected; a position that vanished is closed with the exchange's trades; foreign positions and
orders halt their symbol.
"""

from __future__ import annotations

import asyncio
import logging
import time

from executor.model import ZERO, InstrumentId, VenueOrder, VenuePosition, Wallet, venue_of
from executor.portfolio.foreign_quantity import halt_symbol
from executor.portfolio.portfolio import Portfolio
from executor.portfolio.transfers import Transfers
from executor.protection.stop_manager import StopManager
from executor.reconciliation.adoption import Adoption
from executor.reconciliation.correction import PositionCorrection
from executor.reconciliation.order_recovery import OrderRecovery
from executor.services import Services
from executor.venues.faults import VenueFaultError
from executor.venues.interface import Venue
from trading.order_ids import is_ours

log = logging.getLogger(__name__)

TRANSFERS_WITHIN_S = 2.0
"""How long a comparison waits for the list of transfers: protection comes after it."""


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
        transfers: Transfers,
    ) -> None:
        self._services = services
        self._portfolio = portfolio
        self._stops = stop_manager
        self._recovery = recovery
        self._correction = correction
        self._adoption = adoption
        self._transfers = transfers
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
                # A venue that is away must not keep the others from being compared.
                answered = await asyncio.gather(*map(self._answered, self._services.venues))
        self._recovery.look_up_lost()
        if not all(answered):
            return False
        self.rounds += 1
        self.last_ok_ms = self._services.clock.now_ms()
        self.last_ok_at = time.monotonic()
        return True

    async def _answered(self, venue: Venue) -> bool:
        try:
            await self._compare(venue)
        except VenueFaultError as fault:
            log.warning("%s: reconciliation failed: %s", venue.name, fault)
            return False
        return True

    async def _compare(self, venue: Venue) -> None:
        portfolio = self._portfolio
        marks = {symbol: slot.changes for symbol, slot in portfolio.slots.items()}
        known, asked_at = dict(portfolio.balances), self._services.clock.now_ms()
        held, orders, balances = await asyncio.gather(
            venue.positions(), venue.open_orders(), venue.balances()
        )
        wallets = {Wallet(venue.name, asset): b for asset, b in balances.items()}
        surprising = self._transfers.surprising(wallets)
        # What the stream has said of a wallet meanwhile is newer than this answer.
        current = {w: b for w, b in wallets.items() if portfolio.balances.get(w) is known.get(w)}
        # Before anything else is awaited: a deposit that raised the baseline alone is a loss.
        portfolio.balances |= current
        portfolio.balances_at |= dict.fromkeys(current, asked_at)
        portfolio.balances_by |= dict.fromkeys(current, self._services.clock.now_ms())
        await self._look_for_transfers(venue, surprising=surprising)
        self._services.clock.adjust(venue.offset_ms)
        at_venue = {position.symbol: position for position in held}
        for position in held:
            # After a start no price is known: open losses would not count until the first trade.
            slot = portfolio.slot(position.symbol)
            if slot.last_price is None and position.mark_price > 0:
                slot.last_price = float(position.mark_price)
        here = {symbol for symbol in portfolio.slots if venue_of(symbol) == venue.name}
        for symbol in sorted(set(at_venue) | here):
            if portfolio.slot(symbol).changes == marks.get(symbol, 0):
                await self._symbol(symbol, at_venue.get(symbol))
        self._check_orders(venue, orders)

    async def _look_for_transfers(self, venue: Venue, *, surprising: bool) -> None:
        try:
            async with asyncio.timeout(TRANSFERS_WITHIN_S):
                await self._transfers.look(venue, surprising=surprising)
        except TimeoutError:
            log.warning("%s: transfers not listed in %.0f s", venue.name, TRANSFERS_WITHIN_S)

    async def _symbol(self, symbol: InstrumentId, position: VenuePosition | None) -> None:
        holding = self._portfolio.holding(symbol)
        quantity = position.quantity if position is not None else ZERO
        if holding is None:
            if position is not None:
                await self._unknown(position)
            else:
                self._portfolio.slot(symbol).foreign = ZERO
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
        elif beyond > 0 and self._services.venue_of(symbol).capabilities.holds_balances:
            # The account's own coins beside ours have nothing to do with this position.
            slot.foreign = beyond
        elif beyond != slot.foreign:
            await self._correction.correct(holding, position)

    async def _unknown(self, position: VenuePosition) -> None:
        slot, venue = (
            self._portfolio.slot(position.symbol),
            self._services.venue_of(position.symbol),
        )
        if venue.capabilities.holds_balances and slot.foreign == position.quantity:
            # Looked at before: no order of ours bought it.
            return
        await self._learn(position.symbol)
        if await self._adoption.adopt(position):
            return
        slot.foreign = position.quantity
        if venue.capabilities.holds_balances:
            return
        self._halt(position.symbol, f"foreign position of {position.quantity}")

    async def _learn(self, symbol: InstrumentId) -> None:
        """Nothing can be protected without the price steps of its symbol."""
        if symbol not in self._portfolio.instruments:
            venue, leverage = self._services.venue_of(symbol), self._services.leverage(symbol)
            self._portfolio.learn(await venue.connect([symbol], leverage), leverage)

    def _halt(self, symbol: InstrumentId, reason: str) -> None:
        halt_symbol(self._services, self._portfolio, symbol, reason)

    def _check_orders(self, venue: Venue, orders: list[VenueOrder]) -> None:
        shared = set()
        for order in orders:
            if not is_ours(order.client_id) and order.symbol in self._portfolio.instruments:
                ledger = self._services.ledger
                if ledger.order_by_exchange_id(order.symbol, order.exchange_id) is None:
                    shared.add(order.symbol)
                    self._halt(order.symbol, f"foreign order {order.client_id}")
        for symbol, slot in self._portfolio.slots.items():
            if venue_of(symbol) == venue.name:
                slot.foreign_orders = symbol in shared
        with_orders = {order.symbol for order in orders if is_ours(order.client_id)}
        for holding in self._portfolio.holdings():
            if holding.filled and venue_of(holding.symbol) == venue.name:
                self._stops.request(holding.symbol, None)
            with_orders.discard(holding.symbol)
        for symbol in sorted(with_orders):
            self._stops.request(symbol, None)
