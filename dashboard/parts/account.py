"""The account: equity and its curve, results, what is open, and the risk that is used."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from dashboard.parts.cells import Row, Rows, fact, signed_tone
from dashboard.parts.positions import alive_order
from trading.candles import DAY_MS, HOUR_MS


def facts(rows: Rows, status: Row | None, limit: float, day_begins: int) -> list[dict[str, Any]]:
    """Return equity, results, positions and fees.

    ``limit`` is the daily loss that ends a day, ``day_begins`` the hour (UTC) at which one begins.
    """
    found = [
        fact("Equity", float(row["equity"]), "number", note=str(row["asset"]))
        for row in _wallets(rows, status)
    ]
    found += _results(rows, day_begins * HOUR_MS)
    found += _daily_loss(rows, status, limit)
    bare = [row for row in rows["open"] if not alive_order(row, rows["stops"], "sl")]
    sums = rows["sums"][0] if rows["sums"] else {"count": 0, "won": 0, "fees": 0}
    found += [
        fact("Open positions", len(rows["open"]), "count"),
        fact("Without a stop", len(bare), "count", "bad" if bare else "good"),
        fact("Closed trades", sums["count"], "count", note=f"{sums['won']} won"),
        fact("Fees", sums["fees"], "number"),
    ]
    if rows["alerts"] and (waiting := rows["alerts"][0]["waiting"]):
        found.append(fact("Alerts waiting", waiting, "count", "warn"))
    if status is not None:
        stream = status.get("market_stream") or {}
        tone = "" if stream.get("up", True) else "bad"
        found.append(fact("Market silent", float(stream.get("silent_s", 0.0)), "seconds", tone))
    return found


def _wallets(rows: Rows, status: Row | None) -> Sequence[Row]:
    """Return the equity of each currency: as the executor counts it now, else as it wrote it."""
    sums: dict[str, float] = {}
    for wallet in (status or {}).get("wallets", ()):
        sums[wallet["asset"]] = sums.get(wallet["asset"], 0.0) + float(wallet["equity"])
    if not sums:
        return rows["wallets"]
    return [{"asset": asset, "equity": equity} for asset, equity in sorted(sums.items())]


def _results(rows: Rows, day_begins_ms: int) -> list[dict[str, Any]]:
    points = [(int(row["time"]), float(row["equity"])) for row in reversed(rows["equity"])]
    if not points:
        return []
    last, equity = points[-1]
    found = []
    for label, start in (("Today", last - (last - day_begins_ms) % DAY_MS), ("All", points[0][0])):
        earlier = [value for time, value in points if time <= start]
        change = equity - (earlier[-1] if earlier else points[0][1])
        found.append(fact(label, change, "change", signed_tone(change)))
    return found


def _daily_loss(rows: Rows, status: Row | None, limit: float) -> list[dict[str, Any]]:
    """Return how much of the day's loss limit is used, of the currency that used most."""
    equity = {row["asset"]: float(row["equity"]) for row in _wallets(rows, status)}
    used = [
        max(0.0, 1.0 - equity[row["asset"]] / float(row["baseline"]))
        for row in rows["baselines"]
        if row["asset"] in equity and float(row["baseline"]) > 0
    ]
    if not used or limit <= 0:
        return []
    share = max(used) / limit
    tone = "bad" if share >= 1 else "warn" if share >= 0.5 else ""
    return [fact("Daily loss used", share, "share", tone, f"limit {limit:.2%}")]


def equity_chart(rows: Sequence[Row]) -> dict[str, Any]:
    """Return the curves of equity and its drawdown, oldest first."""
    ordered = list(reversed(rows))
    values = [float(row["equity"]) for row in ordered]
    high, drawdown = float("-inf"), []
    for value in values:
        high = max(high, value)
        drawdown.append(value / high - 1 if high > 0 else 0.0)
    curve = {"label": "equity", "tone": "accent", "values": values, "area": True}
    below = {"label": "drawdown", "tone": "bad", "values": drawdown, "area": True, "base": 0}
    return {
        "times": [int(row["time"]) for row in ordered],
        "panels": [
            {"height": 170, "unit": "number", "digits": 2, "series": [curve]},
            {"height": 80, "unit": "share", "digits": 2, "series": [below]},
        ],
    }
