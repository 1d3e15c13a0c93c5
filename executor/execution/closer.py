"""Guarding: closing at market, and the watch over the protection of what is open.

Three lines protect a position. Orders that rest at the exchange come first;
`executor.protection.exit_monitor` closes where no order can rest (trailing, day end) and where a
crossed order did not fill in time; the watch closes what could not be protected within its time.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable

from executor.bus.events import EventType
from executor.context import Context
from executor.execution.execution_reports import ExecutionReports
from executor.execution.order_log import Ticket
from executor.execution.order_manager import OrderManager, SendResult
from executor.model import OrderKind
from executor.portfolio.portfolio import Holding
from executor.risk.trading_state import TradingMode
from executor.venues.faults import VenueFaultError
from trading.candles import MINUTE_MS

log = logging.getLogger(__name__)

CLOSE_ATTEMPTS = 6
FILL_TIMEOUT_S = 3.0
DEAD_STOP_GRACE_S = 0.5


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

    def __init__(
        self, ctx: Context, order_manager: OrderManager, execution_reports: ExecutionReports
    ) -> None:
        self._ctx = ctx
        self._orders = order_manager
        self._reports = execution_reports

    def close(self, holding: Holding, reason: str, cause: str | None, leg: str = "px") -> None:
        """Begin to close; one close a position runs at a time."""
        if holding.closing is not None or holding.closed.is_set() or not holding.filled:
            return
        if not self._ctx.trading_state.may_close(reason, leg):
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
        slot = self._ctx.portfolio.slot(holding.symbol)
        ticket = ticket_for(holding, leg, cause, reason=reason)
        side = "SELL" if holding.row.side > 0 else "BUY"
        sent = await self._orders.send(
            ticket, side, OrderKind.MARKET, quantity=holding.row.quantity
        )
        if slot.last_price is not None:
            self._ctx.ledger.update_order(sent.client_id, decision_price=slot.last_price)
        if sent.result is SendResult.PLACED:
            await self.settle(sent.client_id)
        elif sent.result is SendResult.FLAT:
            await self.refetch(holding)
        return await wait_for(holding.closed, 0.5)

    async def refetch(self, holding: Holding) -> None:
        """Book the trades of a position that the user stream did not bring."""
        await self._reports.refetch(holding.symbol, holding.row.opened_at - MINUTE_MS)

    async def settle(self, client_id: str) -> None:
        """Wait for the end of a market order, and ask when the user stream is silent about it."""
        for _ in range(10):
            if await self._orders.wait_end(client_id, FILL_TIMEOUT_S):
                return
            row = self._ctx.ledger.order(client_id)
            if row is None:
                return
            try:
                await self._reports.settle(row)
            except VenueFaultError as fault:
                log.warning("settle %s: %s", client_id, fault)
                continue
            known = self._ctx.ledger.order(client_id)
            if known is not None and not known.open:
                self._ctx.user_stream_failed(f"it did not tell the end of {client_id}")


class Watchdog:
    """Independent of all else: closes a position that has no confirmed stop in time."""

    def __init__(
        self, ctx: Context, closer: Closer, ask_protection: Callable[[str, str | None], None]
    ) -> None:
        self._ctx = ctx
        self._closer = closer
        self._ask = ask_protection

    def begin(self) -> None:
        """The time to protect runs from now: before, the exchange may not have been reachable, and
        what rests there must not be closed for want of a listing."""
        for holding in self._ctx.portfolio.holdings():
            holding.since = time.monotonic()

    async def run(self) -> None:
        """Look twice a second until cancelled."""
        limit = self._ctx.settings.protection.confirm_within_s
        while True:
            await asyncio.sleep(min(0.5, limit / 4))
            for holding in list(self._ctx.portfolio.holdings()):
                if not holding.filled:
                    continue
                if self._ctx.trading_state.mode is TradingMode.FLATTEN:
                    self._closer.close(holding, "flatten", None)
                elif not holding.protected:
                    self._check(holding, limit)

    def _check(self, holding: Holding, limit: float) -> None:
        if time.monotonic() - holding.since < limit:
            self._ask(holding.symbol, None)
            return
        self._ctx.alerts.send("no confirmed stop in time: closing", symbol=holding.symbol)
        self._closer.close(holding, "unprotected", holding.row.cause, leg="em")


async def wait_for(event: asyncio.Event, timeout_s: float) -> bool:
    """Wait for an event; False when the time is up first."""
    try:
        async with asyncio.timeout(timeout_s):
            await event.wait()
    except TimeoutError:
        return False
    return True
