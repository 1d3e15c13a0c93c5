"""Corrections: a position here that differs from the exchange's."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from decimal import Decimal

from executor.bus.events import EventType
from executor.execution.fills import FillRecorder
from executor.execution.position_updates import PositionUpdates
from executor.model import ZERO, VenuePosition
from executor.portfolio.fill_totals import total_fills
from executor.portfolio.portfolio import Holding, Portfolio
from executor.services import Services

LOOKS = 2
BETWEEN_LOOKS_S = 0.5


class PositionCorrection:
    """Fetches missing trades first, then takes over the exchange's size."""

    def __init__(
        self,
        services: Services,
        portfolio: Portfolio,
        fills: FillRecorder,
        position_updates: PositionUpdates,
        suspect_stream: Callable[[str], None],
    ) -> None:
        self._services = services
        self._portfolio = portfolio
        self._fills = fills
        self._updates = position_updates
        self._suspect_stream = suspect_stream

    async def correct(self, holding: Holding, position: VenuePosition | None) -> None:
        """Bring a position in line with the exchange's, or with none there."""
        symbol = holding.symbol
        slot = self._portfolio.slot(symbol)
        changes = slot.changes
        new = await self._fills.refetch_position(holding)
        if new:
            self._suspect_stream(f"it did not report {new} trades of {symbol}")
        if holding.closed.is_set() or slot.changes != changes + new:
            return
        quantity = position.quantity * holding.row.side if position is not None else ZERO
        if quantity == holding.row.quantity:
            return
        if await self._seen_again(holding, quantity):
            self._take_over(holding, quantity)

    def _take_over(self, holding: Holding, quantity: Decimal) -> None:
        symbol = holding.symbol
        self._services.alerts.send("position differs from the exchange", symbol=symbol)
        event = self._services.emit(
            EventType.POSITION_CORRECTED,
            symbol=symbol,
            cause=holding.row.cause,
            before=str(holding.row.quantity),
            after=str(quantity),
        )
        if quantity > 0:
            self._updates.correct(holding, quantity, event.id)
            return
        fills = self._services.ledger.fills_of(holding.row.id)
        sums = total_fills(holding.row.side, fills)
        self._updates.close(holding, sums, "vanished", event.id)
        if quantity < 0:
            reason = f"a position against ours was found: {quantity}"
            halt_symbol(self._services, self._portfolio, symbol, reason)

    async def _seen_again(self, holding: Holding, quantity: Decimal) -> bool:
        """Whether the exchange repeats itself: its list of positions may lag behind its trades.

        Believing it once would take the stop away from an open position.
        """
        slot = self._portfolio.slot(holding.symbol)
        changes = slot.changes
        for _ in range(LOOKS):
            await asyncio.sleep(BETWEEN_LOOKS_S)
            held = await self._services.venue.positions()
            now = sum((p.quantity for p in held if p.symbol == holding.symbol), ZERO)
            if now * holding.row.side != quantity:
                return False
            await self._fills.refetch_position(holding)
            if slot.changes != changes or holding.closed.is_set():
                return False
        return True


def halt_symbol(services: Services, portfolio: Portfolio, symbol: str, reason: str) -> None:
    """Stop entries in a symbol until the next start."""
    slot = portfolio.slot(symbol)
    if slot.halted is not None or services.settings.foreign == "ignore":
        return
    slot.halted = reason
    services.emit(EventType.SYMBOL_HALTED, symbol=symbol, reason=reason)
    services.alerts.send("symbol halted", symbol=symbol, reason=reason)
