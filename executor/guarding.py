"""Guarding: closing at market, the monitor of open positions, and the watch over their protection.

Three lines protect a position. Orders that rest at the exchange come first; the monitor closes
where no order can rest (trailing, day end) and where a crossed order did not fill in time; the
watch closes what could not be protected within its time.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable
from dataclasses import replace
from decimal import Decimal

from executor.book import Holding
from executor.context import Context
from executor.events import EventType
from executor.halts import Halt
from executor.intake import Intake
from executor.orders import OrderDesk, Result, Ticket
from executor.ports import OrderKind
from executor.protection import STOP_LEG, TARGET_LEG, crossed
from executor.venues.errors import VenueFaultError
from trading.candles import DAY_MS, Candle
from trading.position import Exit

log = logging.getLogger(__name__)

CLOSE_ATTEMPTS = 6
FILL_TIMEOUT_S = 3.0
MINUTE_MS = 60_000
DEAD_STOP_GRACE_S = 0.5

_LEG_AT_EXCHANGE = {
    "stop_loss": STOP_LEG,
    "emergency_stop": STOP_LEG,
    "take_profit": TARGET_LEG,
}


def ticket_for(
    holding: Holding, leg: str, cause: str | None, *, reason: str | None = None
) -> Ticket:
    """What an order of a position carries."""
    row = holding.row
    return Ticket(
        symbol=row.symbol,
        strategy=row.strategy,
        release_id=row.release_id,
        release_short=row.release_short,
        key=row.key,
        bar_time=row.bar_time,
        leg=leg,
        position_id=row.id,
        cause=cause,
        reason=reason,
    )


class Closer:
    """Closes positions at market, reduce-only, until they are flat."""

    def __init__(self, ctx: Context, desk: OrderDesk, intake: Intake) -> None:
        self._ctx = ctx
        self._desk = desk
        self._intake = intake

    def close(self, holding: Holding, reason: str, cause: str | None, leg: str = "px") -> None:
        """Begin to close; one close a position runs at a time."""
        if holding.closing is not None or holding.closed.is_set() or not holding.filled:
            return
        if not self._ctx.switches.may_close(reason, leg):
            return
        holding.closing = reason
        log.info("closing %s: %s", holding.symbol, reason)
        self._ctx.spawn(f"close {holding.symbol}", self._run(holding, reason, cause, leg))

    async def _run(self, holding: Holding, reason: str, cause: str | None, leg: str) -> None:
        try:
            for attempt in range(CLOSE_ATTEMPTS):
                if await self._once(holding, reason, cause, leg):
                    return
                await asyncio.sleep(0.2 * 2**attempt)
        finally:
            # Whatever happened, the watch may begin again.
            holding.closing = None
        self._ctx.alerts.send("position could not be closed", symbol=holding.symbol, reason=reason)
        self._ctx.emit(
            EventType.SYSTEM_ERROR, symbol=holding.symbol, error=f"close failed: {reason}"
        )

    async def _once(self, holding: Holding, reason: str, cause: str | None, leg: str) -> bool:
        if holding.closed.is_set():
            return True
        slot = self._ctx.book.slot(holding.symbol)
        ticket = ticket_for(holding, leg, cause, reason=reason)
        side = "SELL" if holding.row.side > 0 else "BUY"
        sent = await self._desk.send(ticket, side, OrderKind.MARKET, quantity=holding.row.quantity)
        if slot.last_price is not None:
            self._ctx.ledger.update_order(sent.client_id, decision_price=slot.last_price)
        if sent.result is Result.PLACED:
            await self.settle(sent.client_id)
        elif sent.result is Result.FLAT:
            await self._intake.refetch(holding.symbol, holding.row.opened_at - MINUTE_MS)
        return await _wait(holding.closed, 0.5)

    async def settle(self, client_id: str) -> None:
        """Wait for the end of a market order, and ask when the user stream is silent about it."""
        for _ in range(10):
            if await self._desk.wait_end(client_id, FILL_TIMEOUT_S):
                return
            row = self._ctx.ledger.order(client_id)
            if row is None:
                return
            try:
                await self._intake.settle(row)
            except VenueFaultError as fault:
                log.warning("settle %s: %s", client_id, fault)


class Monitor:
    """Applies the rules of `trading.position` to prices and closed candles."""

    def __init__(self, ctx: Context, closer: Closer, tick_s: float) -> None:
        self._ctx = ctx
        self._closer = closer
        self._tick_s = tick_s

    def on_price(self, symbol: str, price: float, cause: str | None) -> None:
        """A trade price; rules are applied at most every ``tick_s`` of wall time a symbol."""
        slot = self._ctx.book.slot(symbol)
        slot.last_price = price
        holding = slot.holding
        if holding is None or holding.guard is None or not holding.filled:
            return
        now = time.monotonic()
        if now - slot.last_tick < self._tick_s:
            return
        slot.last_tick = now
        self._check_resting(holding, price, cause)
        found = holding.guard.on_price(price, self._ctx.clock.now_ms())
        self._keep_high_water(holding)
        if found is not None:
            self._act(holding, found, cause)

    def on_candle(self, symbol: str, candle: Candle, cause: str) -> None:
        """A closed candle; those of the bar that decided, and before, are not the position's."""
        slot = self._ctx.book.slot(symbol)
        slot.last_price = candle.close
        holding = slot.holding
        if holding is None or holding.guard is None or not holding.filled:
            return
        if candle.open_time < holding.row.opened_at:
            return
        last_of_day = (candle.open_time + MINUTE_MS) % DAY_MS == 0
        found = holding.guard.on_candle(candle, last_of_day)
        self._keep_high_water(holding)
        if found is not None:
            self._act(holding, found, cause)

    def _keep_high_water(self, holding: Holding) -> None:
        guard = holding.guard
        if guard is None or holding.row.high_water == guard.best_price:
            return
        if guard.rules.trailing_stop > 0:
            self._ctx.ledger.update_position(holding.row.id, high_water=guard.best_price)
        holding.row = replace(holding.row, high_water=guard.best_price)

    def _act(self, holding: Holding, found: Exit, cause: str | None) -> None:
        leg = _LEG_AT_EXCHANGE.get(found.reason)
        rests = any(f"-{leg}-" in client_id for client_id in holding.resting)
        if leg is not None and rests:
            self._second_line(holding, found.reason, cause)
        else:
            self._closer.close(holding, found.reason, cause)

    def _check_resting(self, holding: Holding, price: float, cause: str | None) -> None:
        for order in holding.resting.values():
            if crossed(order, holding.row.side, price):
                target = order.kind == OrderKind.TAKE_PROFIT_MARKET
                self._second_line(holding, "take_profit" if target else "stop_loss", cause)
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
            if not await _wait(holding.closed, wait_s):
                log.warning("%s: the resting order did not fill in time", holding.symbol)
                self._closer.close(holding, reason, cause, leg="em")
        finally:
            holding.second_line = False


class Watch:
    """Independent of all else: closes a position that has no confirmed stop in time."""

    def __init__(
        self, ctx: Context, closer: Closer, ask_protection: Callable[[str, str | None], None]
    ) -> None:
        self._ctx = ctx
        self._closer = closer
        self._ask = ask_protection

    async def run(self) -> None:
        """Look twice a second until cancelled."""
        limit = self._ctx.settings.protection.confirm_within_s
        while True:
            await asyncio.sleep(min(0.5, limit / 4))
            for holding in list(self._ctx.book.holdings()):
                if not holding.filled:
                    continue
                if self._ctx.switches.halt is Halt.FLATTEN:
                    self._closer.close(holding, "flatten", None)
                elif not holding.protected:
                    self._check(holding, limit)

    def _check(self, holding: Holding, limit: float) -> None:
        if time.monotonic() - holding.since < limit:
            self._ask(holding.symbol, None)
            return
        self._ctx.alerts.send("no confirmed stop in time: closing", symbol=holding.symbol)
        self._closer.close(holding, "unprotected", holding.row.cause, leg="em")


async def _wait(event: asyncio.Event, timeout_s: float) -> bool:
    try:
        async with asyncio.timeout(timeout_s):
            await event.wait()
    except TimeoutError:
        return False
    return True


class DayGuard:
    """The daily loss limit, open profit included; deposits and withdrawals move its baseline."""

    def __init__(self, ctx: Context) -> None:
        self._ctx = ctx
        self._day = int(ctx.ledger.meta("day", "-1"))
        self._baseline = Decimal(ctx.ledger.meta("day_baseline", "0"))
        self._reached = int(ctx.ledger.meta("day_limit_reached", "-1"))

    @property
    def limit_reached(self) -> bool:
        """Whether the limit was reached today; it holds until the next day, restarts included."""
        return self._reached == self._day

    @property
    def baseline(self) -> Decimal:
        """Equity at the start of the market day."""
        return self._baseline

    def roll(self) -> None:
        """Begin a new day when market time says so; the baseline survives a restart."""
        day = self._ctx.clock.now_ms() // DAY_MS
        if day != self._day and self._ctx.book.balance.wallet > 0:
            self._day = day
            self._keep(self._ctx.book.equity)

    def transferred(self, amount: Decimal) -> None:
        """Money paid in or out is no profit or loss."""
        self._keep(self._baseline + amount)

    def _keep(self, baseline: Decimal) -> None:
        self._baseline = baseline
        self._ctx.ledger.set_meta("day", str(self._day))
        self._ctx.ledger.set_meta("day_baseline", format(baseline, "f"))

    def check(self, loss: Decimal) -> None:
        """Latch the limit for the rest of the day, and tell once that it was reached."""
        limit = self._ctx.settings.risk.daily_loss_limit
        if loss >= limit and not self.limit_reached:
            self._reached = self._day
            self._ctx.ledger.set_meta("day_limit_reached", str(self._day))
            self._ctx.emit(EventType.DAILY_LOSS_LIMIT_REACHED, loss=f"{loss:.4f}", limit=str(limit))
            self._ctx.alerts.send("daily loss limit reached", loss=f"{loss:.2%}")
