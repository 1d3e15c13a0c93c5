"""The stager: averaging steps and part sales, each as an order of its own."""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import replace
from decimal import Decimal

from executor.bus.events import EventType
from executor.context import Context
from executor.execution.closer import Closer, ticket_for
from executor.execution.order_manager import OrderManager, SendResult
from executor.model import OrderKind
from executor.portfolio.account_snapshot import AccountSnapshot
from executor.portfolio.portfolio import Holding
from executor.portfolio.position_state import ADDITION_LEGS
from executor.risk.pre_trade import AdditionRequest, check_addition
from trading.candles import MINUTE_MS
from trading.positions.staged_position import Action, StagedPosition

log = logging.getLogger(__name__)

PART_LEG = "px"
REFUSED_FOR_MS = MINUTE_MS
"""Market time after which a refused addition is judged anew; until then the stage's stop holds."""
FAILED_FOR_MS = 1_000


class Scaler:
    """Makes one step of a position at a time; the exchange's trades say that it was made."""

    def __init__(
        self, ctx: Context, order_manager: OrderManager, closer: Closer, account: AccountSnapshot
    ) -> None:
        self._ctx = ctx
        self._orders = order_manager
        self._closer = closer
        self._account = account
        self.done: Callable[[Holding, str | None], None] = lambda _holding, _cause: None

    def begin(
        self,
        holding: Holding,
        position: StagedPosition,
        action: Action,
        price: float,
        cause: str | None,
    ) -> bool:
        """Begin a step; False when it is not made now. ``price`` is the market's."""
        if holding.step is not None or holding.closing is not None:
            return True
        if self._ctx.clock.now_ms() < holding.not_before.get(action.reason, 0):
            return False
        if self._unsettled(holding):
            return False
        instrument = self._ctx.portfolio.instruments[holding.symbol]
        quantity = instrument.floor_quantity(Decimal(f"{action.quantity:.10g}"))
        if action.kind == "add":
            if not self._allowed(holding, action, quantity, price, cause):
                return False
        elif not self._ctx.trading_state.may_close(action.reason, PART_LEG):
            return False
        elif quantity <= 0:
            log.info("%s: %s is less than a step of the exchange", holding.symbol, action.reason)
            position.filled(action, 0.0, price)
            return False
        holding.step = action.reason
        work = self._run(holding, action, quantity, price, cause)
        self._ctx.spawn(f"{action.reason} {holding.symbol}", work)
        return True

    def _unsettled(self, holding: Holding) -> bool:
        """Whether an order of the position may still trade: what it does is waited for."""
        orders = self._ctx.ledger.orders_of_key(holding.row.key)
        return any(order.open and not order.conditional for order in orders)

    def _allowed(
        self, holding: Holding, action: Action, quantity: Decimal, price: float, cause: str | None
    ) -> bool:
        request = AdditionRequest(
            symbol=holding.symbol,
            price=price,
            quantity=quantity,
            held=holding.row.quantity * Decimal(str(holding.row.entry_price)),
        )
        verdict = check_addition(
            request,
            self._account.state(holding.symbol),
            self._ctx.settings.risk,
            self._ctx.portfolio.instruments[holding.symbol],
        )
        if verdict.allowed:
            holding.reserved += quantity * Decimal(str(price))
            return True
        self._wait(holding, action, REFUSED_FOR_MS)
        self._ctx.emit(
            EventType.ENTRY_REFUSED,
            symbol=holding.symbol,
            cause=cause or holding.row.cause,
            strategy=holding.row.strategy,
            step=action.reason,
            reasons=list(verdict.reasons),
        )
        text = "; ".join(verdict.reasons)
        log.info("%s: %s refused: %s", holding.symbol, action.reason, text)
        return False

    def _wait(self, holding: Holding, action: Action, for_ms: int) -> None:
        holding.not_before[action.reason] = self._ctx.clock.now_ms() + for_ms

    async def _run(
        self, holding: Holding, action: Action, quantity: Decimal, price: float, cause: str | None
    ) -> None:
        adds = action.kind == "add"
        leg = ADDITION_LEGS[action.code] if adds else PART_LEG
        ticket = ticket_for(holding, leg, cause or holding.row.cause, reason=action.reason)
        ticket = replace(ticket, decision_price=price)
        side = "BUY" if (holding.row.side > 0) == adds else "SELL"
        try:
            sent = await self._orders.send(ticket, side, OrderKind.MARKET, quantity=quantity)
            if sent.result is SendResult.PLACED:
                await self._closer.settle(sent.client_id)
            elif sent.result is SendResult.FLAT:
                await self._closer.refetch(holding)
            order = self._ctx.ledger.order(sent.client_id)
            if order is None or not order.filled:
                self._wait(holding, action, REFUSED_FOR_MS if adds else FAILED_FOR_MS)
                holding.reserved = holding.row.quantity * Decimal(str(holding.row.entry_price))
        finally:
            holding.step = None
        self.done(holding, cause)
