"""Takeover: a foreign position becomes ours at an operator's word, with the stop that he names."""

from __future__ import annotations

import logging
from dataclasses import dataclass

from executor.bus.events import EventType
from executor.execution.fills import FillRecorder
from executor.execution.position_updates import PositionUpdates
from executor.ledger.records import OrderRow, PositionRow
from executor.model import ZERO, InstrumentId, OrderKind, OrderState, VenueFill, VenuePosition
from executor.portfolio.portfolio import Portfolio
from executor.portfolio.position_state import ADOPTED_STRATEGY, TAKEN_OVER
from executor.services import Services
from trading.candles import MINUTE_MS
from trading.errors import SettingsError
from trading.order_ids import ADOPTED_RELEASE, OrderLeg, format_order_id, order_key

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class _Found:
    """A foreign position: its side, and the stop that protects it from now on."""

    position: VenuePosition
    side: int
    stop: float


class ForeignTakeover:
    """Records a foreign position as if it had been entered now at its average price."""

    def __init__(
        self,
        services: Services,
        portfolio: Portfolio,
        fills: FillRecorder,
        position_updates: PositionUpdates,
    ) -> None:
        self._services = services
        self._portfolio = portfolio
        self._fills = fills
        self._updates = position_updates

    async def take(self, symbol: InstrumentId, stop: float) -> PositionRow:
        """Take the position over; its stop is placed at once.

        Raises:
            SettingsError: there is no foreign position, or the stop lies on its wrong side.
            VenueFaultError: the exchange does not answer.
        """
        found = await self._foreign(symbol, stop)
        event = self._services.emit(
            EventType.POSITION_CORRECTED,
            symbol=symbol,
            reason="taken over",
            quantity=str(found.position.quantity),
            stop=stop,
        )
        row = self._position(found, event.id)
        slot = self._portfolio.slot(symbol)
        holding = self._updates.claim(row)
        if holding is None:
            raise SettingsError(f"{symbol} was taken over within this minute already")
        slot.foreign = ZERO
        if slot.halted is not None and slot.halted.startswith("foreign"):
            slot.halted = None
        order = self._order(found, holding.row)
        self._services.ledger.add_intent(order)
        self._fills.apply(self._trade(found, order), order)
        self._services.alerts.send("foreign position taken over", symbol=symbol, stop=stop)
        return holding.row

    async def _foreign(self, symbol: InstrumentId, stop: float) -> _Found:
        if self._portfolio.holding(symbol) is not None:
            raise SettingsError(f"{symbol} has a position of ours; close it first")
        if symbol not in self._portfolio.instruments:
            raise SettingsError(f"{symbol} is not followed here; add it to a release first")
        venue = self._services.venue_of(symbol)
        position = next((p for p in await venue.positions() if p.symbol == symbol), None)
        if position is None or position.quantity == 0:
            raise SettingsError(f"there is no position in {symbol} at the exchange")
        price = await venue.last_price(symbol)
        side = 1 if position.quantity > 0 else -1
        if stop <= 0 or side * stop >= side * price:
            where = "below" if side > 0 else "above"
            raise SettingsError(f"the stop {stop:g} must lie {where} the price, now {price:g}")
        return _Found(position, side, stop)

    def _position(self, found: _Found, cause: str) -> PositionRow:
        symbol, now = found.position.symbol, self._services.clock.now_ms()
        bar = now - now % MINUTE_MS
        return PositionRow(
            id=0,
            symbol=symbol,
            strategy=ADOPTED_STRATEGY,
            side=found.side,
            status="opening",
            quantity=ZERO,
            entry_price=0.0,
            opened_at=now,
            release_id=ADOPTED_RELEASE,
            release_short=ADOPTED_RELEASE,
            key=order_key(self._services.settings.account, ADOPTED_STRATEGY, symbol, bar),
            bar_time=bar,
            params={TAKEN_OVER: True},
            atr=0.0,
            high_water=0.0,
            cause=cause,
            stop_price=found.stop,
            leverage=self._services.leverage(symbol),
            quote_asset=self._portfolio.instruments[symbol].quote_asset,
        )

    def _order(self, found: _Found, row: PositionRow) -> OrderRow:
        """The entry that was never ours: it carries the position's trade in the ledger."""
        return OrderRow(
            client_id=format_order_id(ADOPTED_RELEASE, row.key, OrderLeg.ENTRY, 0),
            key=row.key,
            leg=OrderLeg.ENTRY,
            n=0,
            symbol=row.symbol,
            strategy=row.strategy,
            release_id=row.release_id,
            bar_time=row.bar_time,
            side="BUY" if found.side > 0 else "SELL",
            kind=OrderKind.MARKET.value,
            quantity=abs(found.position.quantity),
            trigger_price=None,
            reduce_only=False,
            close_position=False,
            position_id=row.id,
            status=OrderState.FILLED,
            reason="taken over",
            cause=row.cause,
            created_at=row.opened_at,
            updated_at=row.opened_at,
        )

    def _trade(self, found: _Found, order: OrderRow) -> VenueFill:
        price = found.position.entry_price or found.position.mark_price
        return VenueFill(
            symbol=order.symbol,
            trade_id=f"taken-over-{order.key}",
            order_id="",
            side=order.side,
            price=price,
            quantity=abs(found.position.quantity),
            fee=ZERO,
            fee_asset=self._portfolio.instruments[order.symbol].quote_asset,
            realized_pnl=ZERO,
            time=order.created_at,
            client_id=order.client_id,
            fee_quote=ZERO,
        )
