"""What a position's trades make of it, in the ledger and in the portfolio."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal
from typing import Protocol

from executor.bus.events import EventType
from executor.context import Context
from executor.ledger.records import PositionRow
from executor.model import ZERO
from executor.portfolio.fill_totals import FillTotals, total_fills
from executor.portfolio.portfolio import Holding
from executor.portfolio.position_state import OpenPosition, is_staged, open_position
from trading.positions.staged_position import StagedPosition


class Watcher(Protocol):
    """Who must hear of what the intake has booked."""

    def changed(self, symbol: str, cause: str | None) -> None:
        """The protection of a symbol must be looked at; ``cause`` is the event that says why."""
        ...

    def stop_died(self, holding: Holding, why: str) -> None:
        """A protective order ended without having closed the position."""
        ...

    def transferred(self, amount: Decimal) -> None:
        """Money was paid in (positive) or out."""
        ...


class PositionUpdates:
    """Keeps position rows, guards and the book in step with the trades."""

    def __init__(self, ctx: Context, watcher: Watcher) -> None:
        self._ctx = ctx
        self._watcher = watcher

    def _position(self, row: PositionRow) -> OpenPosition:
        if not is_staged(row):
            return open_position(row)
        ledger, instrument = self._ctx.ledger, self._ctx.portfolio.instruments.get(row.symbol)
        least = instrument.step if instrument is not None else ZERO
        return open_position(row, ledger.fills_of(row.id), ledger.orders_of_key(row.key), least)

    def refresh(self, holding: Holding, cause: str, reason: str) -> None:
        """Book what the trades make of a position after one more of them."""
        sums = total_fills(holding.row.side, self._ctx.ledger.fills_of(holding.row.id))
        if sums.flat:
            self.close(holding, sums, reason, cause)
            return
        first = holding.row.status in ("opening", "void")
        self._open(holding, sums, realized_pnl=sums.realized_pnl, fees=sums.fees)
        kind = EventType.POSITION_OPENED if first else EventType.POSITION_UPDATED
        if first or isinstance(holding.position, StagedPosition):
            cause = self._ctx.emit(kind, symbol=holding.symbol, cause=cause, **_shown(holding)).id
        if first:
            holding.mark_unprotected()
        self._watcher.changed(holding.symbol, cause)

    def _open(self, holding: Holding, sums: FillTotals, **changes: object) -> None:
        """An open position of these trades; what an earlier end has left is taken back.

        Of one that has grown, the best price begins anew.
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
        self._ctx.ledger.update_position(holding.row.id, **changes)
        holding.row = replace(holding.row, **changes)  # type: ignore[arg-type]

    def restore(self, holding: Holding) -> None:
        """Guard a position of the ledger again after a start; its trades say what it is."""
        sums = total_fills(holding.row.side, self._ctx.ledger.fills_of(holding.row.id))
        if sums.quantity > 0 and sums.quantity != holding.row.quantity:
            self._open(holding, sums)
        elif holding.filled:
            holding.position = self._position(holding.row)

    def reopen(self, row: PositionRow, cause: str | None) -> bool:
        """Take a position back that was booked as over though its trades say that it is not."""
        sums = total_fills(row.side, self._ctx.ledger.fills_of(row.id))
        if sums.quantity <= 0:
            return False
        holding = Holding(row)
        self._open(holding, sums)
        self._ctx.portfolio.slot(row.symbol).holding = holding
        self._watcher.changed(row.symbol, cause)
        return True

    def correct(self, holding: Holding, quantity: Decimal, cause: str) -> None:
        """Take the exchange's word for a size that its trades do not explain."""
        self._store(holding, quantity=quantity)
        holding.position = self._position(holding.row)
        self._watcher.changed(holding.symbol, cause)

    def close(self, holding: Holding, sums: FillTotals, reason: str, cause: str | None) -> None:
        """Book the end of a position and free its symbol."""
        closed_at = sums.last_at or self._ctx.clock.now_ms()
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
        self._ctx.emit(
            EventType.POSITION_CLOSED,
            symbol=holding.symbol,
            cause=cause,
            **_shown(holding),
            exit_price=sums.exit_price,
            reason=reason,
            realized_pnl=str(sums.realized_pnl),
            fees=str(sums.fees),
        )
        self._ctx.portfolio.slot(holding.symbol).holding = None
        if reason == "liquidation":
            self._halt_after_liquidation(holding, cause)
        holding.closed.set()
        self._watcher.changed(holding.symbol, cause)

    def _halt_after_liquidation(self, holding: Holding, cause: str | None) -> None:
        """The stop did not hold, so the sizes or the stops are wrong: a person must look."""
        self._ctx.portfolio.slot(holding.symbol).halted = "liquidated"
        self._ctx.emit(
            EventType.SYMBOL_HALTED, symbol=holding.symbol, cause=cause, reason="liquidated"
        )
        self._ctx.alerts.send("liquidated: symbol halted", symbol=holding.symbol)


def _shown(holding: Holding) -> dict[str, object]:
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
        "release_id": row.release_id,
    }
