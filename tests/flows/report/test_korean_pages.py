"""Whole pages in Korean: no sentence is left in English."""

from __future__ import annotations

import re
from html.parser import HTMLParser
from pathlib import Path

import pytest

from flows.report.backtest_page import backtest_html
from flows.report.language import Locale, localized
from flows.report.search_page import SearchRun, search_html
from flows.steps.reporting.report import build_report
from lake.store import Lake
from tests.flows.report.backtests import TWO, small_run
from tests.flows.report.lake import LATER, small_lake
from trading.metrics import Metrics

KOREAN = Locale("ko", "Asia/Seoul")


class Visible(HTMLParser):
    """Collects what a reader sees or hears, without what is marked as English."""

    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.texts: list[str] = []
        self.skipped: list[str] = []
        self.attributes: dict[str, str | None] = {}

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        found = dict(attrs)
        if tag == "html":
            self.attributes = found
        if self.skipped or tag in ("script", "style") or found.get("lang") == "en":
            if tag not in ("meta", "link", "br", "input"):
                self.skipped.append(tag)
            return
        names = ("title", "aria-label", "placeholder", "data-label", "aria-roledescription")
        self.texts += [str(found[name]) for name in names if found.get(name)]

    def handle_endtag(self, tag: str) -> None:
        if self.skipped and self.skipped[-1] == tag:
            self.skipped.pop()

    def handle_data(self, data: str) -> None:
        if not self.skipped and data.strip():
            self.texts.append(data.strip())


def english_left(html: str) -> list[str]:
    """Return the texts with three English words in a row, or that are English words alone."""
    page = Visible()
    page.feed(html)
    ours = re.compile(r"`[^`]*`|--json FILE|<script>alert\('x'\)</script>|</script>|Asia/Seoul")
    names = {"Nocturne", "LightGBM", "SHAP", "AUC", "HAR (Corsi, 2009)", "HAR"}
    left = []
    for text in dict.fromkeys(page.texts):
        plain = ours.sub("", text)
        sentence = re.search(r"[A-Za-z]{3,} [a-z]{2,} [a-z]{2,}", plain)
        words = re.fullmatch(r"[A-Z][a-z]{2,}|[A-Za-z]{2,}( [a-z]{2,})+", plain.strip(" .✓✗!"))
        if text not in names and (sentence or words):
            left.append(text)
    return left


@pytest.mark.parametrize("strategy", ["breakout", "ict_mixed"])
def test_the_report_in_korean_has_no_english_left(tmp_path: Path, strategy: str) -> None:
    lake, release = small_lake(tmp_path / "lake", strategy=strategy)
    html = build_report(lake, as_of=LATER, release_id=release, chosen=KOREAN).path.read_text()
    nasty = "<script>alert('x')</script>"
    recorded = [f"log return {nasty}", f"✗ 제외됨: 40 rows are bad {nasty}"]
    assert english_left(html) == [*recorded, f"high below open {nasty}"]
    assert "1.90 USDT 수익" in html
    assert "2025-05-07 09:00 KST" in html
    assert "기록된 사유 안의 시각은 UTC입니다." in html


def test_without_a_release_the_report_is_korean_too(tmp_path: Path) -> None:
    lake = Lake(tmp_path / "lake")
    html = build_report(lake, as_of=LATER, release_id=None, chosen=KOREAN).path.read_text()
    assert english_left(html) == []


def test_the_page_says_its_language_and_zone(tmp_path: Path) -> None:
    lake, release = small_lake(tmp_path / "lake")
    page = Visible()
    page.feed(build_report(lake, as_of=LATER, release_id=release, chosen=KOREAN).path.read_text())
    expected = {"lang": "ko", "data-timezone": "Asia/Seoul", "data-zone": "KST"}
    assert page.attributes == expected


def test_an_english_page_carries_no_catalogue(tmp_path: Path) -> None:
    lake, release = small_lake(tmp_path / "lake")
    html = build_report(lake, as_of=LATER, release_id=release).path.read_text()
    assert '<html lang="en" data-timezone="UTC" data-zone="UTC">' in html
    assert 'id="words"' not in html
    assert "Made 1.90 USDT" in html
    assert "recorded reasons" not in html


def test_the_page_of_a_back_test_in_korean_has_no_english_left() -> None:
    with localized(KOREAN):
        html = backtest_html(small_run(*TWO, total=-0.01))
    assert english_left(html) == []
    assert "백테스트" in html


def metrics(result: float) -> Metrics:
    """Return the metrics of 40 trades."""
    return Metrics(result, 40, 0.5, 0.1, 1.5, 2.0, 3.0, 1.4, 0.01, 0.3, 0.2, -0.05, 90)


def test_the_page_of_a_search_in_korean_has_no_english_left() -> None:
    results = [({"k": k, "stop_loss": s}, metrics(k - s)) for k in (0.4, 0.5) for s in (0.1, 0.9)]
    ranked = sorted(results, key=lambda one: -one[1].total_return)
    sentence = "4 sets tried, 2 independent; deflated Sharpe ratio of the best 0.412"
    with localized(KOREAN):
        run = SearchRun("breakout", "BTC.csv", results, ranked, "total_return", sentence, ())
        html = search_html(run)
    assert english_left(html) == []
    assert "조합 4개 시도, 독립 2개. 최고 조합의 보정 샤프 지수 0.412" in html
