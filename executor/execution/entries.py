"""Entries: a signal to enter becomes a position, if the limits allow it."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from dataclasses import replace
from decimal import Decimal
from functools import lru_cache
from typing import Any

import orjson

from executor.bus.events import Event, EventType
from executor.execution.entry_check import EntryCheck
from executor.execution.fills import FillRecorder
from executor.execution.order_log import Ticket, ticket_for
from executor.execution.order_manager import OrderManager, SendResult
from executor.execution.position_updates import PositionUpdates
from executor.ledger.records import PositionRow
from executor.model import ZERO, InstrumentId, OrderKind, OrderState
from executor.portfolio.portfolio import Holding, Portfolio
from executor.portfolio.position_state import KNOWN_SETS, Items, exit_rules_of
from executor.services import Services
from executor.strategy.forecasts import ForecastEffect
from executor.strategy.signal import Signal
from executor.venues.faults import Rejected, VenueFaultError
from trading.candles import DAY_MS
from trading.order_ids import OrderLeg
from trading.positions.exit_rules import dynamic_leverage

log = logging.getLogger(__name__)

ENTRY_ATTEMPTS = 2
"""A dead entry is tried once more; for a third attempt its price is too old."""


class EntryHandler:
    """Handles signals to enter."""

    def __init__(
        self,
        services: Services,
        portfolio: Portfolio,
        check: EntryCheck,
        order_manager: OrderManager,
        fills: FillRecorder,
        position_updates: PositionUpdates,
        effect_on: Callable[[Signal], ForecastEffect],
    ) -> None:
        """``effect_on`` says what a forecast changes in an entry."""
        self._services = services
        self._portfolio = portfolio
        self._check = check
        self._orders = order_manager
        self._fills = fills
        self._updates = position_updates
        self._effect_on = effect_on

    def on_signal(self, event: Event[Signal]) -> None:
        """Enter, or write why not."""
        signal = event.payload
        if signal.action != "enter":
            return
        effect = self._effect_on(signal)
        row = self._position_of(event, effect)
        verdict = self._check.evaluate(event, row, effect)
        if not verdict.allowed:
            self._services.emit(
                EventType.ENTRY_REFUSED,
                symbol=signal.symbol,
                cause=event.id,
                strategy=signal.strategy,
                reasons=list(verdict.reasons),
            )
            log.info("%s: entry refused: %s", signal.symbol, "; ".join(verdict.reasons))
            self._say_off(signal.symbol, verdict.failures)
            return
        holding = self._updates.claim(row)
        if holding is not None:
            price = self._portfolio.slot(signal.symbol).last_price or signal.price
            holding.reserved = verdict.quantity * Decimal(str(price))
            ticket = ticket_for(holding, OrderLeg.ENTRY, event.id, decision_price=signal.price)
            ticket = replace(ticket, risk=verdict.risk, decided_at=time.monotonic())
            holding.preparing = True
            entry = self._enter(holding, ticket, verdict.quantity)
            self._services.spawn(f"entry {signal.symbol}", entry)

    def _say_off(self, symbol: InstrumentId, failures: tuple[str, ...]) -> None:
        """Say once a day and instrument that its failures have ended its entries."""
        name, day = f"off_said:{symbol}", str(self._services.clock.now_ms() // DAY_MS)
        if not failures or self._services.ledger.meta(name) == day:
            return
        self._services.ledger.set_meta(name, day)
        self._services.alerts.send(
            "entries off until tomorrow", symbol=symbol, why="; ".join(failures)
        )

    async def _leverage_set(self, holding: Holding) -> bool:
        """Make the exchange's leverage that of the entry; without it, nothing is sent."""
        slot, wanted = self._portfolio.slot(holding.symbol), holding.row.leverage
        venue = self._services.venue_of(holding.symbol)
        if slot.leverage == wanted or not venue.capabilities.margin:
            return True
        try:
            await venue.set_leverage(holding.symbol, wanted)
        except VenueFaultError as fault:
            if not isinstance(fault, Rejected):
                # It may have been set: the next entry sets its own.
                slot.leverage = 0
            reason = f"leverage {wanted} could not be set: {fault}"
            self._services.emit(
                EventType.ENTRY_REFUSED,
                symbol=holding.symbol,
                cause=holding.row.cause,
                strategy=holding.row.strategy,
                reasons=[reason],
            )
            log.warning("%s: entry refused: %s", holding.symbol, reason)
            return False
        slot.leverage = wanted
        return True

    async def _enter(self, holding: Holding, ticket: Ticket, quantity: Decimal) -> None:
        side = "BUY" if holding.row.side > 0 else "SELL"
        try:
            ready = await self._leverage_set(holding)
        finally:
            holding.preparing = False
        if not ready:
            self._updates.abandon(holding)
            return
        for _ in range(ENTRY_ATTEMPTS):
            if holding.closed.is_set():
                # Given up meanwhile: the symbol is no longer this entry's.
                return
            sent = await self._orders.send(ticket, side, OrderKind.MARKET, quantity=quantity)
            if sent.result is SendResult.PLACED:
                await self._fills.wait_settled(sent.client_id)
                break
            known = self._services.ledger.order(sent.client_id)
            if (
                known is None
                or known.status is not OrderState.DEAD
                or not await self._may_repeat(ticket)
            ):
                break
            # The price was looked at again: that is a new decision.
            ticket = replace(ticket, decided_at=None)
        self._updates.abandon(holding)

    async def _may_repeat(self, ticket: Ticket) -> bool:
        """Whether a dead entry may be tried again: it left no position, and its price holds."""
        slot = self._portfolio.slot(ticket.symbol)
        decided = ticket.decision_price
        if slot.last_price is not None and decided:
            moved = abs(slot.last_price / decided - 1)
            if moved > float(self._services.settings.risk.max_price_deviation):
                log.info(
                    "%s: no second attempt, the price moved %.2f %%", ticket.symbol, moved * 100
                )
                return False
        try:
            held = await self._services.venue_of(ticket.symbol).positions()
        except VenueFaultError as fault:
            log.warning("%s: no second attempt: %s", ticket.symbol, fault)
            return False
        return all(position.symbol != ticket.symbol for position in held)

    def _leverage(self, signal: Signal, swing: float) -> int:
        """The account's leverage, or one that follows the volatility where a strategy wants it.

        ``swing`` is the move of the price that it follows, NaN if unknown.
        """
        services, symbol = self._services, signal.symbol
        rules = exit_rules_of(signal.strategy, signal.params)
        if not rules.target_volatility or not services.venue_of(symbol).capabilities.margin:
            return services.leverage(symbol)
        most = min(rules.leverage, services.settings.venue_of(symbol).max_leverage)
        return int(dynamic_leverage(swing, signal.price, rules.target_volatility, most))

    def _position_of(self, event: Event[Signal], effect: ForecastEffect) -> PositionRow:
        """The position that a signal would open."""
        signal = event.payload
        instrument = self._portfolio.instruments.get(signal.symbol)
        return PositionRow(
            id=0,
            symbol=signal.symbol,
            strategy=signal.strategy,
            side=signal.side,
            status="opening",
            quantity=ZERO,
            entry_price=0.0,
            opened_at=event.time,
            release_id=signal.release_id,
            release_short=signal.release_short,
            key=signal.key,
            bar_time=signal.bar_time,
            params=_as_stored(tuple(signal.params.items())),
            atr=effect.atr if effect.atr > 0.0 else 0.0,
            high_water=0.0,
            cause=event.id,
            stop_price=signal.levels.stop,
            target_price=signal.levels.target,
            confidence=signal.confidence,
            leverage=self._leverage(signal, effect.swing),
            quote_asset=instrument.quote_asset if instrument is not None else "",
        )


@lru_cache(maxsize=KNOWN_SETS)
def _as_stored(params: Items) -> dict[str, Any]:
    """Parameters as the ledger gives them back after a restart; nobody changes them."""
    return dict(orjson.loads(orjson.dumps(dict(params), default=str)))
