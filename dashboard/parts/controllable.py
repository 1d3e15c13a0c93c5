"""What a command of the operator can name."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from dashboard.parts.cells import Row, Rows, side_of


def open_positions(rows: Rows) -> list[dict[str, str]]:
    """Return what can be closed, under the name that is the only one of its kind."""
    return [
        {
            "name": f"{row['symbol']}.{row['venue']}",
            "symbol": str(row["symbol"]),
            "side": side_of(row),
            "quantity": str(row["quantity"]),
            "strategy": str(row["strategy"]),
        }
        for row in rows["open"]
    ]


def strategies(
    rows: Rows, status: Row | None, released: Iterable[str] = ()
) -> list[dict[str, Any]]:
    """Return the strategies of an executor that can switch them; none where it cannot."""
    if status is None or "strategies_off" not in status:
        return []
    off = set(status["strategies_off"])
    known = {str(row["strategy"]) for row in (*rows["open"], *rows["closed"])} | off
    known |= set(released)
    return [{"name": name, "off": name in off} for name in sorted(known)]
