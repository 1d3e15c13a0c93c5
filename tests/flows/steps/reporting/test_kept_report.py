"""A report is kept while nothing that it was made from has changed, and made again otherwise."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from flows.engine.request import FlowRequest
from flows.settings import ReportSettings, ResearchSettings
from flows.steps.reporting import report
from flows.steps.reporting.kept_report import READ
from flows.tasks import REPORT
from lake.store import Lake
from lake.tables import TABLES, Table
from tests.flows.report.lake import LATER, small_lake


def request_of(root: Path, as_of: datetime = LATER, **settings: Any) -> FlowRequest:
    work = root.parent / "work"
    return FlowRequest(ResearchSettings(lake=root, work=work, **settings), as_of)


@pytest.fixture
def made(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Return the names of the reports that were built, not kept."""
    built, build = [], report.build_report

    def noted(*arguments: Any, **options: Any) -> report.ReportResult:
        found = build(*arguments, **options)
        built.append(found.path.name)
        return found

    monkeypatch.setattr(report, "build_report", noted)
    return built


def touch(path: Path) -> None:
    """Replace a file by a copy of itself, as a writer does."""
    copy = path.with_name("copy")
    shutil.copy(path, copy)
    copy.replace(path)


def touch_text(path: Path) -> None:
    path.write_text("{")


def first_of(root: Path, pattern: str) -> Path:
    return next(iter(sorted(root.glob(pattern))))


CHANGES: dict[str, Callable[[Path], None]] = {
    "a candle": lambda root: touch(first_of(root, "checked/candles/**/part.parquet")),
    "a bar": lambda root: touch(first_of(root, "checked/bars/**/part.parquet")),
    "a bad row": lambda root: touch(first_of(root, "checked/quarantine/**/part.parquet")),
    "a search": lambda root: touch(first_of(root, "research/searches/**/part.parquet")),
    "a fold": lambda root: touch(first_of(root, "research/folds/**/part.parquet")),
    "a trade": lambda root: touch(first_of(root, "research/trades/**/part.parquet")),
    "the release": lambda root: touch(first_of(root, "published/releases/*/manifest.json")),
    "which is current": lambda root: touch(root / "published/current"),
    "the page": lambda root: first_of(root, "reports/*.html").unlink(),
    "the page's text": lambda root: touch_text(first_of(root, "reports/*.html")),
    "the summary": lambda root: first_of(root, "reports/*.txt").unlink(),
    "what is noted": lambda root: touch_text(first_of(root.parent, "work/reports/*")),
}


@pytest.mark.parametrize("what", CHANGES)
def test_a_report_is_made_again_after_a_change(tmp_path: Path, made: list[str], what: str) -> None:
    root = tmp_path / "lake"
    small_lake(root)
    first = Path(REPORT.work(request_of(root), None, (), 1))
    page = first.read_bytes()
    assert REPORT.work(request_of(root), None, (), 1) == str(first)
    assert made == [first.name]
    CHANGES[what](root)
    assert REPORT.work(request_of(root), None, (), 1) == str(first)
    assert made == [first.name, first.name]
    assert first.read_bytes() == page
    REPORT.work(request_of(root), None, (), 1)
    assert len(made) == 2


def test_another_request_is_another_report(tmp_path: Path, made: list[str]) -> None:
    root = tmp_path / "lake"
    _, release_id = small_lake(root)
    asks: list[tuple[FlowRequest, str | None, tuple[tuple[str, str], ...], int]] = [
        (request_of(root), None, (), 1),
        (request_of(root), release_id, (), 1),
        (request_of(root), release_id, (("a.zip", "torn"),), 1),
        (request_of(root, LATER + timedelta(hours=1)), release_id, (), 1),
        (request_of(root, report=ReportSettings(language="ko")), release_id, (), 1),
        (request_of(root), release_id, (), 7),
    ]
    for count, (request, *rest) in enumerate(asks, start=1):
        REPORT.work(request, *rest)
        assert len(made) == count


def test_a_report_reads_no_table_that_is_not_watched(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    lake, _ = small_lake(tmp_path / "lake")
    read: set[str] = set()
    walk = Lake.partitions

    def noted(self: Lake, table: Table, **filters: str) -> Any:
        read.add(table.title)
        return walk(self, table, **filters)

    monkeypatch.setattr(Lake, "partitions", noted)
    for days in (1, 7):
        report.build_report(lake, as_of=LATER, release_id=None, days=days)
    watched = {table.title for table in READ}
    assert read <= watched
    assert watched - read <= {"features.structures"}
    assert len(watched) < len(TABLES)
