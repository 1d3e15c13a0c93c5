"""The exit monitor: the exit rules of `trading` applied to prices and closed candles."""

from __future__ import annotations

import logging
from dataclasses import replace

from executor.bus.events import ClosedCandle, Event, PriceUpdate
from executor.execution.closer import Closer
from executor.execution.scaling import Scaler
from executor.model import InstrumentId, OrderKind
from executor.portfolio.portfolio import Holding, Portfolio
from executor.portfolio.position_state import OpenPosition, overdue
from executor.protection.stop_plan import crossed
from executor.services import Services
from trading.candles import MINUTE_MS, Candle
from trading.order_ids import OrderLeg
from trading.positions.position import Exit, Position
from trading.positions.staged_position import Action

log = logging.getLogger(__name__)

_LEG_AT_EXCHANGE = {
    "stop_loss": OrderLeg.STOP,
    "emergency_stop": OrderLeg.STOP,
    "liquidation_guard": OrderLeg.STOP,
    "take_profit": OrderLeg.TARGET,
}


class ExitMonitor:
    """Applies the rules of `trading.positions.position` to prices and closed candles."""

    def __init__(
        self,
        services: Services,
        portfolio: Portfolio,
        closer: Closer,
        scaler: Scaler,
        tick_s: float,
    ) -> None:
        self._services = services
        self._portfolio = portfolio
        self._closer = closer
        self._scaler = scaler
        self._tick_ms = int(tick_s * 1000)

    def on_price_updated(self, event: Event[PriceUpdate]) -> None:
        """Handle a price event."""
        self.on_price(event.symbol, event.payload.price, event.id)

    def on_candle_closed(self, event: Event[ClosedCandle]) -> None:
        """Handle a candle event."""
        self.on_candle(event.symbol, event.payload.candle, event.id)

    def on_price(self, symbol: InstrumentId, price: float, cause: str | None) -> None:
        """Apply the rules to a price, at most every ``tick_s`` of market time per symbol."""
        slot = self._portfolio.slot(symbol)
        slot.last_price = price
        holding = slot.holding
        if holding is None or holding.position is None or not holding.filled:
            return
        now = self._services.clock.now_ms()
        if slot.last_tick is not None and now - slot.last_tick < self._tick_ms:
            return
        slot.last_tick = now
        self._check_resting(holding, holding.position, price, cause)
        self._look(holding, price, now, cause)

    def on_candle(self, symbol: InstrumentId, candle: Candle, cause: str) -> None:
        """Apply the rules to a closed candle; one that opened before the entry says nothing."""
        slot = self._portfolio.slot(symbol)
        slot.last_price = candle.close
        holding = slot.holding
        if holding is None or holding.position is None or not holding.filled:
            return
        if candle.open_time < holding.row.opened_at:
            holding.best_at_open = holding.position.best_price
            return
        missed = self._missed(holding, holding.position, candle)
        holding.best_at_open = holding.position.best_price
        if missed is not None:
            self._act(holding, missed, cause)
        else:
            self._look(holding, candle.close, candle.open_time + MINUTE_MS, cause)
        self._keep_high_water(holding)

    def _missed(
        self, holding: Holding, position: OpenPosition, candle: Candle
    ) -> Exit | Action | None:
        """The exit that the candle's extremes call for, if its prices did not come one by one.

        The extremes are past: no part is traded at them, and they say nothing if the levels changed
        within the candle. The candle's own profit does not trail what came before it.
        """
        best = holding.best_at_open
        if holding.changed_at == candle.open_time == holding.row.opened_at:
            best = holding.row.entry_price
        elif best is None or holding.changed_at > candle.open_time:
            return None
        seen, position.best_price = position.best_price, best
        found: Exit | Action | None = None
        extremes = (candle.low, candle.high) if position.side > 0 else (candle.high, candle.low)
        for price in extremes:
            found = position.on_price(price, candle.open_time)
            if isinstance(found, Exit) or (found is not None and found.kind == "close"):
                break
            found = None
        position.best_price = position.side * max(
            position.side * seen, position.side * position.best_price
        )
        return found

    def _look(self, holding: Holding, price: float, now: int, cause: str | None) -> None:
        position = holding.position
        assert position is not None
        found: Exit | Action | None = position.on_price(price, now)
        self._keep_high_water(holding)
        if found is None:
            return
        if isinstance(position, Position) or not isinstance(found, Action) or found.kind == "close":
            self._act(holding, found, cause)
        elif not self._scaler.begin(holding, found, price, cause, self._look_after_step):
            # A step that cannot be made now must not delay an exit by time.
            late = overdue(holding.row, position.rules, now)
            if late:
                self._closer.close(holding, late, cause)

    def _look_after_step(self, holding: Holding, cause: str | None) -> None:
        """Look again after a step: the same price may call for another."""
        price = self._portfolio.slot(holding.symbol).last_price
        if price is not None and holding.filled and not holding.closed.is_set():
            self._look(holding, price, self._services.clock.now_ms(), cause)

    def _keep_high_water(self, holding: Holding) -> None:
        position = holding.position
        if position is None or holding.row.high_water == position.best_price:
            return
        if position.rules.trailing_stop > 0:
            self._services.ledger.update_position(holding.row.id, high_water=position.best_price)
        holding.row = replace(holding.row, high_water=position.best_price)

    def _act(self, holding: Holding, found: Exit | Action, cause: str | None) -> None:
        # Only the exchange liquidates: a price at that level is the last moment to close.
        reason = "liquidation_guard" if found.reason == "liquidation" else found.reason
        leg = _LEG_AT_EXCHANGE.get(reason)
        if leg is not None and holding.rests(leg):
            self._second_line(holding, reason, cause)
        else:
            self._closer.close(holding, reason, cause)

    def _check_resting(
        self, holding: Holding, position: OpenPosition, price: float, cause: str | None
    ) -> None:
        for order in holding.resting.values():
            if crossed(order, holding.row.side, price):
                target = order.kind == OrderKind.TAKE_PROFIT_MARKET
                reason = "take_profit" if target else position.protective_reason
                self._second_line(holding, reason, cause)
                return

    def _second_line(self, holding: Holding, reason: str, cause: str | None) -> None:
        """Give the exchange's order time to fill, then look again."""
        if holding.second_line:
            return
        holding.second_line = True
        self._services.spawn(
            f"second line {holding.symbol}", self._look_again(holding, reason, cause)
        )

    async def _look_again(self, holding: Holding, reason: str, cause: str | None) -> None:
        try:
            wait_s = self._services.settings.protection.second_line_after_s
            if not await holding.wait_closed(wait_s):
                log.warning("%s: the resting order did not fill in time", holding.symbol)
                self._closer.close(holding, reason, cause, leg=OrderLeg.EMERGENCY)
        finally:
            holding.second_line = False
