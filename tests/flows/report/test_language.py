"""The pages in Korean: every text has its translation, and none is left in English."""

from __future__ import annotations

import ast
import importlib
import re
import string
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest
from pydantic import ValidationError

import web
from executor.notifications.catalogue import FIELDS, VALUES
from flows.report import formats, language, tables
from flows.report.assets import SCRIPT_WORDS
from flows.report.charts.curves import Curve
from flows.report.charts.prices import TradeMark
from flows.report.charts.trades import monthly_returns
from flows.report.language import Locale, localized, recorded, tr
from flows.report.sections import account, first_screen
from flows.report.sections.execution import LedgerRows
from flows.report.views import Page
from flows.settings import ReportSettings
from flows.steps.features.features import feature_descriptions
from trading.ensemble.regimes import LABELS
from trading.market.gaps import Gaps
from trading.order_ids import LEGS
from trading.positions.position import REASONS
from trading.research.evidence.states import HypothesisEvidence
from trading.research.gates import GateEvidence, evaluate_gates
from trading.research.probes.warmup import Warmup, WarmupRow

ROOT = Path(language.__file__).parent
KOREAN = Locale("ko", "Asia/Seoul")
CONSTANTS = {
    "flows.report.formats": ("MONTHS",),
    "flows.report.sections.account": ("POSITION_HEAD",),
    "flows.report.sections.comparison": ("MEASURES",),
    "flows.report.sections.drift": ("HEAD",),
    "flows.report.sections.evidence": ("_HYPOTHESES", "_REFUSED"),
    "flows.report.sections.execution": ("TRIP_HEAD", "ORDER_HEAD"),
    "flows.report.sections.first_screen": ("TRADING_HEAD",),
    "flows.report.sections.forecasts": ("HEAD",),
    "flows.report.sections.models": ("TARGETS", "BASELINES", "SCORES"),
    "flows.report.sections.parameter_surfaces": ("SURFACES",),
    "flows.report.sections.parity": ("_DAYS", "_ROWS"),
    "flows.report.sections.quality": ("SERIES_HEAD",),
    "flows.report.sections.strategies": ("FOLD_NAMES", "FOLD_MEASURES", "GAP_COLUMNS"),
    "flows.report.sections.trade_summary": ("ROWS",),
    "flows.report.return_tables": ("PERIOD_HEAD",),
    "flows.report.trade_tables": ("WEEKDAYS", "GROUP_HEAD", "DRAWDOWN_HEAD"),
    "flows.report.tables": ("GATE_NAMES", "MEASURES", "BESIDE"),
}
"""Texts that modules hold as data and translate where they are shown."""


def calls() -> Iterator[str]:
    """Yield every text that the code and the templates hand to `tr` or `counted`."""
    folders = (ROOT, ROOT.parents[1] / "cli" / "pages", ROOT.parent / "steps" / "reporting")
    for path in [path for folder in folders for path in folder.rglob("*.py")]:
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if not isinstance(node, ast.Call):
                continue
            name = getattr(node.func, "id", getattr(node.func, "attr", ""))
            texts = [one.value for one in node.args if isinstance(one, ast.Constant)]
            if name == "tr" and texts:
                yield str(texts[0])
            elif name == "counted" and texts:
                yield "{count} " + str(texts[1] if len(texts) > 1 else f"{texts[0]}s")
    for path in (ROOT / "templates").iterdir():
        yield from re.findall(r'tr\("([^"]+)"', path.read_text(encoding="utf-8"))


def constants() -> Iterator[str]:
    """Yield the texts of `CONSTANTS`."""
    for module, names in CONSTANTS.items():
        for name in names:
            found = getattr(importlib.import_module(module), name)
            pairs = found.items() if isinstance(found, dict) else found
            label = 0 if name == "ROWS" else 1
            yield from (one if isinstance(one, str) else one[label] for one in pairs)


OTHER = {
    *("proven", "unproven", "confirmed"),
    *("ridge", "logistic", "random forest", "the best baseline"),
    *("deflated sharpe", "sharpe", "total return", "win rate", "profit factor", "max drawdown"),
}
"""Texts that come from stored rows and from options."""
WANTED = sorted(
    {
        *calls(),
        *constants(),
        *SCRIPT_WORDS,
        *LEGS.values(),
        *(reason.replace("_", " ") for reason in REASONS if reason),
        *(text for label in LABELS for text in (label.replace("_", " "),)),
        *(label.replace("_", " ").capitalize() for label in LABELS),
        *(label for _, label in Page.__dataclass_fields__["sections"].default),
        *feature_descriptions().values(),
    }
    - {""}
)


def test_every_text_has_its_korean() -> None:
    assert [text for text in WANTED if text not in language.catalogue("ko")] == []


def placeholders(text: str) -> set[str]:
    return {name for _, name, _, _ in string.Formatter().parse(text) if name}


def test_a_translation_has_the_placeholders_of_its_text() -> None:
    pairs = language.catalogue("ko").items()
    assert [text for text, korean in pairs if placeholders(korean) != placeholders(text)] == []
    assert [text for text, korean in pairs if not korean.strip()] == []


def test_a_text_that_no_code_shows_would_be_noticed() -> None:
    shown = language._tables("ko")
    texts = {
        *shown["page"],
        *shown["account"],
        *shown["sentences"],
        *shown["counts"],
        *shown["summary"],
    }
    assert sorted(texts - set(WANTED) - OTHER) == []


def test_the_catalogue_holds_no_text_twice() -> None:
    tables_of = language._tables("ko").values()
    assert sum(len(one) for one in tables_of) == len(language.catalogue("ko"))


def test_the_words_of_the_scripts_are_handed_to_them() -> None:
    folder = Path(web.__file__).parent
    scripts = [*(folder / "charts").glob("*.js"), folder / "page" / "tables.js"]
    said = {
        text
        for path in scripts
        for text in re.findall(r'\bword\("([^"]+)"', path.read_text(encoding="utf-8"))
    }
    assert said
    assert said <= set(SCRIPT_WORDS)


def test_reports_and_alerts_use_the_same_korean_words() -> None:
    korean = {text.lower(): word for text, word in language.catalogue("ko").items()}
    shared = {name: word for name, word in {**FIELDS, **VALUES}.items() if name in korean}
    assert {"symbol", "side", "quantity"} <= set(shared)
    differ = {"on", "reason", "stop", "time", "from", "share", "size", "order", "trades in 24 h"}
    assert {
        name: word for name, word in shared.items() if name not in differ and korean[name] != word
    } == {}


def in_korean(sentence: str) -> str:
    with localized(KOREAN):
        return recorded(sentence)


@pytest.mark.parametrize(
    "sentence",
    [
        Gaps(1, 1).sentence,
        Gaps(1, 1_200).sentence,
        Gaps(3, 1_200).sentence,
        HypothesisEvidence("h", "proven", "", e_value=3.2, confirm_at=180.0, days=41).sentence,
        HypothesisEvidence("h", "unproven", "no look was taken yet").sentence,
        *(
            verdict.text
            for evidence in (
                GateEvidence(3, 0.03, 0.01, 0.4, None, 0.8),
                GateEvidence(300, -0.03, 0.9, 0.001, 0.01, 0.1, current_return=0.2),
            )
            for verdict in evaluate_gates(evidence)
        ),
        "strategy breakout BTCUSDT: added (unproven)",
        "breakout BTCUSDT proof: unproven → proven",
        "left out ETHUSDT: added no candles of ETHUSDT before 2025-06-22 00:00",
        "the settings replaced k, stop_loss for a part of the trade",
        *(
            Warmup(
                {"1m": 121, "1h": 20}, (WarmupRow(1.0, 72, changed, 0.5, name),), 3, False
            ).sentence
            for changed, name in ((0, ""), (2, "entry"))
        ),
        "its levels follow a forecast: a range of 12.5, 9.75 by ATR",
        "BTCUSDT: 3 of 24 candles of 1h are not those of the minutes, first 2025-06-20 00:00: open"
        " 1.5, of the minutes 1.6",
        "BTCUSDT: 3 of 24 candles of 1h are not those of the minutes, first 2025-06-20 00:00: open"
        " 1.5, of the minutes 1.6 (12.50%), more than validation.max_different_share = 0.05",
        "look of 2025-06-22: no symbol that luck does not explain passes its own gates",
    ],
)
def test_what_other_parts_record_is_shown_in_korean(sentence: str) -> None:
    shown = in_korean(sentence)
    assert re.search("[가-힣]", shown)
    assert not re.search(r"[a-z]{3,} [a-z]{2,}", shown), shown
    figures = re.findall(r"\d[\d.,]*%?", sentence)
    assert all(figure.rstrip(".,") in shown for figure in figures if figure.strip("1")), shown


PARTICLE = re.compile(r"\}(은|는|이|가|을|를|과|와|으로|로)(?=[ .,:])")
COUNTED = {"hypotheses", "round_trips", "rows", "spent", "value"}
"""Placeholders that end in a counter or a per cent sign, so their particle is always right."""


def test_no_particle_follows_a_name_that_may_end_in_a_vowel_or_in_a_consonant() -> None:
    wrong = [
        korean
        for korean in language.catalogue("ko").values()
        for found in PARTICLE.finditer(korean)
        if korean[: found.start()].rpartition("{")[2] not in COUNTED
    ]
    assert wrong == []


def test_before_and_after_costs_are_different_words() -> None:
    korean = language.catalogue("ko")
    assert korean["After fees"] == "수수료 차감 후"
    assert korean["without costs"] == "비용 미반영"


def test_a_sentence_that_is_not_known_stays_as_it_was_recorded() -> None:
    assert in_korean("the exchange was closed by a flood") == "the exchange was closed by a flood"


def test_outside_of_a_page_everything_is_english_and_utc() -> None:
    assert recorded("volume is negative") == "volume is negative"
    assert tr("{count} rows", count=3) == "3 rows"
    assert formats.moment(datetime(2025, 6, 20, tzinfo=UTC)) == "2025-06-20 00:00 UTC"


def test_a_page_that_fails_leaves_the_language_as_it_was() -> None:
    with pytest.raises(ZeroDivisionError), localized(KOREAN):
        raise ZeroDivisionError
    assert tr("Summary") == "Summary"


@pytest.mark.parametrize(
    ("zone", "shown"),
    [
        ("Asia/Seoul", "2025-06-21 01:30 KST"),
        ("America/New_York", "2025-06-20 12:30 America/New_York"),
        ("UTC", "2025-06-20 16:30 UTC"),
    ],
)
def test_times_are_shown_by_the_clock_of_the_page(zone: str, shown: str) -> None:
    with localized(Locale("en", zone)):
        assert formats.moment(datetime(2025, 6, 20, 16, 30, tzinfo=UTC)) == shown


@pytest.mark.parametrize("zone", ["localtime", "posixrules", "right/UTC", "Mars/Olympus", "../UTC"])
def test_a_zone_that_the_charts_of_a_browser_do_not_know_is_refused(zone: str) -> None:
    with pytest.raises(ValidationError, match="write one such as Asia/Seoul or UTC"):
        ReportSettings(timezone=zone)
    assert ReportSettings(timezone="Asia/Seoul").timezone == "Asia/Seoul"


def test_months_and_days_begin_by_the_clock_of_the_page() -> None:
    last_of_june = formats.as_ms(datetime(2025, 6, 30, 18, tzinfo=UTC))
    trade = small_trade(last_of_june)
    assert list(monthly_returns([trade])) == [(2025, 6)]
    with localized(KOREAN):
        assert list(monthly_returns([trade])) == [(2025, 7)]
        assert formats.stamp(formats.midnight(last_of_june)) == "2025-07-01 00:00"


def small_trade(closed: int) -> TradeMark:
    return TradeMark(closed - 60_000, closed, 100.0, 101.0, 0.01, "take_profit")


def test_won_have_no_decimals() -> None:
    curve = Curve((0, 86_400_000), (10_000_000.0, 10_123_456.7))
    assert account.headline(account.window("", curve, 0), "KRW") == ("Made 123,457 KRW (+1.23 %)")
    assert formats.price(146_000_123.4, "KRW") == "146,000,123"
    assert formats.price(0.1234567, "KRW") == "0.123457"
    assert formats.money(12.345, "USDT") == "12.35"


@pytest.mark.parametrize(
    ("count", "korean"), [(1, "파라미터 조합 1개"), (1_200, "파라미터 조합 1,200개")]
)
def test_korean_counts_without_a_plural(count: int, korean: str) -> None:
    with localized(KOREAN):
        assert tables.counted(count, "parameter set") == korean


def test_next_steps_keep_their_commands_in_every_language() -> None:
    data = type("Data", (), {"ledger": LedgerRows(), "manifest": None})()
    with localized(KOREAN):
        steps = first_screen.next_steps(data, ())
    assert "`nocturne flow nightly`" in steps[0]
    assert "실행하십시오" in steps[0]
