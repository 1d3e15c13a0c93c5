"""The report as one file: complete, self-contained, escaped, the same bytes from the same lake."""

from __future__ import annotations

import base64
import hashlib
import json
import re
from datetime import timedelta
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

from flows.report.assets import data_block
from flows.report.lake_reader import research_rows
from flows.steps.reporting.report import ReportResult, build_report
from lake.store import Lake
from lake.tables import DRIFT, SEARCHES
from tests.flows.report.lake import AS_OF, LATER, NASTY, small_lake, table
from trading.errors import ReleaseRefused

SECTIONS = (
    "summary",
    "execution",
    "parity",
    "strategies",
    "evidence",
    "ensemble",
    "models",
    "quality",
    "inputs",
)
VOID = {"meta", "link", "br", "hr", "img", "input"}
CREDIT = "https://www.tradingview.com/"


class Outline(HTMLParser):
    """Collects ids and attributes, and checks that every element is closed."""

    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.ids: list[str] = []
        self.tags: list[str] = []
        self.open: list[str] = []
        self.references: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        if tag not in VOID:
            self.open.append(tag)
        for name, value in attrs:
            if name == "id":
                self.ids.append(str(value))
            if name in ("src", "href", "xlink:href", "action", "data"):
                self.references.append(str(value))

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.handle_starttag(tag, attrs)
        if tag not in VOID:
            self.open.pop()

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag


@pytest.fixture
def lake(tmp_path: Path) -> Lake:
    return small_lake(tmp_path / "lake")[0]


def built(lake: Lake) -> ReportResult:
    return build_report(lake, as_of=LATER, release_id=None)


def outline(html: str) -> Outline:
    found = Outline()
    found.feed(html)
    return found


def test_every_section_is_there_and_every_element_is_closed(lake: Lake) -> None:
    result = built(lake)
    page = outline(result.path.read_text())
    assert result.sections == SECTIONS
    assert [name for name in page.ids if name in SECTIONS] == list(SECTIONS)
    assert page.open == []
    assert len(page.ids) == len(set(page.ids))


def test_the_report_is_named_after_its_release(tmp_path: Path) -> None:
    lake, release_id = small_lake(tmp_path)
    result = build_report(lake, as_of=LATER, release_id=release_id)
    assert result.path == tmp_path / "reports" / f"{release_id}.html"
    assert {path.name for path in result.path.parent.iterdir()} == {
        f"{release_id}.html",
        f"{release_id}.txt",
    }


def test_the_page_loads_nothing(lake: Lake) -> None:
    html = built(lake).path.read_text()
    page = outline(html)
    style = html[html.index("<style>") : html.index("</style>")]
    assert "url(" not in style
    assert "@import" not in style
    assert {"iframe", "img", "link", "object"} & set(page.tags) == set()
    assert {one for one in page.references if not one.startswith("#")} == {CREDIT}


def test_the_policy_allows_the_inlined_style_and_script_and_nothing_else(lake: Lake) -> None:
    html = built(lake).path.read_text()
    policy = re.search(r'Content-Security-Policy" content="([^"]+)"', html)
    assert policy is not None
    hashes = [
        "sha256-" + base64.b64encode(hashlib.sha256(part.encode()).digest()).decode()
        for part in (
            html[html.index("<script>") + 8 : html.index("</script>")],
            html[html.index("<style>") + 7 : html.index("</style>")],
        )
    ]
    assert policy[1] == (
        f"default-src 'none'; script-src '{hashes[0]}'; style-src '{hashes[1]}'; "
        "base-uri 'none'; form-action 'none'"
    )


def test_text_from_the_lake_is_escaped(lake: Lake) -> None:
    html = built(lake).path.read_text()
    assert NASTY not in html
    assert html.count("&lt;script&gt;") >= 4


def test_text_in_a_data_block_cannot_end_it() -> None:
    hostile = {"reason": "</script><script>alert('x')</script> & \u2028"}
    block = str(data_block(hostile))
    assert not set("<>&\u2028") & set(block)
    assert json.loads(block) == hostile


def test_the_same_lake_gives_the_same_bytes(lake: Lake) -> None:
    first = built(lake).path.read_bytes()
    built(lake).path.unlink()
    assert built(lake).path.read_bytes() == first


def test_the_state_and_its_reason_come_first(lake: Lake) -> None:
    html = built(lake).path.read_text()
    summary = html[html.index('id="summary"') : html.index('id="execution"')]
    assert "! unproven" in summary
    assert "0 of 1 parameter set passed every gate." in summary
    assert "best of the trials by luck and loss of the choice on unseen days" in html


def test_charts_have_a_title_and_a_description(lake: Lake) -> None:
    html = built(lake).path.read_text()
    charts = re.findall(r'<div class="chart" id="([^"]+)" data-kind="([^"]+)"[^>]*>', html)
    assert charts == [
        ("account-equity", "curves"),
        ("exit-reasons", "bars"),
        ("breakout-BTCUSDT-equity", "curves"),
        ("breakout-BTCUSDT-price", "candles"),
        ("breakout-BTCUSDT-months", "heat-map"),
        ("breakout-BTCUSDT-reasons", "bars"),
        ("breakout-BTCUSDT-returns", "bars"),
        ("breakout-BTCUSDT-folds", "bars"),
        ("breakout-BTCUSDT-total_return-0", "heat-map"),
        ("model-direction-1h-BTCUSDT-folds", "bars"),
    ]
    labels = re.findall(r'role="group" aria-roledescription="chart" aria-label="([^"]+)"', html)
    assert len(labels) == len(charts)


def data_of(html: str, key: str) -> dict[str, Any]:
    """Return the data of one chart."""
    block = html.split(f'id="{key}-data">')[1].split("</script>")[0]
    found: dict[str, Any] = json.loads(block)
    return found


def cells_of(html: str, start: str, end: str) -> list[list[str]]:
    """Return the texts of a table's rows, between two texts of the page."""
    begin = html.index(start)
    rows = re.findall(r"<tr[^>]*>(.*?)</tr>", html[begin : html.index(end, begin)], re.DOTALL)
    return [re.findall(r"<td[^>]*>([^<]*)</td>", row) for row in rows[1:]]


def test_the_page_holds_the_fold_table(lake: Lake) -> None:
    assert cells_of(built(lake).path.read_text(), "Fold table", "</table>") == [
        ["1", "2025-05-02 to 2025-05-03", "2025-05-03 to 2025-05-04", "k 0.5", "5.00 %", "2.00 %"],
        ["2", "2025-05-03 to 2025-05-04", "2025-05-04 to 2025-05-05", "k 0.5", "5.00 %", "−1.00 %"],
    ]


def test_the_page_holds_the_surface_of_every_combination(lake: Lake) -> None:
    surface = data_of(built(lake).path.read_text(), "breakout-BTCUSDT-total_return-0")
    assert (surface["across"], surface["columns"]) == ("k", ["0.4", "0.5"])
    assert (surface["down"], surface["rows"]) == ("stop_loss", ["0.02", "0.01"])
    assert surface["values"] == [[0.01, 0.04], [-0.02, 0.03]]
    assert surface["chosen"] == [0, 1]


def test_a_model_is_shown_beside_its_baselines(lake: Lake) -> None:
    html = built(lake).path.read_text()
    section = html[html.index('id="models"') : html.index('id="quality"')]
    assert "0 of 1 model passed every gate." in section
    assert "1 gate of 2 not passed: beats the best baseline. Nothing trades on it." in section
    assert re.search(r"this model</td><td [^>]*class=\"\">0\.497<", section)
    assert re.search(r"reversal of the last hour</td><td [^>]*class=\"good\">0\.511<", section)


def test_the_drift_of_the_night_is_shown_and_that_of_others_is_not(lake: Lake) -> None:
    for night, score in ((AS_OF, 1.37), (AS_OF - timedelta(days=1), 9.99)):
        row = {"as_of": night, "symbol": "BTCUSDT", "feature": "errors of volatility_1h"}
        rows = table([{**row, "score": score, "limit": 1.1}], DRIFT)
        lake.write(DRIFT, rows, run=f"drift-errors-BTCUSDT-{night:%Y%m%dT%H%M%SZ}")
    html = built(lake).path.read_text()
    section = html[html.index('id="models"') : html.index('id="quality"')]
    assert re.search(r"errors of volatility_1h</td><td [^>]*>1\.37</td>", section)
    assert "drifts: unproven" in section
    assert "9.99" not in section


def test_a_newer_run_replaces_an_older_one_of_the_same_subject(lake: Lake) -> None:
    rows = lake.read(SEARCHES).drop_columns(["run"])
    older = rows.set_column(
        rows.schema.get_field_index("as_of"),
        "as_of",
        pa.array([AS_OF - timedelta(days=1)] * rows.num_rows, rows.schema.field("as_of").type),
    )
    lake.write(SEARCHES, older, run="run-0")
    found = research_rows(lake, SEARCHES, AS_OF)
    assert len(found) == 4
    assert {row["as_of"] for row in found} == {AS_OF}


def test_trades_after_the_release_are_shown_only_once_they_are_known(lake: Lake) -> None:
    late = built(lake).path.read_text()
    early = build_report(lake, as_of=AS_OF + timedelta(hours=1), release_id=None).path.read_text()
    assert "n1-abcdefgh-aaaaaaaaaaaaaaaa-en-00" in late
    assert "n1-abcdefgh" not in early
    assert "The lake holds no ledger of an executor at this time." in early


def test_a_lake_without_a_release_says_so_in_every_section(tmp_path: Path) -> None:
    result = build_report(Lake(tmp_path), as_of=AS_OF, release_id=None)
    html = result.path.read_text()
    assert result.path.name == "20250506T000000Z-no-release.html"
    for sentence in (
        "No release was published at this time",
        "nothing is recorded as read",
        "The lake holds no checked candles at this time.",
        "No search was stored",
        "No model was trained",
        "The lake holds no ledger of an executor",
    ):
        assert sentence in html


def test_an_unknown_release_is_refused_with_its_name(lake: Lake) -> None:
    with pytest.raises(ReleaseRefused, match="20240101T000000Z-aaaaaaaa"):
        build_report(lake, as_of=AS_OF, release_id="20240101T000000Z-aaaaaaaa")
