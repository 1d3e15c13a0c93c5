"""Traces an order for the dashboard, in a process of its own."""

from __future__ import annotations

from typing import Any

from cli.why.report import explain, to_text
from dashboard.processes import answer
from executor.ledger.reader import LedgerPlace


def trace(question: dict[str, Any]) -> list[str]:
    """Return the lines that `nocturne why` prints for an order."""
    place = LedgerPlace(question["ledger"], question["account"])
    return to_text(explain(question["order"], place, None)).splitlines()


if __name__ == "__main__":
    answer(trace)
