"""The steps that show what a night did, and copy the ledger that they show."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from flows.engine.engine import FlowStep
from flows.engine.request import FlowRequest

if TYPE_CHECKING:
    from flows.steps.reporting.export_ledger import LedgerExport


def _report(
    request: FlowRequest, release_id: str | None, unusable: Sequence[tuple[str, str]], days: int
) -> str:
    from flows.steps.reporting.kept_report import keep_report, kept_report, report_key

    lake, as_of, shown = request.lake, request.as_of, request.settings.report.model_dump()
    work = request.settings.work
    asked = {"as_of": as_of.isoformat(), "release": release_id, "days": days, "shown": shown}
    key = report_key(lake, {**asked, "unusable": [list(one) for one in unusable]})
    before = kept_report(work, lake, days, key)
    if before is None:
        # What a report is made with takes as long to import as many a step.
        from flows.report.language import Locale
        from flows.steps.reporting.report import build_report

        before = build_report(
            lake,
            Locale(**shown),
            as_of=as_of,
            release_id=release_id,
            unusable=unusable,
            days=days,
        ).path
        keep_report(work, lake, days, key, before)
    return str(before)


def _summary(request: FlowRequest, report: str) -> str:
    from flows.steps.reporting.send_summary import send_summary

    return send_summary(Path(report), request.settings.summary_url)


def _export(request: FlowRequest) -> LedgerExport:
    from flows.steps.reporting.export_ledger import export_ledger

    return export_ledger(request.lake, request.settings.ledger_source, as_of=request.as_of)


REPORT = FlowStep("report", _report, timeout_s=300)
SUMMARY = FlowStep("summary", _summary, timeout_s=60)
EXPORT = FlowStep("export-ledger", _export, timeout_s=900)
