"""What the pages show, from the ledger and the executor's status: plain data, no formatting.

A cell is ``{"value", "unit", "tone"}``; the page writes it as `web/charts/base.js` writes numbers.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

from dashboard.executor_feed import StatusReading
from trading.candles import DAY_MS

Row = Mapping[str, Any]
Cell = dict[str, Any]

STALE_S = 2.5
"""An executor that pushes is heard each second; the mark is there three seconds after the last."""
SILENT_S = 20.0
NOT_RESTING = frozenset(
    {"intent", "sent", "unknown", "filled", "cancelled", "expired", "rejected", "dead"}
)
WHY = ("reason", "why", "text", "error")
POSITION_HEAD = [
    *("Symbol", "Strategy", "Side", "Quantity", "Entry", "Price", "To stop", "Profit"),
    *("Stop", "Target", "Opened"),
]
TRADE_HEAD = ["Closed", "Symbol", "Strategy", "Side", "Entry", "Exit", "After fees", "Reason"]
LOG_HEAD = ["Time", "Event", "Symbol", "What"]


def snapshot(
    rows: Mapping[str, Sequence[Row]], reading: StatusReading, problem: str
) -> dict[str, Any]:
    """Return everything by the name under which a page shows it.

    ``problem`` says why the rows may be old; empty while they are not.
    """
    status = reading.values
    return {
        "executor": executor_state(reading, problem),
        "spoken": newest_trade(rows),
        "facts": facts(rows, status),
        "equity": equity_panel(rows["equity"]),
        "positions": table(POSITION_HEAD, position_rows(rows, status)),
        "trades": table(TRADE_HEAD, [[row["id"], trade_row(row)] for row in rows["closed"]]),
        "log": table(LOG_HEAD, [[row["id"], log_row(row)] for row in rows["events"]]),
    }


def cell(value: Any, unit: str = "text", tone: str = "") -> Cell:
    """Return one value with its unit and colour."""
    return {"value": value, "unit": unit, "tone": tone}


def table(head: list[str], rows: list[list[Any]]) -> dict[str, Any]:
    """Return a table of rows, each a unique key and its cells."""
    return {"head": head, "rows": rows}


def signed_tone(value: float) -> str:
    """Return the colour of a result."""
    return "good" if value > 0 else "bad" if value < 0 else ""


def executor_state(reading: StatusReading, problem: str = "") -> dict[str, Any]:
    """Say whether the executor runs, and why nothing would trade if so."""
    status, age_s = reading.values, reading.age_s
    if status is None:
        return {"tone": "bad", "text": "No executor has run here yet.", "more": _sentence(problem)}
    state, resting = str(status.get("status", "unknown")), "Orders rest at the exchange; "
    if state != "stopped" and reading.pushed is False:
        more = f"{resting}it was heard {round(age_s)} s ago: look at the process now."
        return {"tone": "bad", "text": "The executor does not answer", "more": more}
    if state != "stopped" and age_s > SILENT_S:
        more = f"{resting}look at the process now."
        return {"tone": "bad", "text": f"Silent for {round(age_s)} s", "more": more}
    mode, release = status.get("mode", ""), status.get("release") or "no release"
    text = f"{state.replace('_', ' ')} · {mode} · {release}"
    reason = status.get("entries_off_because")
    more = "" if status.get("entries") else f"No entries: {reason or status.get('halt')}."
    tone = "bad" if state == "stopped" else "good" if status.get("entries") else "warn"
    if problem:
        return {"tone": "bad", "text": text, "more": _sentence(problem)}
    if reading.pushed and age_s > STALE_S:
        return {"tone": "warn", "text": f"stale {round(age_s)} s · {text}", "more": more}
    return {"tone": tone, "text": text, "more": more}


def _sentence(problem: str) -> str:
    return f"{problem[:1].upper()}{problem[1:]}." if problem else ""


def newest_trade(rows: Mapping[str, Sequence[Row]]) -> dict[str, Any]:
    """Say what was opened or closed last, for those who listen to the page."""
    done = [(int(row["opened_at"]), "opened", row) for row in rows["open"]]
    done += [(int(row["closed_at"]), "closed", row) for row in rows["closed"][:1]]
    if not done:
        return {"key": "", "text": ""}
    _, what, row = max(done, key=lambda one: one[0])
    text = f"{row['symbol']} {what} by {row['strategy']}"
    if what == "closed":
        text += f", {float(row['realized_pnl']) - float(row['fees']):+.2f} after fees"
    return {"key": f"{what}-{row['id']}", "text": text}


def facts(rows: Mapping[str, Sequence[Row]], status: Row | None) -> list[dict[str, Any]]:
    """Return equity, results, positions and fees."""
    points = [(int(row["time"]), float(row["equity"])) for row in reversed(rows["equity"])]
    found = [
        fact("Equity", float(row["equity"]), "number", note=str(row["asset"]))
        for row in rows["wallets"]
    ]
    if points:
        last, equity = points[-1]
        for label, start in (("Today", last - last % DAY_MS), ("All", points[0][0])):
            earlier = [value for time, value in points if time <= start]
            change = equity - (earlier[-1] if earlier else points[0][1])
            found.append(fact(label, change, "change", signed_tone(change)))
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
        silence = float((status.get("market_stream") or {}).get("silent_s", 0.0))
        found.append(fact("Market silent", silence, "seconds"))
    return found


def fact(label: str, value: Any, unit: str, tone: str = "", note: str = "") -> dict[str, Any]:
    """Return one labelled value."""
    return {"label": label, "note": note, **cell(value, unit, tone)}


def equity_panel(rows: Sequence[Row]) -> dict[str, Any]:
    """Return the curve of equity, oldest first."""
    ordered = list(reversed(rows))
    values = [float(row["equity"]) for row in ordered]
    curve = {"label": "equity", "tone": "accent", "values": values, "area": True}
    panel = {"height": 180, "unit": "number", "digits": 2, "series": [curve]}
    return {"times": [int(row["time"]) for row in ordered], "panels": [panel]}


def alive_order(position: Row, orders: Sequence[Row], leg: str) -> Row | None:
    """Return the newest order of a leg that rests for a position."""
    found = [
        row
        for row in orders
        if row["position_id"] == position["id"]
        and row["leg"] == leg
        and str(row["status"]) not in NOT_RESTING
    ]
    return found[-1] if found else None


def trigger_cell(position: Row, orders: Sequence[Row], leg: str) -> Cell:
    """Show where a protective order rests; a missing stop is red."""
    order = alive_order(position, orders, leg)
    if order is None:
        return cell("✗ none" if leg == "sl" else "–", tone="bad" if leg == "sl" else "")
    return cell(float(order["trigger_price"] or 0.0), "price")


def position_rows(rows: Mapping[str, Sequence[Row]], status: Row | None) -> list[list[Any]]:
    """Show the open positions with the prices that the executor last named."""
    held = (status or {}).get("positions", ())
    prices = {(one["venue"], one["symbol"]): one.get("price") for one in held}
    return [
        [row["id"], position_row(row, rows["stops"], prices.get((row["venue"], row["symbol"])))]
        for row in rows["open"]
    ]


def position_row(row: Row, orders: Sequence[Row], price: float | None = None) -> list[Cell]:
    """Show one open position; its profit is before fees, at ``price``."""
    entry, stop = float(row["entry_price"]), alive_order(row, orders, "sl")
    distance = profit = None
    if price:
        profit = row["side"] * (price - entry) * float(row["quantity"])
        if stop is not None and stop["trigger_price"]:
            distance = row["side"] * (1 - float(stop["trigger_price"]) / price)
    return [
        cell(row["symbol"]),
        cell(row["strategy"]),
        cell("long" if row["side"] > 0 else "short"),
        cell(row["quantity"]),
        cell(entry, "price"),
        cell(price, "price"),
        cell(distance, "share"),
        cell(profit, "change", signed_tone(profit or 0.0)),
        trigger_cell(row, orders, "sl"),
        trigger_cell(row, orders, "tp"),
        cell(row["opened_at"], "time"),
    ]


def open_positions(rows: Mapping[str, Sequence[Row]]) -> list[dict[str, str]]:
    """Return what can be closed, under the name that is the only one of its kind."""
    return [
        {
            "name": f"{row['symbol']}.{row['venue']}",
            "symbol": str(row["symbol"]),
            "side": "long" if row["side"] > 0 else "short",
            "quantity": str(row["quantity"]),
            "strategy": str(row["strategy"]),
        }
        for row in rows["open"]
    ]


def strategies(rows: Mapping[str, Sequence[Row]], status: Row | None) -> list[dict[str, Any]]:
    """Return the strategies of an executor that can switch them; none where it cannot."""
    if status is None or "strategies_off" not in status:
        return []
    off = set(status["strategies_off"])
    known = {str(row["strategy"]) for row in (*rows["open"], *rows["closed"])} | off
    known |= set(status.get("strategies", ()))
    return [{"name": name, "off": name in off} for name in sorted(known)]


def trade_row(row: Row) -> list[Cell]:
    """Show one closed position."""
    net = float(row["realized_pnl"]) - float(row["fees"])
    return [
        cell(row["closed_at"], "time"),
        cell(row["symbol"]),
        cell(row["strategy"]),
        cell("long" if row["side"] > 0 else "short"),
        cell(float(row["entry_price"]), "price"),
        cell(None if row["exit_price"] is None else float(row["exit_price"]), "price"),
        cell(net, "number", signed_tone(net)),
        cell(str(row["exit_reason"] or "–").replace("_", " ")),
    ]


def log_row(row: Row) -> list[Cell]:
    """Show one event with its reason, if it has one."""
    try:
        data = json.loads(row["data"])
    except ValueError:
        data = {}
    what = next((str(data[name]) for name in WHY if data.get(name)), "")
    words = str(row["type"]).replace("_", " ")
    return [cell(row["time"], "time"), cell(words), cell(row["symbol"]), cell(what)]
