"""What a position's trades make of it, in the ledger and in the portfolio."""

from __future__ import annotations

import logging
from dataclasses import replace
from decimal import Decimal
from typing import Any

from executor.bus.events import EventType
from executor.ledger.records import PositionRow
from executor.model import ZERO
from executor.portfolio.fill_totals import FillTotals, own_totals
from executor.portfolio.portfolio import Holding, Portfolio
from executor.portfolio.position_state import OpenPosition, open_position
from executor.services import Services
from executor.venues.faults import VenueFaultError
from executor.venues.interface import Venue
from trading.positions.staged_position import StagedPosition

log = logging.getLogger(__name__)


class PositionUpdates:
    """Keeps position rows, their exit rules and the portfolio in step with the trades."""

    def __init__(self, services: Services, portfolio: Portfolio) -> None:
        self._services = services
        self._portfolio = portfolio

    def load(self) -> None:
        """Take the ledger's positions into the portfolio; their stops must be confirmed again."""
        for row in self._services.ledger.open_positions():
            slot = self._portfolio.slot(row.symbol)
            slot.holding = Holding(row)
            self._restore(slot.holding)

    def _restore(self, holding: Holding) -> None:
        sums = own_totals(holding.row.side, self._services.ledger.fills_of(holding.row.id))
        if sums.quantity > 0 and sums.quantity != holding.row.quantity:
            self._open(holding, sums)
        elif holding.filled:
            holding.position = self._position(holding.row)

    def claim(self, row: PositionRow) -> Holding | None:
        """Write a new position, and so own its symbol before anything is awaited."""
        ledger = self._services.ledger
        if ledger.position_of_key(row.key) is not None:
            log.warning("%s: this bar was entered already", row.symbol)
            return None
        holding = Holding(ledger.insert_position(row))
        self._portfolio.slot(row.symbol).holding = holding
        return holding

    def abandon(self, holding: Holding) -> None:
        """Free the symbol if its entry has ended without a trade."""
        if holding.filled or holding.preparing or holding.closed.is_set():
            return
        ledger = self._services.ledger
        if any(order.open for order in ledger.orders_of_key(holding.row.key)):
            return
        if holding.row.status == "opening":
            ledger.update_position(holding.row.id, status="void")
        slot = self._portfolio.slot(holding.symbol)
        if slot.holding is holding:
            slot.holding = None
        holding.closed.set()

    def _position(self, row: PositionRow) -> OpenPosition:
        ledger, instrument = self._services.ledger, self._portfolio.instruments.get(row.symbol)
        least = instrument.step if instrument is not None else ZERO
        return open_position(row, ledger.fills_of(row.id), ledger.orders_of_key(row.key), least)

    def refresh(self, holding: Holding, cause: str, reason: str) -> None:
        """Update a position after one more of its trades."""
        sums = own_totals(holding.row.side, self._services.ledger.fills_of(holding.row.id))
        if sums.flat or self._is_dust(holding, sums):
            self.close(holding, sums, reason, cause)
            return
        first = holding.row.status in ("opening", "void")
        self._open(holding, sums, realized_pnl=sums.realized_pnl, fees=sums.fees)
        if first:
            holding.mark_unprotected()
            holding.begin_unprotected((self._services.clock.now_ms() - sums.opened_at) / 1000)
        kind = EventType.POSITION_OPENED if first else EventType.POSITION_UPDATED
        if first or isinstance(holding.position, StagedPosition):
            cause = self._services.emit(
                kind, symbol=holding.symbol, cause=cause, **_shown(holding)
            ).id
        self._portfolio.changed(holding.symbol, cause)

    def _is_dust(self, holding: Holding, sums: FillTotals) -> bool:
        """Whether an exit left less than can be sold: it is taken out of the book, and noted."""
        instrument = self._portfolio.instruments.get(holding.symbol)
        capabilities = self._services.venue_of(holding.symbol).capabilities
        if instrument is None or not capabilities.holds_balances or not sums.exit_price:
            return False
        left = instrument.whole_steps(sums.quantity)
        worth = left * Decimal(str(sums.exit_price))
        return left < instrument.min_quantity or worth < instrument.min_notional

    def _note_dust(self, holding: Holding, sums: FillTotals, cause: str | None) -> None:
        services, instrument = self._services, self._portfolio.instruments[holding.symbol]
        services.emit(
            EventType.DUST_LEFT,
            symbol=holding.symbol,
            cause=cause,
            asset=instrument.base_asset,
            quantity=str(sums.quantity),
        )
        venue = services.venue_of(holding.symbol)
        wanted = services.settings.venue_of(holding.symbol).convert_dust
        if wanted and venue.capabilities.dust_conversion:
            services.spawn("convert dust", self._convert_dust(venue, instrument.base_asset))

    async def _convert_dust(self, venue: Venue, asset: str) -> None:
        try:
            await venue.convert_dust(asset)
        except VenueFaultError as fault:
            log.warning("%s: the rest of %s is not converted: %s", venue.name, asset, fault)

    def _open(self, holding: Holding, sums: FillTotals, **changes: object) -> None:
        """Open the position of these trades, again if it was closed before.

        After an addition the high-water mark restarts.
        """
        grown = 0 < holding.row.quantity < sums.quantity
        row = replace(
            holding.row,
            quantity=sums.quantity,
            entry_price=sums.entry_price,
            opened_at=sums.opened_at,
            high_water=0.0 if grown else holding.row.high_water,
        )
        holding.position = self._position(row)
        if grown:
            holding.best_at_open = holding.position.best_price
        holding.changed_at = sums.last_at
        average = sums.entry_price
        if isinstance(holding.position, StagedPosition):
            average = holding.position.average_price
            holding.reserved = sums.quantity * Decimal(str(average))
        self._store(
            holding,
            status="closing" if holding.closing else "open",
            quantity=sums.quantity,
            entry_price=average,
            opened_at=sums.opened_at,
            high_water=holding.position.best_price,
            closed_at=None,
            exit_price=None,
            exit_reason=None,
            **changes,
        )

    def _store(self, holding: Holding, **changes: object) -> None:
        self._services.ledger.update_position(holding.row.id, **changes)
        holding.row = replace(holding.row, **changes)  # type: ignore[arg-type]

    def reopen(self, row: PositionRow, cause: str | None) -> bool:
        """Open a closed position again if its trades say that it is open."""
        sums = own_totals(row.side, self._services.ledger.fills_of(row.id))
        holding = Holding(row)
        if sums.quantity <= 0 or self._is_dust(holding, sums):
            return False
        self._open(holding, sums)
        self._portfolio.slot(row.symbol).holding = holding
        self._portfolio.changed(row.symbol, cause)
        return True

    def correct(self, holding: Holding, quantity: Decimal, cause: str) -> None:
        """Take over a size from the exchange that the trades do not explain."""
        self._store(holding, quantity=quantity)
        holding.position = self._position(holding.row)
        self._portfolio.changed(holding.symbol, cause)

    def close(self, holding: Holding, sums: FillTotals, reason: str, cause: str | None) -> None:
        """Record the end of a position and free its symbol."""
        closed_at = sums.last_at or self._services.clock.now_ms()
        self._store(
            holding,
            status="closed",
            quantity=sums.quantity,
            closed_at=closed_at,
            exit_price=sums.exit_price or None,
            exit_reason=reason,
            realized_pnl=sums.realized_pnl,
            fees=sums.fees,
        )
        if sums.quantity > 0 and reason != "vanished":
            self._note_dust(holding, sums, cause)
        self._services.emit(
            EventType.POSITION_CLOSED,
            symbol=holding.symbol,
            cause=cause,
            **_shown(holding),
            exit_price=sums.exit_price,
            reason=reason,
            realized_pnl=str(sums.realized_pnl),
            fees=str(sums.fees),
        )
        self._portfolio.slot(holding.symbol).holding = None
        if reason == "liquidation":
            self._halt_after_liquidation(holding, cause)
        holding.closed.set()
        self._portfolio.changed(holding.symbol, cause)

    def _halt_after_liquidation(self, holding: Holding, cause: str | None) -> None:
        """The stop did not hold, so sizes or stops are wrong: a person must look."""
        self._portfolio.slot(holding.symbol).halted = "liquidated"
        self._services.emit(
            EventType.SYMBOL_HALTED, symbol=holding.symbol, cause=cause, reason="liquidated"
        )
        self._services.alerts.send("liquidated: symbol halted", symbol=holding.symbol)


def _shown(holding: Holding) -> dict[str, Any]:
    row: PositionRow = holding.row
    position = holding.position
    return {
        "position_id": row.id,
        "strategy": row.strategy,
        "side": row.side,
        "quantity": str(row.quantity),
        "entry_price": row.entry_price,
        "stop": position.protective_price if position else None,
        "take_profit": position.take_profit_price if position else None,
        "stage": position.stage if isinstance(position, StagedPosition) else None,
        "confidence": row.confidence,
        "leverage": row.leverage,
        "quote_asset": row.quote_asset,
        "release_id": row.release_id,
    }
