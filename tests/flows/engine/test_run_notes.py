"""The records that a run leaves beside its final state."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace

from flows.engine.engine import Link, Note, Outcome, RunTable
from flows.engine.run_notes import drifted, records
from flows.steps.release.publish import LeftOutReason, PublishResult
from flows.steps.release.retune_k import RetunedK

PUBLISHED = PublishResult("20250619T0000-abc", True, "first release", proven=False)


def _entry() -> SimpleNamespace:
    verdicts = (
        SimpleNamespace(name="trades", passed=False),
        SimpleNamespace(name="drawdown", passed=True),
    )
    measured = {"total_return": 0.0123, "trades": 41, "win_rate": 0.5, "max_drawdown": None}
    entry = SimpleNamespace(
        strategy="breakout",
        symbol="BTCUSDT",
        proven=False,
        verdicts=verdicts,
        out_of_sample=measured,
    )
    return SimpleNamespace(entry=entry)


def test_a_night_leaves_a_note_a_table_of_the_release_and_a_link_to_the_report(
    tmp_path: Path,
) -> None:
    report = tmp_path / "report of the night.html"
    results = {
        "optimize": [Outcome("breakout/BTCUSDT", _entry()), Outcome("x", error="no candles")],
        "publish": PUBLISHED,
        "report": str(report),
    }
    note, table, link = records("nightly", "done", [LeftOutReason("X", "no candles")], results)
    assert isinstance(note, Note)
    assert "| X | no candles |" in note.markdown
    assert isinstance(table, RunTable)
    assert table.key == "nightly-release"
    assert PUBLISHED.sentence in table.description
    (row,) = table.rows
    assert row == {
        "strategy": "breakout",
        "symbol": "BTCUSDT",
        "state": "unproven",
        "out-of-sample return": "+1.23%",
        "max drawdown": "–",
        "win rate": "50.0%",
        "profit factor": "–",
        "Sharpe": "–",
        "trades": "41",
        "gates not passed": "trades",
    }
    assert isinstance(link, Link)
    assert link.url == report.as_uri()
    assert link.text == report.name


def test_the_table_of_the_release_shows_no_ratio_of_too_few_trades() -> None:
    few = _entry()
    few.entry.out_of_sample |= {"trades": 9, "profit_factor": 7.0, "sharpe": 9.0}
    results = {"optimize": [Outcome("breakout/BTCUSDT", few)], "publish": PUBLISHED}
    _, table = records("nightly", "done", [], results)
    assert isinstance(table, RunTable)
    assert (table.rows[0]["profit factor"], table.rows[0]["Sharpe"]) == ("too few", "too few")


def test_a_retune_leaves_a_table_of_k_before_and_after() -> None:
    retuned = RetunedK("BTCUSDT", 0.5, 0.45, "the best return", ())
    found = records(
        "retune_k", "done", [], {"retune": [Outcome("BTCUSDT", retuned)], "publish": PUBLISHED}
    )
    _, table = found
    assert isinstance(table, RunTable)
    assert (table.rows[0]["K before"], table.rows[0]["K after"]) == ("0.5", "0.45")


def test_a_run_that_released_nothing_leaves_its_note_alone() -> None:
    (note,) = records("scan", "3 symbols traded", [], {"publish": None})
    assert isinstance(note, Note)
    assert note.description


def test_models_that_drifted_are_named() -> None:
    trained = SimpleNamespace(drifted=("volatility_1h-BTCUSDT",))
    calm = SimpleNamespace(drifted=())
    results = {"train": [Outcome("a", trained), Outcome("b", calm), Outcome("c", error="x")]}
    assert drifted(results) == (
        "drift: volatility_1h-BTCUSDT is unproven until its errors are as before",
    )
    assert drifted({}) == ()
