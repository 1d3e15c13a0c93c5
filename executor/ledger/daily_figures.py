"""What a stretch of time was: closed positions and the equity before it."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal

from executor.ledger.connection import LedgerConnection


@dataclass(frozen=True, slots=True)
class ClosedResult:
    """A closed position's profit after fees."""

    quote_asset: str
    profit: Decimal


class DailyFigures:
    """Reads figures of a stretch of time from the ledger."""

    def __init__(self, connection: LedgerConnection) -> None:
        self._connection = connection

    def closed_since(self, time_ms: int) -> list[ClosedResult]:
        """Positions that were closed at or after a time, oldest first."""
        rows = self._connection.current.execute(
            "select quote_asset, realized_pnl, fees from positions where closed_at >= ?"
            " order by closed_at",
            (time_ms,),
        )
        return [
            ClosedResult(r["quote_asset"], Decimal(r["realized_pnl"]) - Decimal(r["fees"]))
            for r in rows
        ]

    def equity_at(self, venue: str, asset: str, time_ms: int) -> Decimal | None:
        """The last equity of a wallet at or before a time, else its first; None without any."""
        for where, order in (("time <= ?", "desc"), ("time > ?", "asc")):
            row = self._connection.current.execute(
                f"select equity from equity where venue = ? and asset = ? and {where}"
                f" order by time {order} limit 1",
                (venue, asset, time_ms),
            ).fetchone()
            if row is not None:
                return Decimal(row["equity"])
        return None
