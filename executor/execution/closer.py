"""Closing at market.

Three lines protect a position. First, orders that rest at the exchange. Second,
`executor.protection.exit_monitor` closes where no order can rest (trailing stop, day end) and where
a crossed order did not fill in time. Third, `executor.protection.watchdog` closes what could not be
protected within its time.
"""

from __future__ import annotations

import asyncio
import logging
from decimal import Decimal

from executor.bus.events import AnyEvent, Event, EventType
from executor.execution.fills import FillRecorder
from executor.execution.order_log import ticket_for
from executor.execution.order_manager import OrderManager, SendResult
from executor.model import ZERO, OrderKind
from executor.portfolio.portfolio import Holding, Portfolio
from executor.portfolio.position_state import ENTERING_LEGS
from executor.risk.trading_state import TradingState
from executor.services import Services
from executor.strategy.signal import Signal
from executor.venues.faults import VenueFaultError
from trading.order_ids import OrderLeg, is_ours

log = logging.getLogger(__name__)

CLOSE_AGAIN_S = 0.2
"""Until the second attempt; each one after it waits twice as long."""
CLOSE_ATTEMPTS = 6
EXCESS = "excess"
"""Reason of an order that closes what another one bought too much."""
TRIM_AGAIN_S = 0.2


class Closer:
    """Closes positions at market, reduce-only, until they are flat."""

    def __init__(
        self,
        services: Services,
        portfolio: Portfolio,
        trading_state: TradingState,
        order_manager: OrderManager,
        fills: FillRecorder,
    ) -> None:
        self._services = services
        self._portfolio = portfolio
        self._trading_state = trading_state
        self._orders = order_manager
        self._fills = fills

    def on_signal(self, event: Event[Signal]) -> None:
        """Close the position of a strategy that signals its exit."""
        signal = event.payload
        holding = self._portfolio.holding(signal.symbol)
        if signal.action != "exit" or holding is None:
            return
        if holding.row.strategy == signal.strategy and holding.heeds_exit:
            self.close(holding, "strategy_exit", event.id)

    def close(
        self, holding: Holding, reason: str, cause: str | None, leg: OrderLeg = OrderLeg.EXIT
    ) -> None:
        """Begin to close; at most one close per position is in flight."""
        if holding.closing is not None or holding.closed.is_set() or not holding.filled:
            return
        if not self._trading_state.may_close(reason, leg):
            return
        holding.closing = reason
        log.info("closing %s: %s", holding.symbol, reason)
        self._services.spawn(f"close {holding.symbol}", self._run(holding, reason, cause, leg))

    async def _run(self, holding: Holding, reason: str, cause: str | None, leg: OrderLeg) -> None:
        try:
            failures = 0
            while failures < CLOSE_ATTEMPTS:
                before = holding.row.quantity
                if await self._once(holding, reason, cause, leg):
                    return
                # More than the exchange takes in one market order goes out in parts.
                failures = 0 if holding.row.quantity < before else failures + 1
                await asyncio.sleep(CLOSE_AGAIN_S * 2 ** (failures - 1) if failures else 0.0)
        finally:
            # Whatever happened, the watchdog may close again.
            holding.closing = None
        self._services.alerts.send(
            "position could not be closed", symbol=holding.symbol, reason=reason
        )
        self._services.emit(
            EventType.SYSTEM_ERROR, symbol=holding.symbol, error=f"close failed: {reason}"
        )

    async def _once(self, holding: Holding, reason: str, cause: str | None, leg: OrderLeg) -> bool:
        if holding.closed.is_set():
            return True
        if not self._services.venue_of(holding.symbol).capabilities.reduce_only:
            await self.free_balance(holding)
            if holding.closed.is_set():
                return True
        slot = self._portfolio.slot(holding.symbol)
        ticket = ticket_for(holding, leg, cause, reason=reason)
        side = "SELL" if holding.row.side > 0 else "BUY"
        before = holding.row.quantity
        instrument = self._portfolio.instruments.get(holding.symbol)
        quantity = before if instrument is None else instrument.floor_quantity(before)
        sent = await self._orders.send(ticket, side, OrderKind.MARKET, quantity=quantity)
        if slot.last_price is not None:
            self._services.ledger.update_order(sent.client_id, decision_price=slot.last_price)
        if sent.result is SendResult.PLACED:
            await self._fills.wait_settled(sent.client_id)
        elif sent.result is SendResult.FLAT:
            await self._fills.refetch_position(holding)
        if holding.row.quantity < before and not holding.closed.is_set():
            return False
        return await holding.wait_closed(0.5)

    def on_excess(self, event: AnyEvent) -> None:
        """Close what an order traded beyond its quantity."""
        holding = self._portfolio.holding(event.symbol)
        if holding is not None:
            self.trim(holding, event.id)

    def trim(self, holding: Holding, cause: str | None) -> None:
        """Begin to close the excess of a position, if its orders bought too much."""
        busy = holding.step is not None or holding.closing is not None
        if not busy and self._excess(holding) > 0:
            holding.step = EXCESS
            self._services.spawn(f"trim {holding.symbol}", self._trim(holding, cause))

    def _excess(self, holding: Holding) -> Decimal:
        """What the entries of a position bought beyond their orders, less what was sold of it."""
        excess = ZERO
        for order in self._services.ledger.orders_of_key(holding.row.key):
            if order.leg in ENTERING_LEGS and order.quantity:
                excess += max(order.filled - order.quantity, ZERO)
            elif order.reason == EXCESS:
                excess -= order.filled
        return excess

    async def _trim(self, holding: Holding, cause: str | None) -> None:
        symbol, instrument = holding.symbol, self._portfolio.instruments[holding.symbol]
        try:
            for _ in range(CLOSE_ATTEMPTS):
                if not self._services.venue_of(symbol).capabilities.reduce_only:
                    await self.free_balance(holding)
                excess = instrument.floor_quantity(min(self._excess(holding), holding.row.quantity))
                if excess <= 0 or holding.closed.is_set():
                    return
                ticket = ticket_for(holding, OrderLeg.EXIT, cause, reason=EXCESS)
                side = "SELL" if holding.row.side > 0 else "BUY"
                sent = await self._orders.send(ticket, side, OrderKind.MARKET, quantity=excess)
                if sent.result is SendResult.PLACED:
                    await self._fills.wait_settled(sent.client_id)
                await asyncio.sleep(TRIM_AGAIN_S)
        finally:
            holding.step = None
            self._portfolio.changed(symbol, cause)

    async def free_balance(self, holding: Holding) -> None:
        """Cancel what locks the balance of a position, and learn what it may have sold.

        Without reduce-only orders, an exit must know exactly what is left to sell.
        """
        symbol = holding.symbol
        venue = self._services.venue_of(symbol)
        try:
            for order in await venue.open_orders(symbol):
                if order.conditional and is_ours(order.client_id):
                    await venue.cancel(order)
                    row = self._services.ledger.order(order.client_id)
                    if row is not None and row.open:
                        self._orders.cancelled(row)
            await self._fills.refetch_position(holding)
        except VenueFaultError as fault:
            log.warning("%s: the balance is not free yet: %s", symbol, fault)
