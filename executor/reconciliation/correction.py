"""Corrections: a position here that differs from the exchange's."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from decimal import Decimal

from executor.bus.events import EventType
from executor.execution.fills import FillRecorder
from executor.execution.position_updates import PositionUpdates
from executor.model import ZERO, VenuePosition, venue_of
from executor.portfolio.fill_totals import own_totals
from executor.portfolio.foreign_quantity import halt_symbol
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
        suspect_stream: Callable[[str, str], None],
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
            self._suspect_stream(venue_of(symbol), f"it did not report {new} trades of {symbol}")
        if holding.closed.is_set() or slot.changes != changes + new:
            return
        quantity = position.quantity * holding.row.side if position is not None else ZERO
        if quantity == holding.row.quantity:
            return
        if any(not row.conditional for row in self._services.ledger.open_orders(symbol)):
            # An order without an outcome may explain the difference.
            return
        if not await self._seen_again(holding, quantity):
            return
        if quantity > holding.row.quantity:
            self._beside(holding, quantity - holding.row.quantity)
        else:
            slot.foreign = ZERO
            self._take_over(holding, quantity)

    def _beside(self, holding: Holding, more: Decimal) -> None:
        """Leave alone what no order of ours bought, and protect only what is ours."""
        symbol = holding.symbol
        self._portfolio.slot(symbol).foreign = more * holding.row.side
        reason = f"foreign quantity of {more} beside ours of {holding.row.quantity}"
        halt_symbol(self._services, self._portfolio, symbol, reason)
        self._portfolio.changed(symbol, None)

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
        sums = own_totals(holding.row.side, fills)
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
            held = await self._services.venue_of(holding.symbol).positions()
            now = sum((p.quantity for p in held if p.symbol == holding.symbol), ZERO)
            if now * holding.row.side != quantity:
                return False
            await self._fills.refetch_position(holding)
            if slot.changes != changes or holding.closed.is_set():
                return False
        return True
