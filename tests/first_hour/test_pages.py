"""Task 4: see a back-test as a page."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Page

from tests.browser.pages import (
    PROGRAM,
    chromium,
    cut_texts,
    opened,
    readout,
    serious_faults,
    unfold,
)
from tests.first_hour import market
from tests.first_hour.terminal import piped
from tests.flows.report.test_korean_pages import english_left


@pytest.fixture(scope="module")
def page(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The page of a back-test, made by the command."""
    folder = tmp_path_factory.mktemp("pages")
    market.minutes().write_parquet(folder / "BTCUSDT.parquet")
    words = ["backtest", "--strategy", "breakout", "--candles", "BTCUSDT.parquet", *market.QUICK]
    said = piped([*words, "--html", "result.html"], folder, NOCTURNE_COMPILE="never")
    assert said.status == 0, said.errors
    return folder / "result.html"


@pytest.mark.parametrize("key", ["price", "equity", "months", "reasons", "returns", "excursions"])
def test_the_page_has_the_chart(key: str, page: Path) -> None:
    text = page.read_text(encoding="utf-8")
    found = re.search(rf'<script type="application/json" id="{key}-data">(.*?)</script>', text)
    assert found is not None
    assert json.loads(found[1])


def test_the_page_loads_nothing(page: Path) -> None:
    text = page.read_text(encoding="utf-8")
    assert not re.search(r"<(script|img|iframe)[^>]+src=|<link[^>]+href=", text)


@pytest.fixture(scope="module")
def surface(page: Path) -> Path:
    """The page of a search over the same candles."""
    words = ["search", "--strategy", "breakout", "--candles", "BTCUSDT.parquet"]
    words += ["--set", "filters=off", "--grid", "k=0.2:0.5:0.1", "--grid", "stop_loss=0.01,0.02"]
    said = piped([*words, "--html", "search.html"], page.parent, NOCTURNE_COMPILE="never")
    assert said.status == 0, said.errors
    return page.parent / "search.html"


def test_the_page_of_a_search_has_a_heat_map_with_the_choice(surface: Path) -> None:
    text = surface.read_text(encoding="utf-8")
    found = re.search(r'<script type="application/json" id="surface-0-data">(.*?)</script>', text)
    assert found is not None
    data = json.loads(found[1])
    assert (data["across"], data["down"]) == ("k", "stop_loss")
    assert [len(row) for row in data["values"]] == [4, 4]
    row, column = data["chosen"]
    assert data["values"][row][column] == max(map(max, data["values"]))
    assert "The best of 8 combinations" in text


def test_the_pages_speak_korean_by_the_setting(page: Path) -> None:
    words = ["backtest", "--strategy", "breakout", "--candles", "BTCUSDT.parquet", *market.QUICK]
    settings = {
        "NOCTURNE_RESEARCH_REPORT__LANGUAGE": "ko",
        "NOCTURNE_RESEARCH_REPORT__TIMEZONE": "Asia/Seoul",
    }
    said = piped([*words, "--html", "ko.html"], page.parent, NOCTURNE_COMPILE="never", **settings)
    assert said.status == 0, said.errors
    text = (page.parent / "ko.html").read_text(encoding="utf-8")
    assert '<html lang="ko" data-timezone="Asia/Seoul" data-zone="KST">' in text
    assert "<dt>체결 수수료</dt>" in text
    assert english_left(text) == []


def test_a_language_that_is_not_there_is_refused_before_the_work(page: Path) -> None:
    words = ["backtest", "--strategy", "breakout", "--candles", "BTCUSDT.parquet"]
    settings = {"NOCTURNE_RESEARCH_REPORT__LANGUAGE": "fr"}
    said = piped([*words, "--html", "fr.html"], page.parent, NOCTURNE_COMPILE="never", **settings)
    assert said.status in (1, 2)
    assert "'report.language' is 'fr': input should be 'en' or 'ko'" in said.errors
    assert said.raw == ""


@pytest.mark.slow
@pytest.mark.skipif(PROGRAM is None, reason="no Chromium: apt-get install chromium")
def test_the_heat_map_answers_to_the_keyboard_without_fault(surface: Path) -> None:
    with chromium() as browser:
        found = opened(browser, surface, 1440)
        found.page.locator("#surface-0").focus()
        found.page.keyboard.press("ArrowRight")
        assert "k" in readout(found.page, "surface-0")
        assert serious_faults(found.page) == []
        assert cut_texts(found.page) == []
        assert found.trouble == []


@pytest.mark.slow
@pytest.mark.skipif(PROGRAM is None, reason="no Chromium: apt-get install chromium")
def test_the_mouse_reads_value_plateau_and_choice_of_every_set(surface: Path) -> None:
    text = surface.read_text(encoding="utf-8")
    block = re.search(r'<script type="application/json" id="surface-0-data">(.*?)</script>', text)
    assert block is not None
    data = json.loads(block[1])
    with chromium() as browser:
        page = opened(browser, surface, 1440).page
        page.evaluate("Nocturne.drawAll()")
        sentence = readout(page, "surface-0")
        canvas = page.locator("#surface-0 canvas")
        canvas.scroll_into_view_if_needed()
        box = canvas.bounding_box()
        assert box is not None
        said = {
            read_at(page, box["x"] + x, box["y"] + y)
            for x in range(3, 480, 12)
            for y in range(5, int(box["height"]), 12)
        }
        page.mouse.move(box["x"] + 1, box["y"] - 5)
        assert readout(page, "surface-0") == sentence
    assert set(cell_texts(data)) == said - {sentence}


def read_at(page: Page, x: float, y: float) -> str:
    """Return what the heat map says with the mouse at a place of the window."""
    page.mouse.move(x, y)
    return readout(page, "surface-0")


def cell_texts(data: dict[str, Any]) -> list[str]:
    """Return what each cell says: its set, its value, and whether it was chosen or holds."""
    marked = [tuple(place) for place in data["marked"]]
    assert marked, "the chosen set has a plateau"
    texts = []
    for row, values in enumerate(data["values"]):
        for column, value in enumerate(values):
            shown = f"{100 * value:,.{data['digits']}f} %".replace("-", "\u2212")
            parts = [f"{data['across']} {data['columns'][column]}"]
            parts += [f"{data['down']} {data['rows'][row]}", shown]
            parts += ["chosen"] * (data["chosen"] == [row, column])
            parts += ["on the plateau"] * ((row, column) in marked)
            texts.append(" \u00b7 ".join(parts))
    return texts


@pytest.mark.slow
@pytest.mark.skipif(PROGRAM is None, reason="no Chromium: apt-get install chromium")
@pytest.mark.parametrize("width", [390, 1440])
def test_a_browser_shows_every_chart_without_fault(width: int, page: Path) -> None:
    with chromium() as browser:
        found = opened(browser, page, width)
        unfold(found.page)
        assert found.page.locator("canvas").count() >= 5
        assert serious_faults(found.page) == []
        assert cut_texts(found.page) == []
        assert found.trouble == []
