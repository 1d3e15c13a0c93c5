"""Two executors on one PostgreSQL server, and the dashboard of the first in a browser."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest
from playwright.sync_api import expect

from tests.browser.pages import PROGRAM, chromium
from tests.dashboard.test_browser import DEADLINE_MS, logged_in, served
from tests.executor.harness import Bench, Replay, utc
from tests.postgres import Database, Server

pytestmark = [
    pytest.mark.slow,
    pytest.mark.timeout(400),
    pytest.mark.skipif(PROGRAM is None, reason="needs Chromium: scripts/setup_browser.sh"),
]


@contextmanager
def trading(folder: Path, database: Database, account: str, begin: str) -> Iterator[Bench]:
    """A replay whose executor keeps its ledger, under this account, in the database."""
    extra = f'[ledger]\nurl = "{database.url}"\n'
    bench = Bench(folder, Replay(utc(begin), 6.0, extra=extra))
    try:
        text = bench.settings.read_text()
        assert 'account = "test"' in text
        bench.settings.write_text(text.replace('account = "test"', f'account = "{account}"'))
        yield bench
    finally:
        bench.close()


def test_every_executor_of_the_database_is_on_the_page_of_each(tmp_path: Path) -> None:
    with ExitStack() as held:
        server = held.enter_context(Server.running())
        database = held.enter_context(server.database())
        folders = [tmp_path / name for name in ("first", "second")]
        for folder in folders:
            folder.mkdir()
        first = held.enter_context(trading(folders[0], database, "first", "2025-06-20T14:00"))
        second = held.enter_context(trading(folders[1], database, "second", "2025-06-20T14:00"))
        one = first.start()
        browser = held.enter_context(chromium())
        address = held.enter_context(served(first))
        page, trouble = logged_in(browser, address, 390)
        rows = page.locator("table[data-part=executors] tbody tr")
        second.start()
        expect(rows).to_have_count(2, timeout=DEADLINE_MS)
        for row, account in enumerate(("first", "second")):
            expect(rows.nth(row)).to_contain_text(account)
            # The replayed day buys and is stopped out: the page follows both by itself.
            expect(rows.nth(row)).to_contain_text("−", timeout=DEADLINE_MS)
        assert page.evaluate("document.documentElement.scrollWidth") <= 390
        one.send_signal(signal.SIGTERM)
        one.wait(60)
        expect(page.locator("#executor")).to_contain_text("stopped", timeout=DEADLINE_MS)
        expect(rows).to_have_count(2)
        assert trouble == []
