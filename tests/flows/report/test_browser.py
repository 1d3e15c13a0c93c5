"""The report in a real browser, on a phone, a tablet and a screen, light and dark."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Literal

import pytest
from playwright.sync_api import Browser, expect

from flows.report.language import Locale
from flows.steps.reporting.report import build_report
from tests.browser.pages import (
    PROGRAM,
    SCHEMES,
    WIDTHS,
    chromium,
    cut_texts,
    opened,
    read_by_keys,
    readout,
    serious_faults,
    unfold,
)
from tests.flows.report.lake import LATER, small_lake

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(PROGRAM is None, reason="no Chromium: apt-get install chromium"),
]
PHONE_SCREENS = 12


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with chromium() as found:
        yield found


@pytest.fixture(scope="module")
def report(tmp_path_factory: pytest.TempPathFactory) -> Path:
    lake, release = small_lake(tmp_path_factory.mktemp("report") / "lake", strategy="ict_mixed")
    return build_report(lake, as_of=LATER, release_id=release).path


@pytest.fixture(scope="module")
def breakout(tmp_path_factory: pytest.TempPathFactory) -> Path:
    lake, release = small_lake(tmp_path_factory.mktemp("breakout") / "lake")
    return build_report(lake, as_of=LATER, release_id=release).path


@pytest.mark.parametrize("scheme", SCHEMES)
@pytest.mark.parametrize("width", WIDTHS)
def test_every_width_and_scheme_is_sound(
    browser: Browser, breakout: Path, width: int, scheme: Literal["light", "dark"]
) -> None:
    found = opened(browser, breakout, width, scheme)
    assert serious_faults(found.page) == []
    unfold(found.page)
    assert found.page.locator("canvas").count() >= 10
    assert serious_faults(found.page) == []
    assert cut_texts(found.page) == []
    assert found.page.evaluate("document.documentElement.scrollWidth") <= width
    assert found.trouble == []


@pytest.fixture(scope="module")
def korean(tmp_path_factory: pytest.TempPathFactory) -> Path:
    lake, release = small_lake(tmp_path_factory.mktemp("korean") / "lake", strategy="ict_mixed")
    chosen = Locale("ko", "Asia/Seoul")
    return build_report(lake, as_of=LATER, release_id=release, chosen=chosen).path


@pytest.mark.parametrize("width", WIDTHS)
def test_the_korean_page_is_sound(browser: Browser, korean: Path, width: int) -> None:
    found = opened(browser, korean, width, "dark")
    height = found.page.evaluate("document.documentElement.scrollHeight")
    assert width > WIDTHS[0] or height <= PHONE_SCREENS * 844
    unfold(found.page)
    assert serious_faults(found.page) == []
    assert cut_texts(found.page) == []
    assert found.page.evaluate("document.documentElement.scrollWidth") <= width
    assert found.trouble == []


@pytest.mark.parametrize(
    ("key", "keys", "text"),
    [
        ("account-equity", ["Home"], "2025-05-06 11:00 KST · 자산 평가액 10,000.00 USDT"),
        ("exit-reasons", ["ArrowRight"], "익절 · 수익 1 · 손실 0"),
        (
            "ict-mixed-BTCUSDT-price",
            ["Home"],
            "2025-05-03 09:00 KST · 시가 101.29 · 고가 105.29 · 저가 100.29 · 종가",
        ),
    ],
)
def test_the_keyboard_reads_korean_charts(
    browser: Browser, korean: Path, key: str, keys: list[str], text: str
) -> None:
    assert text in read_by_keys(browser, korean, key, keys)


def test_a_cut_column_would_be_found(browser: Browser, breakout: Path) -> None:
    page = opened(browser, breakout, 390).page
    assert cut_texts(page) == []
    page.evaluate("document.querySelector('table.rows').style.width = '700px'")
    assert cut_texts(page) != []


def test_the_folded_page_is_at_most_twelve_screens_of_a_phone(
    browser: Browser, breakout: Path
) -> None:
    page = opened(browser, breakout, 390).page
    height = page.evaluate("document.documentElement.scrollHeight")
    assert height <= PHONE_SCREENS * 844


def test_the_first_screen_says_what_the_account_did(browser: Browser, breakout: Path) -> None:
    page = opened(browser, breakout, 390).page
    for text in ("Made 1.90 USDT (+0.02 %)", "10,001.90", "Today", "Win rate"):
        expect(page.get_by_text(text, exact=True).first).to_be_in_viewport()


def test_the_pointer_reads_a_curve_and_leaving_restores_the_sentence(
    browser: Browser, breakout: Path
) -> None:
    page = opened(browser, breakout, 1440).page
    rest = readout(page, "account-equity")
    box = page.locator("#account-equity")
    box.hover(position={"x": 400, "y": 60})
    assert "equity 10,00" in readout(page, "account-equity")
    assert "drawdown" in readout(page, "account-equity")
    page.mouse.move(5, 5)
    assert readout(page, "account-equity") == rest


@pytest.mark.parametrize(
    ("key", "keys", "text"),
    [
        ("account-equity", ["Home"], "2025-05-06 02:00 UTC · equity 10,000.00 USDT"),
        ("account-equity", ["End"], "2025-05-06 05:00 UTC · equity 10,001.90 USDT"),
        ("exit-reasons", ["ArrowRight"], "take profit · won 1 · lost 0"),
        ("breakout-BTCUSDT-price", ["ArrowDown"], "long 100.00 → 103.00, 3.00 % (take profit)"),
        ("breakout-BTCUSDT-price", ["End", "ArrowUp"], "1.00 % (day end)"),
        ("breakout-BTCUSDT-months", ["Home", "ArrowRight"], "Feb · 2025 · –"),
        ("breakout-BTCUSDT-folds", ["ArrowRight", "ArrowRight"], "the test return −1.00 %"),
        (
            "breakout-BTCUSDT-total_return-0",
            ["ArrowDown"],
            "stop_loss 0.02 · 4.0 % · chosen",
        ),
        ("breakout-BTCUSDT-total_return-0", ["ArrowDown", "ArrowDown"], "stop_loss 0.01 · 3.0 %"),
    ],
)
def test_the_keyboard_reads_every_chart(
    browser: Browser, breakout: Path, key: str, keys: list[str], text: str
) -> None:
    assert text in read_by_keys(browser, breakout, key, keys)


def test_a_chart_zooms_by_keyboard(browser: Browser, breakout: Path) -> None:
    found = opened(browser, breakout, 1440)
    unfold(found.page)
    chart = found.page.locator("#breakout-BTCUSDT-price")
    before = chart.screenshot()
    chart.focus()
    found.page.keyboard.press("+")
    found.page.wait_for_timeout(100)
    assert chart.screenshot() != before
    assert found.trouble == []


def test_structures_are_drawn_without_an_error(browser: Browser, report: Path) -> None:
    found = opened(browser, report, 1440, "dark")
    unfold(found.page)
    assert found.trouble == []


def test_a_click_on_a_column_sorts_and_a_filter_hides_rows(
    browser: Browser, breakout: Path
) -> None:
    page = opened(browser, breakout, 1440).page
    unfold(page)
    table = page.locator("table", has=page.get_by_role("button", name="Exit (UTC)"))
    net = table.get_by_role("button", name="Net")
    column = table.locator("tbody tr td:nth-child(6)")
    net.click()
    assert column.all_inner_texts() == ["−1.00 %", "1.00 %", "3.00 %"]
    net.click()
    assert column.all_inner_texts() == ["3.00 %", "1.00 %", "−1.00 %"]
    assert table.locator("th[aria-sort=descending]").count() == 1


def test_the_switch_changes_the_colours_and_is_kept(browser: Browser, breakout: Path) -> None:
    found = opened(browser, breakout, 1440, "light")
    page = found.page
    colour = "getComputedStyle(document.body).backgroundColor"
    light = page.evaluate(colour)
    switch = page.locator("#theme")
    switch.click()
    switch.click()
    assert switch.inner_text() == "Colours: dark"
    assert page.evaluate(colour) != light
    page.reload()
    assert page.locator("#theme").inner_text() == "Colours: dark"
    assert found.trouble == []


def test_a_link_opens_what_is_folded(browser: Browser, breakout: Path) -> None:
    page = opened(browser, breakout, 1440).page
    card = page.locator("#breakout-BTCUSDT .inside")
    assert not card.is_visible()
    page.evaluate("location.hash = 'breakout-BTCUSDT'")
    expect(card).to_be_visible()
    expect(page.locator("#breakout-BTCUSDT-equity canvas").first).to_be_visible()
