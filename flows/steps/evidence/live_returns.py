"""What the executor earned with a strategy, on the scale of its simulation, from the ledger."""

from __future__ import annotations

import json
from collections import defaultdict
from datetime import datetime
from typing import Any

import pyarrow.compute as pc

from flows.steps.evidence.hypotheses import Look
from lake.store import Lake
from lake.tables import FILLS, POSITIONS
from trading.candles import DAY_MS
from trading.strategies.registry import get_strategy


def live_returns(
    lake: Lake, look: Look, venue: str, begin: int, days: int, as_of: datetime
) -> list[float]:
    """Return the net return by day from day ``begin`` on, counted when a position closes.

    A position counts as if it had the size of the simulation: its return on what was entered, times
    the share of the account that its parameters ask for, in equal parts of the members. So a size
    on probation does not hide a drawdown. Positions opened before ``begin`` are left out.
    """
    found = [0.0] * days
    positions = lake.read(POSITIONS, as_of=as_of)
    wanted = pc.and_(
        pc.equal(positions["strategy"], look.name), pc.equal(positions["venue"], venue)
    )
    entered = _entered(lake, venue, as_of)
    members = look.findings["members"]
    for row in positions.filter(wanted).to_pylist():
        closed, opened = row.get("closed_at"), row["opened_at"]
        if closed is None or closed >= as_of or row["symbol"] not in members:
            continue
        day = int(closed.timestamp() * 1000) // DAY_MS - begin
        amount = entered.get((row["id"], row["symbol"]))
        if not amount or not 0 <= day < days or opened.timestamp() * 1000 < begin * DAY_MS:
            continue
        profit = float(row.get("realized_pnl") or 0.0) - float(row.get("fees") or 0.0)
        found[day] += profit / amount * _share(row) / len(members)
    return found


def _share(row: dict[str, Any]) -> float:
    """Share of the account that the position's parameters ask for."""
    params = json.loads(row["params"]) if row.get("params") else {}
    strategy = get_strategy(row["strategy"])
    return float(strategy.sizing(strategy.resolve(params)).share)


def _entered(lake: Lake, venue: str, as_of: datetime) -> dict[tuple[int, str], float]:
    """Amount in quote currency that was entered with, by position and symbol."""
    totals: dict[tuple[int, str], dict[str, float]] = defaultdict(lambda: defaultdict(float))
    first: dict[tuple[int, str], str] = {}
    for fill in sorted(lake.read(FILLS, as_of=as_of).to_pylist(), key=lambda row: row["time"]):
        if fill.get("position_id") is None or fill["venue"] != venue:
            continue
        key = (fill["position_id"], fill["symbol"])
        first.setdefault(key, fill["side"])
        totals[key][fill["side"]] += fill["price"] * fill["quantity"]
    return {key: totals[key][side] for key, side in first.items()}
