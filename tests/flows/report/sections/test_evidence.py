"""The evidence section: state, budget and what would be needed, and what refused each set."""

from __future__ import annotations

import math
from dataclasses import asdict, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from flows.report import formats, tables
from flows.report.sections.evidence import evidence_view, model_entries, needed
from flows.report.tables import verdict_row
from flows.report.views import TableView
from flows.steps.evidence.hypotheses import read_looks
from flows.steps.evidence.verdict import weigh
from flows.steps.models.gate import (
    ModelThresholds,
    Superiority,
    direction_verdicts,
    drift_verdicts,
    volatility_verdicts,
)
from flows.steps.models.scores import TradeScore
from flows.steps.reporting.report import build_report
from lake.store import Lake
from lake.tables import LOOKS
from tests.flows.steps.evidence.hypothesis_lake import AS_OF, SETTINGS, searched
from trading.models.drift import DriftAlarm
from trading.research.gates import GateEvidence, GateVerdict, evaluate_gates
from trading.research.robustness import Robustness

FROZEN_AT = datetime(2025, 6, 20, tzinfo=UTC)


def look(**changes: Any) -> dict[str, Any]:
    return {
        "hypothesis": "breakout-1a2b3c4d",
        "as_of": FROZEN_AT,
        "kind": "strategy",
        "look": 1,
        "share": 0.04,
        "alpha": 0.02,
        "trials": 27,
        "days": 120,
        "symbols": '["BTCUSDT"]',
        "passed": 1,
        "reason": "passed on BTCUSDT",
        "p_value": 0.001,
        "statistic": 4.0,
        "ruin": 0.031,
        **changes,
    }


def day(**changes: Any) -> dict[str, Any]:
    return {
        "hypothesis": "breakout-1a2b3c4d",
        "frozen_at": FROZEN_AT,
        "state": "proven",
        "e_value": 5.0,
        "confirm_at": 40.0,
        "days": 12,
        "reason": "",
        **changes,
    }


def texts(table: TableView | None) -> list[list[str]]:
    assert table is not None
    return [[cell.text for cell in row] for row in table.rows]


def test_a_hypothesis_shows_its_state_budget_evidence_and_risk() -> None:
    found = evidence_view([look()], [day(e_value=2.0, days=11), day()], [])
    (row,) = texts(found.hypotheses)
    assert row[:9] == [
        "breakout-1a2b3c4d",
        "proven",
        "2025-06-20",
        "1",
        "2.000 %",
        "0.0010",
        "5.00",
        "12",
        "3.1 %",
    ]
    # ln(40 / 5) over half of 4 squared in 120 days
    assert row[9] == "E of 40: about 32 more days at the pace of its test"


@pytest.mark.parametrize(
    ("found", "followed", "words"),
    [
        (look(), None, "unseen days: the first is not over"),
        (look(), day(state="confirmed"), "nothing: it is confirmed"),
        (look(kind="model"), day(), "E of 40: about 32 more days at the pace of its test"),
        (
            look(passed=0),
            None,
            "p of at most 0.0067 at a look from 2025-07-20 on: likely for a Sharpe ratio × √years"
            " of 4.1 or more",
        ),
        (look(passed=0, share=0.0), None, "nothing is left of the budget"),
    ],
)
def test_it_says_what_would_be_needed(
    found: dict[str, Any], followed: dict[str, Any] | None, words: str
) -> None:
    assert words in needed(found, followed)


def test_a_demoted_hypothesis_shows_its_reason() -> None:
    lost = day(state="unproven", reason="the edge has decayed")
    found = evidence_view([look()], [lost], [])
    assert found.hypotheses is not None
    state = found.hypotheses.rows[0][1]
    assert (state.text, state.hint) == ("unproven", "the edge has decayed")


def test_a_refused_set_names_the_gate_the_figure_and_what_would_have_passed(
    tmp_path: Path,
) -> None:
    lake = Lake(tmp_path)
    (found,) = weigh(lake, as_of=AS_OF, entries=[searched(lake)], settings=SETTINGS)
    entry = found.entry.model_dump(mode="json")
    view = evidence_view(lake.read(LOOKS).to_pylist(), [], [entry])
    row = texts(view.refused)[0]
    assert row[:3] == ["breakout", "BTCUSDT", "Best of the trials by luck"]
    (known,) = read_looks(lake)
    assert row[3] == f"{known.p_value:.3f}"
    assert row[4] == "≤ 0.02"
    passing = replace(found.entry.verdicts[0], passed=True)
    whole = entry | {"verdicts": [{"name": passing.name, "passed": True}], "evidence": None}
    assert evidence_view([], [], [whole]).refused is None


def test_the_report_of_a_night_shows_its_looks(tmp_path: Path) -> None:
    lake = Lake(tmp_path)
    weigh(lake, as_of=AS_OF, entries=[searched(lake)], settings=SETTINGS)
    html = build_report(lake, as_of=AS_OF, release_id=None).path.read_text()
    section = html[html.index('id="evidence"') : html.index('id="ensemble"')]
    (known,) = read_looks(lake)
    assert known.hypothesis in section
    assert "1 hypothesis opened" in section


def test_without_a_look_the_section_says_so(tmp_path: Path) -> None:
    html = build_report(Lake(tmp_path), as_of=AS_OF, release_id=None).path.read_text()
    assert "No look was taken yet, so no hypothesis is open." in html


MEASURES: dict[str, Any] = {
    "trades": 40,
    "total_return": 0.05,
    "max_drawdown": 0.1,
    "superior_ability": 0.01,
    "loss_probability": 0.01,
    "plateau": 0.9,
    "current_return": 0.04,
}
REFUSED: dict[str, Any] = {
    "trades": 29,
    "total_return": -0.01,
    "max_drawdown": 0.3,
    "superior_ability": 0.0504,
    "loss_probability": 0.0503,
    "plateau": 0.5996,
    "current_return": 0.08,
}
SOUND = Robustness(0.02, 0.1, 0.75, 0.05, 0.01)
FRAGILE = Robustness(0.02, -0.1, 0.4, 0.0, -0.01)
NOTHING = Robustness(None, math.nan, math.nan, None, None)
LUCK = Superiority(0.2, 0.01, 0.4)


def every_verdict() -> list[GateVerdict]:
    """Return the verdicts of every gate of sets and models: passed, refused, and unmeasured."""
    evidence = [MEASURES, *(MEASURES | {name: value} for name, value in REFUSED.items())]
    unmeasured = MEASURES | dict.fromkeys(
        ("superior_ability", "loss_probability", "plateau", "total_return"), math.nan
    )
    found = [v for one in (*evidence, unmeasured) for v in evaluate_gates(GateEvidence(**one))]
    for one in (SOUND, FRAGILE, NOTHING):
        found += one.verdicts()
    limits = ModelThresholds()
    for r2, rows in ((0.5, 600), (0.95, 100), (math.nan, 100)):
        found += volatility_verdicts(
            r2=r2,
            best_baseline=0.6,
            baseline="HAR",
            better_folds=0.4,
            superiority=LUCK,
            rows=rows,
            limits=limits,
        )
    for score in (1.0, 2.5):
        found += drift_verdicts(DriftAlarm(score, 2.0, "error"))
    net = np.array([0.01, -0.002])
    for total, folds in ((0.01, 0.8), (-0.02, 0.4)):
        leak = GateVerdict("leak_alarm", total > 0, 0.51 if total > 0 else 0.6, 0.56, "AUC")
        found += direction_verdicts(
            leak=leak,
            score=TradeScore(net * np.sign(total), net),
            best_baseline=0.0,
            baseline="flat",
            positive_folds=folds,
            superiority=LUCK,
            limits=limits,
        )
    return found


@pytest.mark.parametrize("verdict", every_verdict(), ids=lambda one: f"{one.name}, {one.value}")
def test_what_the_report_requires_is_what_the_gate_did(verdict: GateVerdict) -> None:
    """As printed, a refused figure fails the requirement beside it, and a passed one meets it."""
    _, figure, required, answer = tables.verdict_row(asdict(verdict))
    relation, _, limit = required.text.partition(" ")
    assert limit  # what would have passed
    assert answer.text.endswith("pass" if verdict.passed else "fail")
    if verdict.value is None:
        assert not verdict.passed
        assert any(words in verdict.text for words in ("is required", "the gate wants"))
        return
    shown, least = (
        float(text.strip(" %").replace(",", "").replace(formats.MINUS, "-"))
        for text in (figure.text, limit)
    )
    meets = {"≥": shown >= least, "≤": shown <= least, ">": shown > least}[relation]
    assert meets is verdict.passed, (figure.text, required.text)


def test_every_gate_was_refused_once() -> None:
    refused = {verdict.name for verdict in every_verdict() if not verdict.passed}
    assert refused >= {verdict.name for verdict in every_verdict()} - {"better_folds"}


def test_a_model_that_was_refused_stands_beside_the_parameters() -> None:
    failed = {"name": "beats_baseline", "passed": False, "value": -0.02, "threshold": 0.0}
    passed = {"name": "positive_folds", "passed": True, "value": 0.8, "threshold": 0.6}
    card = {"model": "direction_1h", "symbol": "BTCUSDT", "verdicts": [failed, passed]}
    found = evidence_view([], [], model_entries([card]))
    ((strategy, symbol, *_),) = texts(found.refused)
    assert (strategy, symbol) == ("direction_1h", "BTCUSDT")


def test_what_its_hypothesis_refuses_says_so_where_every_gate_was_passed() -> None:
    known = {"state": "unproven", "reason": "the edge has decayed", "demoted": True}
    entry = {"strategy": "breakout", "symbol": "BTCUSDT", "verdicts": [], "evidence": known}
    found = evidence_view([], [], [entry])
    assert texts(found.refused) == [
        ["breakout", "BTCUSDT", "Evidence of its hypothesis", "demoted", "a later look that passes"]
    ]
    assert found.refused is not None
    assert found.refused.rows[0][3].hint == "the edge has decayed"
    assert evidence_view([], [], [{**entry, "evidence": {"state": "proven"}}]).refused is None


@pytest.mark.parametrize(
    ("name", "value", "threshold", "text"),
    [
        ("warmup", 3.04043e-10, 1e-06, "3e-10"),
        ("total_return", 0.00001, 0.0, "0.001 %"),
        ("max_drawdown", 0.250004, 0.25, "25.0004 %"),
        ("plateau", 0.6, 0.6, "60.00 %"),
    ],
)
def test_a_figure_has_as_many_digits_as_tell_it_from_its_limit(
    name: str, value: float, threshold: float, text: str
) -> None:
    row = verdict_row({"name": name, "value": value, "threshold": threshold, "passed": False})
    assert row[1].text == text
