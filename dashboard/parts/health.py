"""The executor's own checks: what must hold, with a verdict and a figure each."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from dashboard.parts.cells import cell, table

HEALTH_HEAD = ["Check", "State", "Value"]
UNITS: Mapping[str, tuple[float, str]] = {
    "disk": (2**-20, " MiB free"),
    "memory": (2**-20, " MiB"),
    "cpu": (100.0, " % of a core"),
    "event_loop": (1.0, " s behind at most"),
    "reconciliation": (1.0, " s ago"),
    "events": (1.0, " wait"),
}


def health_table(answer: Mapping[str, Any] | None) -> dict[str, Any]:
    """Show the checks, what is wrong on top; nothing while no executor answers."""
    checks = (answer or {}).get("checks", {})
    ordered = sorted(checks.items(), key=lambda one: bool(one[1].get("ok")))
    return table(HEALTH_HEAD, [[name, _row(name, check)] for name, check in ordered])


def _row(name: str, check: Mapping[str, Any]) -> list[dict[str, Any]]:
    good = bool(check.get("ok"))
    state = cell("✓ holds", tone="good") if good else cell("✗ does not hold", tone="bad")
    return [cell(name.replace("_", " ")), state, cell(_text(name, check.get("value")))]


def _text(name: str, value: Any) -> str:
    """Write a value without braces and quotes, in its unit."""
    if isinstance(value, Mapping):
        return ", ".join(_named(str(key), one) for key, one in value.items()) or "–"
    if isinstance(value, list | tuple):
        return ", ".join(_text("", one) for one in value) or "–"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, int | float) and name in UNITS:
        factor, unit = UNITS[name]
        shown = value * factor
        return f"{shown:,.0f}{unit}" if shown >= 100 else f"{shown:.3g}{unit}"
    return str(value)


def _named(key: str, value: Any) -> str:
    seconds = key.removesuffix("_s")
    text = _text("", value) + (" s" if seconds != key else "")
    return f"{seconds.replace('_', ' ')} {text}"
