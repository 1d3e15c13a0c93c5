"""The first screen: it answers in this order, and says what to do next."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from flows.report.lake_reader import ReportData, read_report_data
from flows.report.page import strategy_entries
from flows.report.sections.first_screen import first_screen
from flows.steps.reporting.report import build_report
from lake.releases.diff import ReleaseDiff
from lake.store import Lake
from tests.flows.report.lake import AS_OF, LATER, small_lake


@pytest.fixture(scope="module")
def lake(tmp_path_factory: pytest.TempPathFactory) -> Lake:
    return small_lake(tmp_path_factory.mktemp("first") / "lake")[0]


@pytest.fixture(scope="module")
def data(lake: Lake) -> ReportData:
    return read_report_data(lake, LATER, None)


def steps(data: ReportData) -> str:
    return " ".join(first_screen(data, strategy_entries(data)).steps)


def test_the_answers_come_in_the_order_of_the_questions(lake: Lake) -> None:
    page = build_report(lake, as_of=LATER, release_id=None).path.read_text()
    summary = page[page.index('id="summary"') : page.index('id="execution"')]
    places = [
        summary.index(text)
        for text in (
            "Made 1.90 USDT (+0.02 %)",
            "Trading now",
            "Can it be trusted?",
            "What changed",
            "What to do next",
        )
    ]
    assert places == sorted(places)


def test_what_is_traded_names_the_searched_parameters_and_the_validity(data: ReportData) -> None:
    grid = first_screen(data, strategy_entries(data)).trading
    assert grid is not None
    row = dict(zip(grid.head, grid.rows[0], strict=True))
    assert row["Parameters"].text == "k 0.5, stop_loss 0.02"
    assert row["State"].text == "! unproven"
    assert row["Sharpe"].text == "too few"
    assert row["Sharpe"].hint == "1.10 from 3 trades"


def test_each_check_has_a_verdict(data: ReportData) -> None:
    checks = first_screen(data, strategy_entries(data)).checks
    assert [(one.label, one.tone) for one in checks] == [
        ("Gates", "warn"),
        ("Validity", "good"),
        ("Fills and decisions", "good"),
        ("Protection", "good"),
        ("Parity with live", "warn"),
        ("Data", "bad"),
    ]
    assert "Best of" not in checks[0].text
    assert "1 fill" not in checks[3].text


def test_a_change_of_files_and_partitions_is_no_change_of_what_is_traded(data: ReportData) -> None:
    lines = ("breakout BTCUSDT k: 0.4 → 0.5", "file x: a → b", "partition y: added 3 rows")
    found = replace(data, changes=ReleaseDiff("before", "after", lines))
    changes = first_screen(found, strategy_entries(found)).changes
    assert changes.lines == ("breakout BTCUSDT k: 0.4 → 0.5",)
    same = replace(data, changes=ReleaseDiff("before", "after", lines[1:]))
    assert first_screen(same, ()).changes.lead == "The same strategies and parameters as before."


def test_an_unproven_release_is_kept_from_live(data: ReportData) -> None:
    assert "in replay or paper: 1 of 1 parameter set did not pass the gates" in steps(data)
    assert "at least one symbol was left out" in steps(data)


def test_an_expired_release_asks_for_a_new_one(data: ReportData) -> None:
    late = replace(data, as_of=AS_OF + timedelta(days=365))
    assert "the parameters have expired" in steps(late)
    assert first_screen(late, ()).checks[1].tone == "bad"


def test_an_open_position_without_a_stop_comes_first(data: ReportData) -> None:
    bare = [{**row, "id": 99, "closed_at": None} for row in data.ledger.positions]
    unsafe = replace(data, ledger=replace(data.ledger, positions=bare))
    assert steps(unsafe).startswith("Check the stops of BTCUSDT at the exchange now")
    assert first_screen(unsafe, ()).checks[3].tone == "bad"


def test_a_lake_without_a_release_asks_for_the_nightly(tmp_path: Path) -> None:
    empty = read_report_data(Lake(tmp_path), AS_OF, None)
    assert first_screen(empty, ()).steps == (
        "Run `nocturne flow nightly`: nothing is published, so nothing can trade.",
    )
