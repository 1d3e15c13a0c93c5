"""The page of a back-test in a real browser."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Literal

import pytest
from playwright.sync_api import Browser

from flows.report.backtest_page import backtest_html
from flows.report.language import Locale, localized
from tests.browser.pages import (
    PROGRAM,
    SCHEMES,
    WIDTHS,
    chromium,
    cut_texts,
    opened,
    read_by_keys,
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


DRAWN = """
const plain = CanvasRenderingContext2D.prototype.fillText;
window.drawn = [];
CanvasRenderingContext2D.prototype.fillText = function (text, x, ...rest) {
  const frame = document.timeline.currentTime;
  if (this.canvas.closest("#price")) window.drawn.push({ frame, text, x });
  return plain.call(this, text, x, ...rest);
};"""
"""Keeps every text that the chart of prices draws, with its frame and its place across."""


@pytest.mark.parametrize("zone", ["UTC", "America/New_York", "Asia/Seoul", "America/Halifax"])
def test_days_begin_on_the_axis_where_they_begin_by_the_clock_of_the_page(
    browser: Browser, tmp_path: Path, zone: str
) -> None:
    file = tmp_path / "result.html"
    with localized(Locale("en", zone)):
        file.write_text(backtest_html(small_run(*TWO, total=-0.01)), encoding="utf-8")
    page = browser.new_page(viewport={"width": 1440, "height": 844})
    page.add_init_script(DRAWN)
    page.goto(file.as_uri())
    page.evaluate("Nocturne.drawAll()")
    page.wait_for_function("window.drawn.some(({ text }) => text === '06 Oct')")
    drawn: list[dict[str, Any]] = page.evaluate("window.drawn")
    frame = max(one["frame"] for one in drawn if one["text"] == "06 Oct")
    ticks = [(one["text"], one["x"]) for one in drawn if one["frame"] == frame]
    places = dict(ticks)
    day = places["06 Oct"] - places["05 Oct"]
    hours = [(text, x) for text, x in ticks if re.fullmatch(r"\d\d:\d\d", text)]
    assert hours
    for text, x in hours:
        passed = (x - places["05 Oct"]) / day * 24 % 24
        assert passed == pytest.approx(int(text[:2]) + int(text[3:]) / 60, abs=0.25)


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
    assert text in read_by_keys(browser, file, key, [pressed])
