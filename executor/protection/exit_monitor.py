"""The monitor: the rules of `trading` applied to prices and closed candles of what is open."""

from __future__ import annotations

import logging
from dataclasses import replace

from executor.context import Context
from executor.execution.closer import Closer, wait_for
from executor.execution.scaling import Scaler
from executor.model import OrderKind
from executor.portfolio.portfolio import Holding
from executor.portfolio.position_state import OpenPosition, overdue
from executor.protection.stop_plan import STOP_LEG, TARGET_LEG, crossed
from trading.candles import MINUTE_MS, Candle
from trading.positions.position import Exit, Position
from trading.positions.staged_position import Action

log = logging.getLogger(__name__)

_LEG_AT_EXCHANGE = {
    "stop_loss": STOP_LEG,
    "emergency_stop": STOP_LEG,
    "liquidation_guard": STOP_LEG,
    "take_profit": TARGET_LEG,
}


class ExitMonitor:
    """Applies the rules of `trading.positions.position` to prices and closed candles."""

    def __init__(self, ctx: Context, closer: Closer, scaler: Scaler, tick_s: float) -> None:
        self._ctx = ctx
        self._closer = closer
        self._scaler = scaler
        self._tick_ms = int(tick_s * 1000)
        scaler.done = self._again

    def on_price(self, symbol: str, price: float, cause: str | None) -> None:
        """A trade price; rules are applied at most every ``tick_s`` of market time a symbol."""
        slot = self._ctx.portfolio.slot(symbol)
        slot.last_price = price
        holding = slot.holding
        if holding is None or holding.position is None or not holding.filled:
            return
        now = self._ctx.clock.now_ms()
        if slot.last_tick is not None and now - slot.last_tick < self._tick_ms:
            return
        slot.last_tick = now
        self._check_resting(holding, holding.position, price, cause)
        self._look(holding, price, now, cause)

    def on_candle(self, symbol: str, candle: Candle, cause: str) -> None:
        """A closed candle; those of the bar that decided, and before, are not the position's."""
        slot = self._ctx.portfolio.slot(symbol)
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
        """What the candle's extremes should have closed, if its prices did not come one by one.

        They are past: no part is traded at them, and they say nothing where the levels have changed
        within the candle. What it has won itself protects nothing of what came before.
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
        elif not self._scaler.begin(holding, position, found, price, cause):
            # A step that cannot be made now must not hold up what the clock asks for.
            late = overdue(holding.row, position.rules, now)
            if late:
                self._closer.close(holding, late, cause)

    def _again(self, holding: Holding, cause: str | None) -> None:
        """A step was made: the price that led to it may ask for more."""
        price = self._ctx.portfolio.slot(holding.symbol).last_price
        if price is not None and holding.filled and not holding.closed.is_set():
            self._look(holding, price, self._ctx.clock.now_ms(), cause)

    def _keep_high_water(self, holding: Holding) -> None:
        position = holding.position
        if position is None or holding.row.high_water == position.best_price:
            return
        if position.rules.trailing_stop > 0:
            self._ctx.ledger.update_position(holding.row.id, high_water=position.best_price)
        holding.row = replace(holding.row, high_water=position.best_price)

    def _act(self, holding: Holding, found: Exit | Action, cause: str | None) -> None:
        # Nobody but the exchange liquidates: a price at that level is the last moment to close.
        reason = "liquidation_guard" if found.reason == "liquidation" else found.reason
        leg = _LEG_AT_EXCHANGE.get(reason)
        rests = any(f"-{leg}-" in client_id for client_id in holding.resting)
        if leg is not None and rests:
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
        """The exchange's order should fire by itself; look again a little later."""
        if holding.second_line:
            return
        holding.second_line = True
        self._ctx.spawn(f"second line {holding.symbol}", self._look_again(holding, reason, cause))

    async def _look_again(self, holding: Holding, reason: str, cause: str | None) -> None:
        try:
            wait_s = self._ctx.settings.protection.second_line_after_s
            if not await wait_for(holding.closed, wait_s):
                log.warning("%s: the resting order did not fill in time", holding.symbol)
                self._closer.close(holding, reason, cause, leg="em")
        finally:
            holding.second_line = False
