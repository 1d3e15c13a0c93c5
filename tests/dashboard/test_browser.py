"""The dashboard in a real browser, on the real executor and the sandbox."""

from __future__ import annotations

import os
import signal
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Literal

import pytest
from playwright.sync_api import Browser, Page, expect

from dashboard.access.password import store_password
from tests.browser.pages import PROGRAM, SCHEMES, chromium, cut_texts, serious_faults
from tests.executor.harness import ROOT, Bench, Replay, utc
from tests.ports import free_port

pytestmark = [
    pytest.mark.slow,
    pytest.mark.timeout(400),
    pytest.mark.skipif(PROGRAM is None, reason="no Chromium: apt-get install chromium"),
]
DEADLINE_MS = 60_000
"""A busy machine may take long to load a page; what is measured has a figure of its own."""
PASSWORD = "correct horse battery"
MODES = (
    "select json_extract(data, '$.halt') as m from events where type = 'entries_changed'"
    " and json_extract(data, '$.by') = 'operator' order by rowid"
)
PAGES = ("", "trades", "research", "control", "log")


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with chromium() as found:
        yield found


@pytest.fixture(scope="module")
def bench(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Bench]:
    """A replay in which both symbols are bought and stopped out; it has not begun."""
    found = Bench(tmp_path_factory.mktemp("bench"), Replay(utc("2025-06-20T14:00"), 5.0))
    yield found
    found.close()


DASHBOARDS: dict[Path, int] = {}


def dashboard_of(bench: Bench) -> int:
    """Return the process id of the dashboard that serves a bench."""
    return DASHBOARDS[bench.folder]


@contextmanager
def served(bench: Bench) -> Iterator[str]:
    """Serve the dashboard of the bench as a process of its own; yield its address."""
    state = bench.folder / "state"
    state.mkdir(exist_ok=True)
    store_password(state, PASSWORD)
    port = free_port()
    process = subprocess.Popen(
        [
            *(sys.executable, "-m", "cli", "dashboard", "run"),
            *("--settings", str(bench.settings), "--port", str(port)),
        ],
        stdout=subprocess.PIPE,
        text=True,
        cwd=ROOT,
    )
    DASHBOARDS[bench.folder] = process.pid
    try:
        assert process.stdout is not None
        assert f"http://127.0.0.1:{port}/" in process.stdout.readline()
        yield f"http://127.0.0.1:{port}"
    finally:
        process.send_signal(signal.SIGINT)
        process.communicate(timeout=DEADLINE_MS / 1000)


@pytest.fixture(scope="module")
def address(bench: Bench) -> Iterator[str]:
    with served(bench) as found:
        yield found


def logged_in(
    browser: Browser, address: str, width: int = 1440, scheme: Literal["light", "dark"] = "light"
) -> tuple[Page, list[str]]:
    """Return a page after the login, and whatever it should not have done."""
    page = browser.new_page(viewport={"width": width, "height": 844}, color_scheme=scheme)
    page.set_default_timeout(DEADLINE_MS)
    trouble: list[str] = []
    page.on("console", lambda message: trouble.append(message.text))
    page.on("pageerror", lambda error: trouble.append(str(error)))
    page.on(
        "request",
        lambda sent: None if sent.url.startswith((address, "data:")) else trouble.append(sent.url),
    )
    page.goto(f"{address}/login")
    page.fill("#password", PASSWORD)
    page.keyboard.press("Enter")
    expect(page.locator("#stream")).to_have_text("live", timeout=DEADLINE_MS)
    return page, trouble


def test_a_fill_becomes_visible_while_the_page_is_open(
    browser: Browser, bench: Bench, address: str
) -> None:
    page, trouble = logged_in(browser, address)
    expect(page.get_by_text("No position is open.")).to_be_visible()
    page.goto(f"{address}/trades")
    bench.finish()
    rows = page.locator("table[data-part=trades] tbody tr")
    closed = bench.rows("select count(*) as n from positions where closed_at is not null")[0]["n"]
    assert closed >= 2
    expect(rows).to_have_count(closed, timeout=DEADLINE_MS)
    expect(page.locator("#executor")).to_contain_text("stopped · replay", timeout=DEADLINE_MS)
    sorts_by_a_click(page, "After fees")
    assert trouble == []


def sorts_by_a_click(page: Page, column: str) -> None:
    table = page.locator("table[data-part=trades]")
    cells = table.locator(f"tbody td[data-label='{column}']")
    head = table.get_by_role("columnheader", name=column)
    for order in ("ascending", "descending"):
        head.get_by_role("button").click()
        expect(head).to_have_attribute("aria-sort", order)
        found = [float(text.replace(",", "").replace("−", "-")) for text in cells.all_inner_texts()]
        assert found == sorted(found, reverse=order == "descending")


@pytest.mark.parametrize("scheme", SCHEMES)
@pytest.mark.parametrize("width", [360, 768, 1440])
def test_every_page_is_sound_at_every_width_and_scheme(
    browser: Browser, address: str, width: int, scheme: Literal["light", "dark"]
) -> None:
    page, trouble = logged_in(browser, address, width, scheme)
    for name in PAGES:
        page.goto(f"{address}/{name}")
        expect(page.locator("#stream")).to_have_text("live", timeout=DEADLINE_MS)
        assert serious_faults(page) == [], name
        assert cut_texts(page) == [], name
        assert page.evaluate("document.documentElement.scrollWidth") <= width, name
    assert trouble == []


def test_a_page_that_stood_still_shows_the_ledger_again_by_itself(
    browser: Browser, bench: Bench
) -> None:
    with served(bench) as address:
        page, _ = logged_in(browser, address)
        page.goto(f"{address}/trades")
        rows = page.locator("table[data-part=trades] tbody tr")
        closed = bench.rows("select count(*) as n from positions where closed_at is not null")
        expect(rows).to_have_count(closed[0]["n"], timeout=DEADLINE_MS)
        number = dashboard_of(bench)
        os.kill(number, signal.SIGSTOP)
        try:
            expect(page.locator("#stream")).not_to_have_text("live", timeout=DEADLINE_MS)
            expect(page.locator("#stream")).to_have_text("offline", timeout=DEADLINE_MS)
            with sqlite3.connect(bench.ledger) as ledger:
                ledger.execute("update positions set closed_at = null where id = 1")
        finally:
            os.kill(number, signal.SIGCONT)
        expect(rows).to_have_count(closed[0]["n"] - 1, timeout=DEADLINE_MS)
        expect(page.locator("#stream")).to_have_text("live", timeout=DEADLINE_MS)
        ledger.close()


def test_the_page_says_offline_when_nobody_answers(browser: Browser, bench: Bench) -> None:
    with served(bench) as address:
        page, _ = logged_in(browser, address)
    expect(page.locator("#stream")).to_have_text("offline", timeout=DEADLINE_MS)


def test_the_operator_pauses_resumes_flattens_and_stops_from_the_page(
    browser: Browser, tmp_path: Path
) -> None:
    bench = Bench(tmp_path, Replay(utc("2025-06-20T14:00"), 5.0))
    try:
        process = bench.start()
        with served(bench) as address:
            page, trouble = logged_in(browser, address, 390)
            page.goto(f"{address}/control")
            expect(page.locator("#executor")).to_contain_text("running", timeout=DEADLINE_MS)
            notice = page.locator(".notice")
            page.get_by_role("button", name="Pause entries").click()
            expect(notice).to_contain_text("Entries are off", timeout=DEADLINE_MS)
            _typed(page, "resume", "RESUME")
            expect(notice).to_contain_text("Entries are on", timeout=DEADLINE_MS)
            page.select_option("select[name=setting]", "risk.max_concurrent")
            page.fill("form[action='/control/set'] input[name=value]", "2")
            _typed(page, "set", "CHANGE")
            expect(notice).to_contain_text(
                "Taken over: risk.max_concurrent 5 → 2.", timeout=DEADLINE_MS
            )
            _typed(page, "unset", "CHANGE")
            expect(notice).to_contain_text(
                "Taken over: risk.max_concurrent 2 → 5.", timeout=DEADLINE_MS
            )
            _typed(page, "flatten", "FLATTEN")
            expect(notice).to_contain_text(
                "Flat: the exchange shows no position", timeout=DEADLINE_MS
            )
            # The words are there before the style sheet is.
            page.wait_for_load_state("load")
            assert page.evaluate("document.documentElement.scrollWidth") <= 390
            _typed(page, "stop", "STOP")
            expect(notice).to_contain_text("Stopping", timeout=DEADLINE_MS)
            assert process.wait(timeout=60) == 0
            expect(page.locator("#executor")).to_contain_text("stopped", timeout=DEADLINE_MS)
            page.get_by_role("button", name="Pause entries").click()
            expect(notice).to_contain_text("no executor answers", timeout=DEADLINE_MS)
            assert trouble == []
        modes = [row["m"] for row in bench.rows(MODES)]
        assert modes == ["entries-off", "running", "flatten"]
    finally:
        bench.close()


def _typed(page: Page, command: str, word: str) -> None:
    """Type the word of a command and send it by the keyboard."""
    field = page.locator(f"form[action='/control/{command}'] input[name=typed]")
    field.fill(word)
    field.press("Enter")
