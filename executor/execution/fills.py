"""Trades into the ledger and the portfolio, each once.

Trades come from the user stream or from the trade list, never from an order's answer; (symbol,
trade id) identifies them, where the exchange was not rolled back (`LedgerHistory.named_fill`).
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from decimal import Decimal

from executor.bus.events import EventType
from executor.execution.order_manager import OrderManager
from executor.execution.position_updates import PositionUpdates
from executor.execution.trade_fees import TradeFees
from executor.ledger.records import OrderRow
from executor.model import ZERO, InstrumentId, VenueFill, VenueOrder, venue_of
from executor.portfolio.fill_totals import part_of
from executor.portfolio.foreign_quantity import halt_symbol
from executor.portfolio.portfolio import Holding, Portfolio
from executor.portfolio.position_state import ENTERING_LEGS
from executor.services import Services
from executor.venues.faults import VenueFaultError
from trading.candles import MINUTE_MS
from trading.order_ids import OrderLeg, is_ours

log = logging.getLogger(__name__)

SLIPPAGE_ALERT = 0.005
FILL_TIMEOUT_S = 3.0
SETTLE_ATTEMPTS = 10


class FillRecorder:
    """Applies trades, and asks for those that the user stream did not bring.

    ``suspect_stream`` takes a venue, and what its user stream should have reported and did not.
    """

    def __init__(
        self,
        services: Services,
        portfolio: Portfolio,
        order_manager: OrderManager,
        position_updates: PositionUpdates,
        fees: TradeFees,
        suspect_stream: Callable[[str, str], None],
    ) -> None:
        self._services = services
        self._portfolio = portfolio
        self._orders = order_manager
        self._updates = position_updates
        self._fees = fees
        self._suspect_stream = suspect_stream

    async def on_order(self, order: VenueOrder, fill: VenueFill | None) -> None:
        """Apply a change of an order, with its trade where there is one."""
        row = await self._row_of(order)
        if fill is not None:
            if row is not None and self._contradicts(order, fill, row):
                await self._take_listed(row, fill.order_id)
            else:
                await self.take(fill, row)
        if row is not None:
            self._orders.on_update(row, order)

    def _contradicts(self, order: VenueOrder, fill: VenueFill, row: OrderRow) -> bool:
        """Whether a trade would make more of an order than the order itself says.

        Events out of order do so as well, and a trade that is repeated under another id.
        """
        ledger = self._services.ledger
        if ledger.has_fill(fill.symbol, ledger.history.named_fill(fill).trade_id):
            return False
        return ZERO < order.filled < ledger.filled_of(row.client_id)[0] + fill.quantity

    async def _take_listed(self, row: OrderRow, order_id: str) -> None:
        """Record the trades that the exchange lists; without an answer, reconciliation does."""
        try:
            await self._take_all(row, order_id)
        except VenueFaultError as fault:
            log.warning("trades of %s: %s", row.client_id, fault)

    async def _take_all(self, row: OrderRow, order_id: str) -> None:
        venue = self._services.venue_of(row.symbol)
        for fill in await venue.trades(row.symbol, order_id=order_id):
            await self.take(fill, row)

    async def _row_of(self, seen: VenueOrder | VenueFill) -> OrderRow | None:
        """Our order behind an id, also when the exchange gave a child order its own id."""
        ledger, symbol = self._services.ledger, seen.symbol
        exchange_id = seen.exchange_id if isinstance(seen, VenueOrder) else seen.order_id
        row = ledger.order(seen.client_id) if is_ours(seen.client_id) else None
        row = row or ledger.order_by_exchange_id(symbol, exchange_id)
        if row is not None or self._portfolio.holding(symbol) is None or seen.liquidation:
            return row
        for resting in ledger.open_orders(symbol):
            if not resting.conditional:
                continue
            found = await self._services.venue_of(symbol).query(
                symbol, resting.client_id, conditional=True
            )
            if found is not None and found.child_id == exchange_id:
                ledger.update_order(resting.client_id, child_id=exchange_id)
                return ledger.order(resting.client_id)
        return None

    async def take(self, fill: VenueFill, row: OrderRow | None) -> bool:
        """Record one trade with what its fee was worth."""
        fill = self._services.ledger.history.named_fill(fill)
        if self._services.ledger.has_fill(fill.symbol, fill.trade_id):
            return False
        return self.apply(await self._fees.priced(fill), row)

    def apply(self, fill: VenueFill, row: OrderRow | None) -> bool:
        """Record one trade; False when it is known already or not ours."""
        ledger = self._services.ledger
        fill = ledger.history.named_fill(fill)
        if ledger.has_fill(fill.symbol, fill.trade_id):
            # A repeated event must not bring a closed position back into the portfolio.
            return False
        holding = self._holding_for(fill, row)
        if holding is None:
            return False
        if row is None and not fill.liquidation:
            own = self._own_part(holding, fill)
            if own <= 0:
                return False
            fill = part_of(fill, own)
        with ledger.atomic():
            # A trade and its position are written together: a crash between the two would leave a
            # position that nobody protects.
            return self._apply(holding, fill, row)

    def _apply(self, holding: Holding, fill: VenueFill, row: OrderRow | None) -> bool:
        client_id = row.client_id if row is not None else fill.client_id
        if not self._services.ledger.add_fill(fill, client_id, holding.row.id):
            return False
        self._portfolio.slot(fill.symbol).changes += 1
        slippage = _slippage(fill, row)
        if slippage is not None and slippage > SLIPPAGE_ALERT:
            self._services.alerts.send("slippage", order=client_id, share=f"{slippage:.2%}")
        event = self._services.emit(
            EventType.ORDER_FILLED,
            symbol=fill.symbol,
            cause=self._orders.last_event(row) if row is not None else None,
            client_id=client_id,
            trade_id=fill.trade_id,
            side=fill.side,
            price=str(fill.price),
            quantity=str(fill.quantity),
            fee=str(fill.fee),
            fee_asset=fill.fee_asset,
            slippage=slippage,
        )
        if row is not None:
            self._orders.note_event(row.client_id, event.id)
            self._update_order(row, fill)
            self._check_excess(row, event.id)
        self._updates.refresh(holding, event.id, _exit_reason(holding, row, fill))
        return True

    def _update_order(self, row: OrderRow, fill: VenueFill) -> None:
        total, average = self._services.ledger.filled_of(row.client_id)
        changes = {"filled": total, "average_price": average}
        if row.conditional and row.child_id is None:
            self._services.ledger.update_order(row.client_id, child_id=fill.order_id, **changes)
        else:
            self._services.ledger.update_order(row.client_id, **changes)

    def _check_excess(self, row: OrderRow, cause: str) -> None:
        """Say that an order bought more than its quantity: something between us sent it twice."""
        asked, total = row.quantity, self._services.ledger.filled_of(row.client_id)[0]
        # An adopted order may not say its quantity.
        if row.leg not in ENTERING_LEGS or not asked or total <= asked:
            return
        self._services.alerts.send(
            "an order traded more than its quantity: closing the excess",
            symbol=row.symbol,
            order=row.client_id,
            excess=str(total - asked),
        )
        self._services.emit(
            EventType.RISK_THRESHOLD_EXCEEDED,
            symbol=row.symbol,
            cause=cause,
            client_id=row.client_id,
            excess=str(total - asked),
        )

    def _holding_for(self, fill: VenueFill, row: OrderRow | None) -> Holding | None:
        slot = self._portfolio.slot(fill.symbol)
        if row is None or row.position_id is None:
            holding = slot.holding
            return holding if holding is not None and holding.filled else None
        if slot.holding is not None and slot.holding.row.id == row.position_id:
            return slot.holding
        stored = self._services.ledger.position(row.position_id)
        if stored is None or slot.holding is not None:
            return None
        # An abandoned entry has filled after all: the position is real and needs protection.
        slot.holding = Holding(stored)
        return slot.holding

    def _own_part(self, holding: Holding, fill: VenueFill) -> Decimal:
        """How much of a trade that no order of ours explains closed what is ours.

        Foreign quantity goes first; what makes the position larger is foreign itself.
        """
        slot, side = self._portfolio.slot(fill.symbol), holding.row.side
        if fill.trade_id in slot.foreign_trades or is_ours(fill.client_id):
            return ZERO
        if (fill.side == "SELL") == (side > 0):
            beside = min(max(slot.foreign * side, ZERO), fill.quantity)
            slot.foreign -= beside * side
            own = min(fill.quantity - beside, holding.row.quantity)
            if own <= 0:
                slot.foreign_trades.add(fill.trade_id)
            return own
        if any(not row.conditional for row in self._services.ledger.open_orders(fill.symbol)):
            # It may belong to an order of ours whose answer is not there yet.
            return ZERO
        if fill.time >= holding.row.opened_at:
            slot.foreign_trades.add(fill.trade_id)
            slot.foreign += fill.quantity * side
            reason = f"foreign trade of {fill.quantity} beside ours of {holding.row.quantity}"
            halt_symbol(self._services, self._portfolio, fill.symbol, reason)
            self._portfolio.changed(fill.symbol, None)
        return ZERO

    async def refetch(self, symbol: InstrumentId, start_ms: int) -> int:
        """Record trades that the user stream did not bring; returns how many were new."""
        new = 0
        for fill in await self._services.venue_of(symbol).trades(symbol, start_ms=start_ms):
            new += await self.take(fill, await self._row_of(fill))
        return new

    async def refetch_position(self, holding: Holding) -> int:
        """Record the missing trades of a position; returns how many there were."""
        return await self.refetch(holding.symbol, holding.row.opened_at - MINUTE_MS)

    async def settle(self, row: OrderRow) -> None:
        """Ask for an order and for its trades, when the user stream is silent about it."""
        venue = self._services.venue_of(row.symbol)
        seen = await venue.query(row.symbol, row.client_id, conditional=row.conditional)
        if seen is not None:
            await self.take_all(row, seen)

    async def take_all(self, row: OrderRow, seen: VenueOrder) -> None:
        """Record the trades of an order, then its state.

        In this order: a crash after the state alone would leave an order that looks settled, and a
        position that nobody protects.
        """
        order_id = seen.child_id if row.conditional else seen.exchange_id
        if order_id:
            await self._take_all(row, order_id)
        current = self._services.ledger.order(row.client_id)
        if current is not None:
            self._orders.on_update(current, seen)

    async def wait_settled(self, client_id: str) -> None:
        """Wait for the end of a market order, and ask when the user stream is silent about it."""
        for _ in range(SETTLE_ATTEMPTS):
            if await self._orders.wait_end(client_id, FILL_TIMEOUT_S):
                return
            row = self._services.ledger.order(client_id)
            if row is None:
                return
            try:
                await self.settle(row)
            except VenueFaultError as fault:
                log.warning("settle %s: %s", client_id, fault)
                continue
            known = self._services.ledger.order(client_id)
            if known is not None and not known.open:
                self._suspect_stream(
                    venue_of(row.symbol), f"it did not report the end of {client_id}"
                )


def _exit_reason(holding: Holding, row: OrderRow | None, fill: VenueFill) -> str:
    if row is None:
        return "liquidation" if fill.liquidation else "external"
    if row.leg is OrderLeg.STOP:
        return holding.position.protective_reason if holding.position else "stop_loss"
    if row.leg is OrderLeg.TARGET:
        return "take_profit"
    return row.reason or holding.closing or "external"


def _slippage(fill: VenueFill, row: OrderRow | None) -> float | None:
    """Share by which the fill was worse than the price at decision."""
    if row is None or not row.decision_price:
        return None
    sign = 1 if fill.side == "BUY" else -1
    return sign * (float(fill.price) / row.decision_price - 1)
