"""What the pages show, from the ledger and the executor's status: plain data, no formatting."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from dashboard.executor_feed import StatusReading
from dashboard.parts.account import equity_chart, facts
from dashboard.parts.cells import Cell, Row, Rows
from dashboard.parts.executor import executor_state, newest_trade
from dashboard.parts.executors import executors_table
from dashboard.parts.health import health_table
from dashboard.parts.log import log_table
from dashboard.parts.positions import orders_table, positions_table
from dashboard.parts.price_chart import price_chart
from dashboard.parts.traded import traded_table
from dashboard.parts.trades import calendar_table, group_table, trade_row, trade_rows, trades_table

ALWAYS = ("executor", "spoken")
PARTS = {
    "": (*ALWAYS, "facts", "equity", "positions", "orders", "traded", "health", "executors"),
    "trades": (*ALWAYS, "prices", "trades", "strategies", "symbols", "reasons", "calendar"),
    "research": ALWAYS,
    "control": ALWAYS,
    "log": (*ALWAYS, "log"),
}
"""What is live on each page."""


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What the pages show beside the ledger and the status."""

    entries: Sequence[Mapping[str, Any]] = ()
    """Each strategy of the release on a symbol, and whether it is proven."""
    health: Mapping[str, Any] | None = None
    """The executor's answer to ``health``; None while it does not answer."""
    executors: Mapping[str, Rows] = field(default_factory=dict)
    """Rows of all executors of a database by account; empty for a file."""
    problem: str = ""
    """Why the rows may be old; empty while they are not."""
    daily_loss_limit: float = 0.0
    day_begins: int = 0
    """Hour (UTC) at which a trading day begins."""


class PartsOfTrades:
    """The parts of the trades page; they are made again when their rows were read again.

    A closed trade does not change: its cells are made once.
    """

    def __init__(self) -> None:
        self._known: tuple[Rows, dict[str, Any]] | None = None
        self._cells: dict[Row, list[Cell]] = {}

    def of(self, rows: Rows) -> dict[str, Any]:
        """Return the parts of these rows."""
        needed = {name: rows[name] for name in NEEDED_FOR_TRADES}
        if self._known is None or any(
            rows[name] is not old for name, old in self._known[0].items()
        ):
            self._known = needed, trades_parts(rows, self._cells_of)
        return self._known[1]

    def _cells_of(self, trades: Sequence[Row]) -> list[list[Cell]]:
        self._cells = {row: self._cells.get(row) or trade_row(row) for row in trades}
        return list(self._cells.values())


NEEDED_FOR_TRADES = ("closed", "bars", "by_strategy", "by_symbol", "by_reason", "days")


def trades_parts(
    rows: Rows, cells_of: Callable[[Sequence[Row]], list[list[Cell]]] = trade_rows
) -> dict[str, Any]:
    """Return what the trades page shows."""
    return {
        "prices": price_chart(rows),
        "trades": trades_table(rows["closed"], cells_of(rows["closed"])),
        "strategies": group_table("Strategy", rows["by_strategy"]),
        "symbols": group_table("Symbol", rows["by_symbol"]),
        "reasons": group_table("Reason", rows["by_reason"]),
        "calendar": calendar_table(rows["days"]),
    }


def snapshot(
    rows: Rows,
    reading: StatusReading,
    beside: Surroundings,
    of_trades: Callable[[Rows], dict[str, Any]] = trades_parts,
) -> dict[str, Any]:
    """Return everything by the name under which a page shows it."""
    status = reading.values
    return {
        "executor": executor_state(reading, beside.problem, beside.health),
        "spoken": newest_trade(rows),
        "facts": facts(rows, status, beside.daily_loss_limit, beside.day_begins),
        "equity": equity_chart(rows["equity"]),
        "positions": positions_table(rows, status),
        "orders": orders_table(rows),
        "traded": traded_table(beside.entries, rows, status),
        "health": health_table(beside.health),
        "executors": executors_table(beside.executors),
        **of_trades(rows),
        "log": log_table(rows),
    }
