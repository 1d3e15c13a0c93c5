"""What the executor says of itself, and what was traded last."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from dashboard.executor_feed import StatusReading
from dashboard.parts.cells import Rows, net_of

STALE_S = 2.5
"""An executor that pushes is heard each second; the mark is there three seconds after the last."""
SILENT_S = 20.0
GRAVE = frozenset({"protection", "ledger", "user_stream", "market_stream"})
"""Checks that turn the first line red: money is not guarded, or nobody would know."""


def executor_state(
    reading: StatusReading, problem: str = "", health: Mapping[str, Any] | None = None
) -> dict[str, Any]:
    """Say whether the executor runs and is well, and why nothing would trade if so."""
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
    if reading.pushed and (failing := _failing(health)):
        tone = "bad" if GRAVE & set(failing) else tone if tone == "bad" else "warn"
        names = ", ".join(failing).replace("_", " ")
        more = f"{more} Not well: {names}; see Health.".strip()
    return {"tone": tone, "text": text, "more": more}


def _failing(health: Mapping[str, Any] | None) -> list[str]:
    """Return the checks that fail, and always whether entries are on."""
    checks = (health or {}).get("checks", {})
    return [name for name, one in checks.items() if not one.get("ok") and name != "entries"]


def _sentence(problem: str) -> str:
    return f"{problem[:1].upper()}{problem[1:]}." if problem else ""


def newest_trade(rows: Rows) -> dict[str, Any]:
    """Say what was opened or closed last, for those who listen to the page."""
    done = [(int(row["opened_at"]), "opened", row) for row in rows["open"]]
    done += [(int(row["closed_at"]), "closed", row) for row in rows["closed"][:1]]
    if not done:
        return {"key": "", "text": ""}
    _, what, row = max(done, key=lambda one: one[0])
    text = f"{row['symbol']} {what} by {row['strategy']}"
    if what == "closed":
        text += f", {net_of(row):+.2f} after fees"
    return {"key": f"{what}-{row['id']}", "text": text}
