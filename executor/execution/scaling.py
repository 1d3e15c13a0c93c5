"""Scaling in and out: additions and partial exits, each an order of its own."""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from decimal import Decimal

from executor.bus.events import EventType
from executor.execution.fills import FillRecorder
from executor.execution.order_log import ticket_for
from executor.execution.order_manager import OrderManager, SendResult
from executor.model import OrderKind
from executor.portfolio.account_snapshot import AccountSnapshot
from executor.portfolio.portfolio import Holding, Portfolio
from executor.portfolio.position_state import ADDITION_LEGS, is_sized_by_risk
from executor.risk.pre_trade import AdditionRequest, RiskVerdict, check_addition
from executor.risk.trading_state import TradingState, strategy_is_off
from executor.services import Services
from trading.candles import MINUTE_MS
from trading.order_ids import OrderLeg
from trading.positions.staged_position import Action, StagedPosition

log = logging.getLogger(__name__)

REFUSED_FOR_MS = MINUTE_MS
"""Market time before a refused addition is checked again; until then the stage's stop holds."""
FAILED_FOR_MS = 1_000


Done = Callable[[Holding, str | None], None]
"""Takes the holding whose step has ended, and the cause of the step."""


@dataclass(frozen=True, slots=True)
class ScalingStep:
    """An addition or partial exit, with its size in whole steps of the exchange."""

    action: Action
    quantity: Decimal
    price: float
    cause: str | None


class Scaler:
    """Makes one step of a position at a time; the exchange's trades show that it was made."""

    def __init__(
        self,
        services: Services,
        portfolio: Portfolio,
        trading_state: TradingState,
        order_manager: OrderManager,
        fills: FillRecorder,
        account: AccountSnapshot,
        free_balance: Callable[[Holding], Awaitable[None]],
    ) -> None:
        self._services = services
        self._portfolio = portfolio
        self._trading_state = trading_state
        self._orders = order_manager
        self._fills = fills
        self._account = account
        self._free_balance = free_balance

    def begin(
        self, holding: Holding, action: Action, price: float, cause: str | None, done: Done
    ) -> bool:
        """Begin a step at the market's ``price``; False when it is not made now."""
        if holding.step is not None or holding.closing is not None:
            return True
        if self._services.clock.now_ms() < holding.not_before.get(action.reason, 0):
            return False
        if self._unsettled(holding):
            return False
        step = ScalingStep(action, self._quantity(holding, action), price, cause)
        if action.kind == "add":
            if not self._allowed(holding, step):
                return False
        elif not self._trading_state.may_close(action.reason, OrderLeg.EXIT):
            return False
        elif step.quantity <= 0:
            log.info("%s: %s is less than a step of the exchange", holding.symbol, action.reason)
            assert isinstance(holding.position, StagedPosition)
            holding.position.filled(action, 0.0, price)
            return False
        holding.step = action.reason
        work = self._run(holding, step, done)
        self._services.spawn(f"{action.reason} {holding.symbol}", work)
        return True

    def _quantity(self, holding: Holding, action: Action) -> Decimal:
        instrument = self._portfolio.instruments[holding.symbol]
        return instrument.floor_quantity(Decimal(f"{action.quantity:.10g}"))

    def _unsettled(self, holding: Holding) -> bool:
        """Whether an order of the position may still trade."""
        orders = self._services.ledger.orders_of_key(holding.row.key)
        return any(order.open and not order.conditional for order in orders)

    def _allowed(self, holding: Holding, step: ScalingStep) -> bool:
        request = AdditionRequest(
            symbol=holding.symbol,
            price=step.price,
            quantity=step.quantity,
            open_notional=holding.row.quantity * Decimal(str(holding.row.entry_price)),
            by_risk=is_sized_by_risk(holding.row),
        )
        off = strategy_is_off(self._services, self._trading_state, holding.row.strategy)
        verdict = (
            RiskVerdict(Decimal(0), (off,))
            if off
            else check_addition(
                request,
                self._account.state(holding.symbol),
                self._services.risk,
                self._portfolio.instruments[holding.symbol],
            )
        )
        if verdict.allowed:
            holding.reserved += step.quantity * Decimal(str(step.price))
            return True
        self._wait(holding, step.action, REFUSED_FOR_MS)
        self._services.emit(
            EventType.ENTRY_REFUSED,
            symbol=holding.symbol,
            cause=step.cause or holding.row.cause,
            strategy=holding.row.strategy,
            step=step.action.reason,
            reasons=list(verdict.reasons),
        )
        text = "; ".join(verdict.reasons)
        log.info("%s: %s refused: %s", holding.symbol, step.action.reason, text)
        return False

    def _wait(self, holding: Holding, action: Action, for_ms: int) -> None:
        holding.not_before[action.reason] = self._services.clock.now_ms() + for_ms

    async def _run(self, holding: Holding, step: ScalingStep, done: Done) -> None:
        adds = step.action.kind == "add"
        ticket = ticket_for(
            holding,
            ADDITION_LEGS[step.action.code] if adds else OrderLeg.EXIT,
            step.cause or holding.row.cause,
            reason=step.action.reason,
            decision_price=step.price,
        )
        side = "BUY" if (holding.row.side > 0) == adds else "SELL"
        quantity = step.quantity
        try:
            if not adds and not self._services.venue_of(holding.symbol).capabilities.reduce_only:
                await self._free_balance(holding)
            sent = await self._orders.send(ticket, side, OrderKind.MARKET, quantity=quantity)
            if sent.result is SendResult.PLACED:
                await self._fills.wait_settled(sent.client_id)
            elif sent.result is SendResult.FLAT:
                await self._fills.refetch_position(holding)
            order = self._services.ledger.order(sent.client_id)
            if order is None or not order.filled:
                self._wait(holding, step.action, REFUSED_FOR_MS if adds else FAILED_FOR_MS)
                holding.reserved = holding.row.quantity * Decimal(str(holding.row.entry_price))
        finally:
            holding.step = None
        done(holding, step.cause)
