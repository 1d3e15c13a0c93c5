"""What the exchange reports about orders and trades, applied to the ledger and the portfolio.

User events are taken one after the other. Trades come from them or from the trade list, never from
an order's answer, and count once by (symbol, trade id).
"""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from decimal import Decimal

from executor.bus.events import EventType
from executor.context import Context
from executor.execution.order_manager import OrderManager
from executor.execution.position_updates import PositionUpdates, Watcher
from executor.ledger.records import OrderRow
from executor.model import (
    AccountUpdate,
    AlgoUpdate,
    Balance,
    OrderUpdate,
    UserEvent,
    VenueFill,
    VenueOrder,
)
from executor.portfolio.portfolio import Holding, Portfolio
from executor.protection.stop_plan import STOP_LEG
from trading.order_ids import is_ours

log = logging.getLogger(__name__)

SLIPPAGE_ALERT = 0.005
TRANSFERS = frozenset(
    {
        "DEPOSIT",
        "WITHDRAW",
        "WITHDRAW_REJECT",
        "ADMIN_DEPOSIT",
        "ADMIN_WITHDRAW",
        "ASSET_TRANSFER",
        "COIN_SWAP_DEPOSIT",
        "COIN_SWAP_WITHDRAW",
    }
)
"""Reasons of an account update that are no profit or loss."""
LIQUIDATION_PREFIXES = ("autoclose-", "adl_autoclose", "settlement_autoclose-")


class ExecutionReports:
    """Applies user events and trades; tells who guards positions what has changed."""

    def __init__(
        self,
        ctx: Context,
        order_manager: OrderManager,
        position_updates: PositionUpdates,
        watcher: Watcher,
    ) -> None:
        self._ctx = ctx
        self._orders = order_manager
        self._updates = position_updates
        self._watcher = watcher
        self._queue: asyncio.Queue[UserEvent] = asyncio.Queue()
        self._newest_account = 0
        # Transfers count by their change: one that is told twice would move the baseline twice.
        self._transfers: deque[tuple[int, Decimal | None, Decimal]] = deque(maxlen=100)

    @property
    def _portfolio(self) -> Portfolio:
        return self._ctx.portfolio

    def push(self, event: UserEvent) -> None:
        """Queue a user event."""
        self._ctx.activity.begin("user event")
        self._queue.put_nowait(event)

    async def run(self) -> None:
        """Take user events until cancelled."""
        while True:
            event = await self._queue.get()
            try:
                await self._take(event)
            except Exception as error:
                # One event that cannot be applied is repaired by the next reconciliation.
                log.exception("user event not applied: %r", event)
                self._ctx.emit(EventType.SYSTEM_ERROR, task="intake", error=repr(error))
            finally:
                self._ctx.activity.end("user event")

    async def _take(self, event: UserEvent) -> None:
        if isinstance(event, OrderUpdate):
            await self._order(event.order, event.fill)
        elif isinstance(event, AlgoUpdate):
            self._algo(event)
        elif isinstance(event, AccountUpdate):
            self._account(event)

    def _account(self, event: AccountUpdate) -> None:
        if event.wallet is not None and event.event_time >= self._newest_account:
            self._newest_account = event.event_time
            moved = event.wallet - self._portfolio.balance.wallet
            self._portfolio.balance = Balance(
                event.wallet, self._portfolio.balance.available + moved
            )
        transfer = (event.event_time, event.wallet, event.change)
        if event.reason in TRANSFERS and transfer not in self._transfers:
            self._transfers.append(transfer)
            self._watcher.transferred(event.change)

    def _algo(self, event: AlgoUpdate) -> None:
        order = event.order
        row = self._ctx.ledger.order(order.client_id)
        if row is None:
            return
        self._orders.on_update(row, order)
        holding = self._portfolio.holding(row.symbol)
        if not order.terminal or holding is None or holding.row.key != row.key:
            return
        holding.resting.pop(order.client_id, None)
        stopped = any(name for name in holding.resting if f"-{STOP_LEG}-" in name)
        died = order.status in ("REJECTED", "EXPIRED") or (
            order.status == "FINISHED" and not order.filled
        )
        if (died or order.status == "CANCELED") and not stopped:
            # The watch counts from now on, whoever else fails to look.
            holding.mark_unprotected()
        if died and holding.filled:
            self._watcher.stop_died(holding, f"{order.status} {event.reason}".strip())
        elif order.status == "CANCELED":
            self._watcher.changed(row.symbol, None)

    async def _order(self, order: VenueOrder, fill: VenueFill | None) -> None:
        row = await self._row_of(order.symbol, order.client_id, order.exchange_id)
        if fill is not None:
            self.apply(fill, row)
        if row is not None:
            self._orders.on_update(row, order)

    async def _row_of(self, symbol: str, client_id: str, exchange_id: str) -> OrderRow | None:
        """Our order behind an id, also when the exchange gave a child order a name of its own."""
        ledger = self._ctx.ledger
        row = ledger.order(client_id) if is_ours(client_id) else None
        row = row or ledger.order_by_exchange_id(symbol, exchange_id)
        holding = self._portfolio.holding(symbol)
        if row is not None or holding is None or client_id.startswith(LIQUIDATION_PREFIXES):
            return row
        for wanted in ledger.open_orders(symbol):
            if not wanted.conditional:
                continue
            seen = await self._ctx.venue.query(symbol, wanted.client_id, conditional=True)
            if seen is not None and seen.child_id == exchange_id:
                ledger.update_order(wanted.client_id, child_id=exchange_id)
                return ledger.order(wanted.client_id)
        return None

    def apply(self, fill: VenueFill, row: OrderRow | None) -> bool:
        """Book one trade; False when it is known already or belongs to nothing of ours."""
        if self._ctx.ledger.has_fill(fill.symbol, fill.trade_id):
            # An event that comes twice must not bring a closed position back into the book.
            return False
        holding = self._holding_for(fill, row)
        if holding is None:
            return False
        with self._ctx.ledger.atomic():
            # A trade and the position that it changes are written together: a crash between the two
            # would leave a position that nobody guards.
            return self._apply(holding, fill, row)

    def _apply(self, holding: Holding, fill: VenueFill, row: OrderRow | None) -> bool:
        client_id = row.client_id if row is not None else fill.client_id
        if not self._ctx.ledger.add_fill(fill, client_id, holding.row.id):
            return False
        self._portfolio.slot(fill.symbol).changes += 1
        slippage = _slippage(fill, row)
        if slippage is not None and slippage > SLIPPAGE_ALERT:
            self._ctx.alerts.send("slippage", order=client_id, share=f"{slippage:.2%}")
        event = self._ctx.emit(
            EventType.ORDER_FILLED,
            symbol=fill.symbol,
            cause=self._orders.last_event(row) if row is not None else None,
            client_id=client_id,
            trade_id=fill.trade_id,
            side=fill.side,
            price=str(fill.price),
            quantity=str(fill.quantity),
            fee=str(fill.fee),
            slippage=slippage,
        )
        if row is not None:
            self._orders.note_event(row.client_id, event.id)
            self._book_order(row, fill)
        self._updates.refresh(holding, event.id, _exit_reason(holding, row, fill))
        return True

    def _book_order(self, row: OrderRow, fill: VenueFill) -> None:
        total, average = self._ctx.ledger.filled_of(row.client_id)
        changes = {"filled": total, "average_price": average}
        if row.conditional and row.child_id is None:
            self._ctx.ledger.update_order(row.client_id, child_id=fill.order_id, **changes)
        else:
            self._ctx.ledger.update_order(row.client_id, **changes)

    def _holding_for(self, fill: VenueFill, row: OrderRow | None) -> Holding | None:
        slot = self._portfolio.slot(fill.symbol)
        if row is None or row.position_id is None:
            holding = slot.holding
            opposite = holding is not None and (fill.side == "SELL") == (holding.row.side > 0)
            return holding if opposite else None
        if slot.holding is not None and slot.holding.row.id == row.position_id:
            return slot.holding
        stored = self._ctx.ledger.position(row.position_id)
        if stored is None or slot.holding is not None:
            return None
        # An entry that was given up has filled after all: the position is real and must be guarded.
        slot.holding = Holding(stored)
        return slot.holding

    async def refetch(self, symbol: str, start_ms: int) -> int:
        """Book trades that the user stream did not bring; returns how many were new."""
        new = 0
        for fill in await self._ctx.venue.trades(symbol, start_ms=start_ms):
            row = await self._row_of(symbol, fill.client_id, fill.order_id)
            new += self.apply(fill, row)
        return new

    async def settle(self, row: OrderRow) -> None:
        """Ask for an order and for its trades, when the user stream is silent about it."""
        seen = await self._ctx.venue.query(row.symbol, row.client_id, conditional=row.conditional)
        if seen is None:
            return
        order_id = seen.child_id if row.conditional else seen.exchange_id
        if order_id:
            for fill in await self._ctx.venue.trades(row.symbol, order_id=order_id):
                self.apply(fill, row)
        current = self._ctx.ledger.order(row.client_id)
        if current is not None:
            self._orders.on_update(current, seen)


def _exit_reason(holding: Holding, row: OrderRow | None, fill: VenueFill) -> str:
    if row is None:
        liquidated = fill.client_id.startswith(LIQUIDATION_PREFIXES)
        return "liquidation" if liquidated else "external"
    if row.leg == "sl":
        return holding.position.protective_reason if holding.position else "stop_loss"
    if row.leg == "tp":
        return "take_profit"
    return row.reason or holding.closing or "external"


def _slippage(fill: VenueFill, row: OrderRow | None) -> float | None:
    """Share by which the fill was worse than the price at decision."""
    if row is None or not row.decision_price:
        return None
    sign = 1 if fill.side == "BUY" else -1
    return sign * (float(fill.price) / row.decision_price - 1)
