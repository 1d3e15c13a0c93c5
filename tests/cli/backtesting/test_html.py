"""`nocturne backtest --html`: a page of one back-test, and clear refusals."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.cli.backtesting.test_backtest import run, two_days


def test_the_page_holds_the_result_and_the_parameters(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    candles = two_days(tmp_path / "candles.parquet")
    page = tmp_path / "result.html"
    options = ("--strategy", "breakout", "--candles", str(candles), "--set", "filters=off")
    assert run(monkeypatch, "backtest", *options, "--html", str(page)) == 0
    html = page.read_text(encoding="utf-8")
    assert "Back-test of breakout on candles.parquet" in html
    assert 'data-kind="candles"' in html
    assert "<dt>k</dt><dd" in html


@pytest.mark.parametrize(
    "more", [("--tick", "0.1"), ("--strategy", "maker"), ("--strategy", "ensemble")]
)
def test_a_run_that_the_page_cannot_show_is_refused(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    more: tuple[str, str],
) -> None:
    candles = two_days(tmp_path / "candles.parquet")
    options = ["--strategy", "breakout", *more] if more[0] == "--tick" else list(more)
    page = str(tmp_path / "result.html")
    assert run(monkeypatch, "backtest", *options, "--candles", str(candles), "--html", page) == 2
    assert "--html shows one strategy with whole positions" in capsys.readouterr().err


def test_a_folder_that_does_not_exist_is_named_before_anything_runs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    candles = two_days(tmp_path / "candles.parquet")
    page = str(tmp_path / "none" / "result.html")
    options = ("--strategy", "breakout", "--candles", str(candles), "--html", page)
    assert run(monkeypatch, "backtest", *options) == 2
    assert "does not exist; make it first" in capsys.readouterr().err
