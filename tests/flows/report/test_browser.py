"""The report in a real browser."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, sync_playwright

from flows.steps.reporting.report import build_report
from tests.flows.report.lake import LATER, small_lake

PROGRAM = shutil.which("chromium") or shutil.which("google-chrome")
OPTIONS = ["--no-sandbox", "--disable-gpu", "--disable-background-networking"]

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(PROGRAM is None, reason="no Chromium: apt-get install chromium"),
]


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with sync_playwright() as driver:
        found = driver.chromium.launch(executable_path=PROGRAM, args=OPTIONS)
        yield found
        found.close()


@pytest.fixture(scope="module")
def report(tmp_path_factory: pytest.TempPathFactory) -> Path:
    lake, release = small_lake(tmp_path_factory.mktemp("report") / "lake")
    return build_report(lake, as_of=LATER, release_id=release).path


def opened(browser: Browser, report: Path, width: int) -> tuple[Page, list[str]]:
    """Return the page, and every request and message that it should not have made."""
    page, trouble = browser.new_page(viewport={"width": width, "height": 900}), []
    page.on("console", lambda message: trouble.append(message.text))
    page.on("pageerror", lambda error: trouble.append(str(error)))
    page.on(
        "request", lambda sent: None if sent.url == report.as_uri() else trouble.append(sent.url)
    )
    page.goto(report.as_uri())
    return page, trouble


def test_the_page_requests_nothing_and_reports_no_error(browser: Browser, report: Path) -> None:
    page, trouble = opened(browser, report, 1200)
    assert page.locator("article").count() >= 2
    assert trouble == []


def test_no_table_column_is_cut_off_on_a_screen(browser: Browser, report: Path) -> None:
    page, _ = opened(browser, report, 1200)
    page.evaluate("document.querySelectorAll('details').forEach(d => d.open = true)")
    cut = page.eval_on_selector_all(
        ".pair .scroll",
        "boxes => boxes.filter(b => b.scrollWidth > b.clientWidth).map(b => b.innerText)",
    )
    assert cut == []


@pytest.mark.parametrize("width", [400, 800, 1200])
def test_the_page_itself_never_scrolls_sideways(browser: Browser, report: Path, width: int) -> None:
    page, _ = opened(browser, report, width)
    page.evaluate("document.querySelectorAll('details').forEach(d => d.open = true)")
    assert page.evaluate("document.documentElement.scrollWidth") <= width


def test_a_closed_table_opens_with_a_click(browser: Browser, report: Path) -> None:
    page, _ = opened(browser, report, 1200)
    table = page.locator("details table").first
    assert not table.is_visible()
    page.locator("details summary").first.click()
    assert table.is_visible()
