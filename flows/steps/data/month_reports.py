"""The report of one month of one symbol, and how it is kept with the month's checked candles."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import pyarrow as pa

from flows.sources.trading_hours import ALWAYS_OPEN, TradingHours
from flows.steps.data.freshness import MARK
from flows.steps.data.holes import Stretch
from lake.store import Lake
from lake.tables import CANDLES
from trading.candles import MINUTE_MS

COUNTS = "nocturne.checks"


@dataclass(frozen=True, slots=True)
class MonthReport:
    """Outcome of one month of one symbol.

    ``rows`` went to checked, ``quarantined`` did not; ``failures`` say what is wrong with the
    data, ``errors`` which checks could not run. ``skipped``: nothing has changed since the last
    time. ``gaps`` and ``quiet`` are as in `CheckedMonth`, ``span`` holds the first and last
    candle, ``bad`` the quarantined minutes (ms).
    """

    month: str
    rows: int
    quarantined: int
    gaps: tuple[Stretch, ...] = ()
    oddities: tuple[str, ...] = ()
    failures: tuple[str, ...] = ()
    errors: tuple[str, ...] = ()
    skipped: bool = False
    quiet: Stretch = (0, 0)
    span: tuple[int, int] = (0, 0)
    bad: tuple[int, ...] = ()


def counts_of(report: MonthReport) -> str:
    """Return what a month's file says of its check, for the runs that skip it."""
    counts = {
        "rows": report.rows,
        "quarantined": report.quarantined,
        "gaps": report.gaps,
        "quiet": report.quiet,
        "span": report.span,
        "bad": report.bad,
        "oddities": report.oddities,
    }
    return json.dumps(counts, ensure_ascii=False)


def stored_report(lake: Lake, values: Mapping[str, str]) -> MonthReport:
    """Return what the month's file says of its last check."""
    stored = json.loads(lake.metadata(CANDLES, **values)[COUNTS])
    stored = {
        name: tuple(value) if isinstance(value, list) else value for name, value in stored.items()
    }
    stored["gaps"] = tuple((first, minutes) for first, minutes in stored["gaps"])
    return MonthReport(month=values["month"], skipped=True, **stored)


def stitched(
    lake: Lake,
    venue: str,
    symbol: str,
    months: Sequence[MonthReport],
    hours: TradingHours = ALWAYS_OPEN,
) -> list[MonthReport]:
    """Count the hole before each month from the last good row before it, whatever month has it.

    A month is checked with the raw rows before it, some of which may be in quarantine by now.
    """
    result: list[MonthReport] = []
    last = None
    for month in months:
        if month.span[1] and last is not None:
            after = last + MINUTE_MS
            hole = (hours.minute(after), hours.open_minutes(after, month.span[0]))
            month = _with_first_gap(lake, venue, symbol, month, hole)
        last = month.span[1] or last
        result.append(month)
    return result


def _with_first_gap(
    lake: Lake, venue: str, symbol: str, month: MonthReport, hole: Stretch
) -> MonthReport:
    """Return the report with ``hole`` before its first row; mend the row if needed."""
    start, minutes = month.span[0], hole[1]
    inner = tuple(gap for gap in month.gaps if gap[0] >= start)
    held = next((gap[1] for gap in month.gaps if gap[0] < start), 0)
    if held == minutes:
        return month
    fixed = replace(month, gaps=(hole, *inner) if minutes else inner)
    values = {"venue": venue, "symbol": symbol, "interval": "1m", "month": month.month}
    data = lake.read(CANDLES, list(CANDLES.schema.names), None, **values)
    gaps = data["gap_before"].to_pylist()
    gaps[data["open_time"].cast(pa.int64()).to_pylist().index(start)] = minutes
    data = data.set_column(
        data.schema.get_field_index("gap_before"), "gap_before", pa.array(gaps, pa.int64())
    )
    mark = lake.metadata(CANDLES, **values)[MARK]
    lake.write(CANDLES, data, {MARK: mark, COUNTS: counts_of(fixed)}, **values)
    return fixed
