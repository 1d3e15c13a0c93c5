"""The stop manager: makes the resting orders what they should be, and proves it by listing."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Iterable

from executor.bus.events import EventType
from executor.execution.closer import Closer
from executor.execution.order_log import ticket_for
from executor.execution.order_manager import OrderManager, PairPartner, SendResult
from executor.model import InstrumentId, Protection, VenueOrder
from executor.portfolio.portfolio import Holding, Portfolio
from executor.protection.stop_plan import ProtectiveOrder, desired_orders, plan_stops
from executor.risk.trading_state import TradingMode, TradingState
from executor.services import Services
from executor.venues.faults import CloseOrderExists, VenueFaultError
from trading.order_ids import OrderLeg, is_ours, parse_order_id

log = logging.getLogger(__name__)

ROUNDS = 5
BETWEEN_ROUNDS_S = 0.2
RETRY_S = 0.5
DEAD_STOP_GRACE_S = 0.5


class StopManager:
    """One worker per symbol; a request while it works makes it work once more."""

    def __init__(
        self,
        services: Services,
        portfolio: Portfolio,
        trading_state: TradingState,
        order_manager: OrderManager,
        closer: Closer,
    ) -> None:
        self._services = services
        self._portfolio = portfolio
        self._trading_state = trading_state
        self._orders = order_manager
        self._closer = closer
        self._requested: dict[str, str | None] = {}
        self._working: set[str] = set()

    def request(self, symbol: InstrumentId, cause: str | None) -> None:
        """Look at a symbol's protection soon."""
        known = self._requested.get(symbol)
        self._requested[symbol] = cause or known
        if symbol not in self._working:
            self._working.add(symbol)
            self._services.spawn(f"protect {symbol}", self._work(symbol))

    async def _work(self, symbol: InstrumentId) -> None:
        try:
            while symbol in self._requested:
                cause = self._requested.pop(symbol)
                try:
                    await self._converge(symbol, cause)
                except VenueFaultError as fault:
                    log.warning("protect %s: %s", symbol, fault)
                if self._lacking(symbol):
                    # In progress until it is protected, or until the watchdog closes it.
                    await asyncio.sleep(RETRY_S)
                    self._requested.setdefault(symbol, cause)
        finally:
            self._working.discard(symbol)

    def _protection(self, symbol: InstrumentId) -> Protection:
        return self._services.venue_of(symbol).capabilities.protection

    def _guard(self, holding: Holding | None, cause: str | None) -> None:
        """Where no order can rest, the exit monitor is the protection."""
        if holding is None or not holding.filled or holding.protected:
            return
        self._mark_protected(holding, cause)

    @property
    def _frozen(self) -> bool:
        return self._trading_state.mode is TradingMode.FREEZE

    def _lacking(self, symbol: InstrumentId) -> bool:
        holding = self._portfolio.holding(symbol)
        unprotected = holding is not None and holding.filled and not holding.protected
        return unprotected and holding is not None and holding.closing is None

    async def _converge(self, symbol: InstrumentId, cause: str | None) -> None:
        for _ in range(ROUNDS):
            holding = self._portfolio.holding(symbol)
            if self._protection(symbol) is Protection.GUARDED:
                self._guard(holding, cause)
                return
            listed = await self._services.venue_of(symbol).open_orders(symbol)
            if holding is not self._portfolio.holding(symbol):
                continue
            if holding is None and self._frozen:
                return
            if holding is None:
                await self._cancel(o for o in listed if o.conditional and is_ours(o.client_id))
                return
            if not holding.filled or holding.position is None or holding.closing:
                return
            if holding.step is not None and self._protection(symbol) is Protection.OCO:
                # The step needs the balance that the pair would lock.
                return
            if await self._round(holding, listed, cause):
                return
            await asyncio.sleep(BETWEEN_ROUNDS_S)

    async def _round(self, holding: Holding, listed: list[VenueOrder], cause: str | None) -> bool:
        """Compare once; True when everything rests as it should, or the position is closing."""
        assert holding.position is not None
        ours = [o for o in listed if o.resting and o.conditional and is_ours(o.client_id)]
        if self._frozen and any(parse_order_id(o.client_id).leg is OrderLeg.STOP for o in ours):
            # Whatever its price: in `freeze`, a resting stop is not touched.
            self._confirm(holding, ours, cause)
            return True
        instrument = self._portfolio.instruments[holding.symbol]
        shared = self._portfolio.slot(holding.symbol).shared
        paired = self._protection(holding.symbol) is Protection.OCO
        quantity = holding.row.quantity if shared else None
        if paired:
            quantity = instrument.whole_steps(holding.row.quantity)
        wanted_orders = desired_orders(holding.position, instrument, quantity)
        todo = plan_stops(wanted_orders, listed, paired=paired)
        self._confirm(holding, todo.keep, cause)
        if paired and todo.place:
            # The balance backs one pair at a time: the old one must go first.
            await self._cancel(todo.cancel)
            await self._place_pair(holding, todo.place, cause)
            return False
        for wanted in todo.place:
            if holding.closing or holding.closed.is_set():
                return True
            if not await self._place(holding, wanted, todo.cancel, cause):
                return True
        await self._cancel(todo.cancel)
        return todo.done

    def _confirm(self, holding: Holding, kept: Iterable[VenueOrder], cause: str | None) -> None:
        holding.resting = {order.client_id: order for order in kept}
        for order in holding.resting.values():
            self._orders.know(
                ticket_for(holding, parse_order_id(order.client_id).leg, cause), order
            )
        stops = [
            o for o in holding.resting.values() if parse_order_id(o.client_id).leg is OrderLeg.STOP
        ]
        if not stops:
            holding.mark_unprotected()
        elif not holding.protected:
            stop = self._services.ledger.order(stops[0].client_id)
            self._mark_protected(holding, self._orders.last_event(stop) if stop else cause)

    def _mark_protected(self, holding: Holding, cause: str | None) -> None:
        holding.protected = True
        self._services.ledger.update_position(
            holding.row.id, protected_at=self._services.clock.now_ms()
        )
        self._services.emit(
            EventType.PROTECTION_CONFIRMED,
            symbol=holding.symbol,
            cause=cause,
            orders={o.client_id: str(o.trigger_price) for o in holding.resting.values()},
        )

    async def _place_pair(
        self, holding: Holding, wanted: tuple[ProtectiveOrder, ...], cause: str | None
    ) -> None:
        """Send stop and target as one pair, or the one that there is."""
        first, *others = wanted
        partner = None
        if others:
            ticket = ticket_for(holding, others[0].leg, cause)
            partner = PairPartner(ticket, others[0].kind, others[0].trigger_price)
        sent = await self._orders.send(
            ticket_for(holding, first.leg, cause),
            first.side,
            first.kind,
            quantity=first.quantity,
            trigger_price=first.trigger_price,
            partner=partner,
        )
        if sent.result is SendResult.CLOSE_NOW:
            self._already_crossed(holding, self._crossed_of(holding, wanted), cause)

    def _crossed_of(self, holding: Holding, wanted: tuple[ProtectiveOrder, ...]) -> ProtectiveOrder:
        """The order of a refused pair that the market has passed; the stop unless it is clear."""
        price = self._portfolio.slot(holding.symbol).last_price
        side = holding.row.side
        for order in wanted:
            reached = price is not None and side * (price - float(order.trigger_price)) >= 0
            if order.leg is OrderLeg.TARGET and reached:
                return order
        return wanted[0]

    async def _place(
        self,
        holding: Holding,
        wanted: ProtectiveOrder,
        unwanted: tuple[VenueOrder, ...],
        cause: str | None,
    ) -> bool:
        """Send one order; False when the exchange refused it."""
        ticket = ticket_for(holding, wanted.leg, cause)
        for _ in range(2):
            sent = await self._orders.send(
                ticket,
                wanted.side,
                wanted.kind,
                quantity=wanted.quantity,
                trigger_price=wanted.trigger_price,
            )
            if sent.result is SendResult.CLOSE_NOW:
                self._already_crossed(holding, wanted, cause)
                return True
            if not isinstance(sent.fault, CloseOrderExists):
                return sent.result is SendResult.PLACED
            # The exchange allows one close-position order of a kind: the old one must go first.
            await self._cancel(o for o in unwanted if o.kind == wanted.kind.value)
        return False

    def _already_crossed(
        self, holding: Holding, wanted: ProtectiveOrder, cause: str | None
    ) -> None:
        if wanted.leg is OrderLeg.STOP and holding.position is not None:
            self._closer.close(
                holding, holding.position.protective_reason, cause, leg=OrderLeg.EMERGENCY
            )
        else:
            self._closer.close(holding, "take_profit", cause)

    async def _cancel(self, orders: Iterable[VenueOrder]) -> None:
        for order in orders:
            await self._services.venue_of(order.symbol).cancel(order)
            row = self._services.ledger.order(order.client_id)
            if row is not None and row.open:
                self._orders.cancelled(row)

    def stop_died(self, holding: Holding, why: str) -> None:
        """Close after a protective order ended unfilled, unless the position is flat by then."""
        self._services.spawn(f"dead stop {holding.symbol}", self._after_death(holding, why))

    async def _after_death(self, holding: Holding, why: str) -> None:
        # The exchange may expire the other orders of a closed position before it reports the trade.
        if await holding.wait_closed(DEAD_STOP_GRACE_S):
            return
        try:
            positions = await self._services.venue_of(holding.symbol).positions()
        except VenueFaultError as fault:
            # Not knowing is no reason to wait: a reduce-only close of nothing does no harm.
            log.warning("%s: position not known (%s)", holding.symbol, fault)
        else:
            if all(p.symbol != holding.symbol for p in positions):
                return
        log.error("%s: protective order died (%s), closing", holding.symbol, why)
        self._closer.close(holding, "stop_died", holding.row.cause, leg=OrderLeg.EMERGENCY)
