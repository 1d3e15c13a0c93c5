"""The week of a report: what the executor did in its last days, and nothing older."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

from flows.report import formats
from flows.report.lake_reader import ReportData
from flows.report.sections.execution import LedgerRows

Row = Mapping[str, Any]


def of_last_days(data: ReportData, days: int) -> ReportData:
    """Return ``data`` with the ledger and the comparisons of the ``days`` before ``data.as_of``.

    Positions that were open in these days stay whole, with the orders and fills that made them.
    """
    since = data.as_of - timedelta(days=days)
    return replace(
        data,
        ledger=_ledger_since(data.ledger, since),
        parity=[row for row in data.parity if str(row["day"]) >= f"{since:%Y-%m-%d}"],
    )


def _ledger_since(ledger: LedgerRows, since: datetime) -> LedgerRows:
    positions = [
        row
        for row in ledger.positions
        if not row.get("closed_at") or _at_least(row["closed_at"], since)
    ]
    kept = {row.get("id") for row in positions}

    def of_span(rows: Sequence[Row], time: str) -> list[Row]:
        return [
            row for row in rows if row.get("position_id") in kept or _at_least(row.get(time), since)
        ]

    return LedgerRows(
        orders=of_span(ledger.orders, "created_at"),
        fills=of_span(ledger.fills, "time"),
        positions=positions,
        events=[row for row in ledger.events if _at_least(row.get("time"), since)],
        equity=[row for row in ledger.equity if _at_least(row.get("time"), since)],
    )


def _at_least(value: object, since: datetime) -> bool:
    moment = formats.as_datetime(value)
    return moment is not None and moment >= since
