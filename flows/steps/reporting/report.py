"""The report of one release: a single HTML file that needs nothing else."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from pathlib import Path

from flows.report.assets import render
from flows.report.lake_reader import ReportData, read_report_data
from flows.report.language import PLAIN, Locale, localized, tr
from flows.report.page import page_of
from flows.report.summary import summary_of
from flows.report.week import of_last_days
from lake.files import write_bytes
from lake.store import Lake


@dataclass(frozen=True, slots=True)
class ReportResult:
    """Path of the report, and the keys of its sections in order."""

    path: Path
    sections: tuple[str, ...]


def build_report(
    lake: Lake,
    chosen: Locale = PLAIN,
    *,
    as_of: datetime,
    release_id: str | None,
    out: Path | None = None,
    unusable: Sequence[tuple[str, str]] = (),
    days: int = 1,
) -> ReportResult:
    """Write the report of ``release_id``, or of the current release when it is None.

    Research is shown as it was when the release was made, the executor's ledger as of ``as_of``
    (UTC). The file is replaced atomically; the same inputs give the same bytes. ``out`` is by
    default ``<lake>/reports/<release_id>.html``. ``unusable`` are files that the run could not use,
    with the reason. A summary of the last ``days`` lies beside it, unless ``out`` is given, with
    the ending ``.txt``; a report of more than one day shows the ledger of these days alone, and is
    by default ``week-2026-W48.html``. ``chosen`` is the language and the clock of page and summary.
    Raises `ReleaseRefused` for an unknown or damaged release.
    """
    data = read_report_data(lake, as_of, release_id)
    path = out or lake.root / "reports" / f"{file_stem(data, days)}.html"
    with localized(chosen):
        if out is None:
            write_bytes(path.with_suffix(".txt"), f"{summary_of(data, days, unusable)}\n".encode())
        page = page_of(data if days == 1 else of_last_days(data, days), unusable)
        if days != 1:
            page = replace(page, header=replace(page.header, title=tr("Weekly report")))
        write_bytes(path, render("report.html.j2", page=page).encode())
    return ReportResult(path, tuple(key for key, _ in page.sections))


def file_stem(data: ReportData, days: int = 1) -> str:
    """Return the name of the report: that of its release, or of the week of the day before it."""
    if days != 1:
        # The flow runs on Monday morning: six hours of its seven days are of the new week.
        return f"week-{data.as_of - timedelta(days=1):%G-W%V}"
    if data.manifest is None:
        return f"{data.as_of:%Y%m%dT%H%M%SZ}-no-release"
    return str(data.manifest["release_id"])
