"""All executors that share a database, one a row."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from dashboard.parts.cells import Cell, Rows, cell, net_of, signed, table
from dashboard.parts.positions import alive_order

EXECUTORS_HEAD = ["Account", "Equity", "Open", "Without a stop", "Last trade", "Last event"]


def executors_table(executors: Mapping[str, Rows]) -> dict[str, Any]:
    """Show equity, open positions and last signs of each executor."""
    return table(
        EXECUTORS_HEAD, [[account, _row(account, rows)] for account, rows in executors.items()]
    )


def _row(account: str, rows: Rows) -> list[Cell]:
    equity = " + ".join(f"{float(one['equity']):,.2f} {one['asset']}" for one in rows["wallets"])
    held = ", ".join(f"{one['symbol']} {'+' if one['side'] > 0 else '−'}" for one in rows["open"])
    bare = sum(not alive_order(one, rows["stops"], "sl") for one in rows["open"])
    last = rows["closed"][0] if rows["closed"] else None
    event = rows["events"][0]["time"] if rows["events"] else None
    return [
        cell(account),
        cell(equity or "–"),
        cell(held or "nothing"),
        cell(bare, "count", "bad" if bare else ""),
        signed(None if last is None else net_of(last)),
        cell(event, "time"),
    ]
