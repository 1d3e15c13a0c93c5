"""The page of a back-test in a real browser."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Literal

import pytest
from playwright.sync_api import Browser

from flows.report.backtest_page import backtest_html
from tests.browser.pages import (
    PROGRAM,
    SCHEMES,
    WIDTHS,
    chromium,
    cut_texts,
    opened,
    readout,
    serious_faults,
    unfold,
)
from tests.flows.report.backtests import TWO, small_run

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(PROGRAM is None, reason="no Chromium: apt-get install chromium"),
]


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with chromium() as found:
        yield found


@pytest.fixture(scope="module")
def file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("backtest") / "result.html"
    path.write_text(backtest_html(small_run(*TWO, total=-0.01)), encoding="utf-8")
    return path


@pytest.mark.parametrize("scheme", SCHEMES)
@pytest.mark.parametrize("width", WIDTHS)
def test_every_width_and_scheme_is_sound(
    browser: Browser, file: Path, width: int, scheme: Literal["light", "dark"]
) -> None:
    found = opened(browser, file, width, scheme)
    unfold(found.page)
    assert serious_faults(found.page) == []
    assert cut_texts(found.page) == []
    assert found.page.evaluate("document.documentElement.scrollWidth") <= width
    assert found.trouble == []


@pytest.mark.parametrize(
    ("key", "pressed", "text"),
    [
        ("equity", "End", "strategy −1.00 % · buy and hold 96.00 % · drawdown −10.00 %"),
        ("price", "ArrowDown", "long 110.00 → 120.00, 10.00 % (take profit)"),
        ("excursions", "ArrowRight", "long of 2024-10-04 10:00 UTC · MAE 1.82 % · MFE 11.82 %"),
        ("returns", "ArrowRight", "lost 1"),
    ],
)
def test_the_keyboard_reads_the_charts(
    browser: Browser, file: Path, key: str, pressed: str, text: str
) -> None:
    found = opened(browser, file, 1440)
    unfold(found.page)
    found.page.locator(f"#{key}").focus()
    found.page.keyboard.press(pressed)
    assert text in readout(found.page, key)
    assert found.trouble == []
