"""`nocturne probe`: its output and its exit status."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest

from cli.main import main

SAMPLE = Path(__file__).parents[3] / "data_lake" / "sample" / "candles_1m" / "usdm"


def run(monkeypatch: pytest.MonkeyPatch, *arguments: str) -> int:
    """Run the command line; return its exit status."""
    monkeypatch.setattr(sys, "argv", ["nocturne", "probe", *arguments])
    with pytest.raises(SystemExit) as left:
        main()
    return int(left.value.code or 0)


CANDLES = ("--candles", str(SAMPLE / "ETHUSDT.parquet"))


def test_lookahead_reports_what_was_compared_and_exits_with_0(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    out = tmp_path / "out.json"
    options = ("--set", "signal_tf=15m", "--cuts", "3", "--json", str(out))
    assert run(monkeypatch, "lookahead", "--strategy", "breakout", *CANDLES, *options) == 0
    assert capsys.readouterr().out.startswith("no look-ahead: ")
    document = json.loads(out.read_text())
    assert document["passed"] is True
    assert document["changes"] == []
    assert document["compared"] > 0


def test_warmup_shows_each_length_of_history(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    options = ("--set", "filters=off", "--set", "signal_tf=5m", "--shares", "0.1,1", "--json", "-")
    assert run(monkeypatch, "warmup", "--strategy", "rsi_bollinger", *CANDLES, *options) == 0
    document = json.loads(capsys.readouterr().out)
    assert [row["share"] for row in document["rows"]] == [0.1, 1.0]
    assert document["rows"][0]["difference"] > 1e-3
    assert document["declared"] == {"5m": 297}


def test_a_warm_up_that_is_too_short_exits_with_1(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    from trading.strategies.technical.rsi_bollinger import RsiBollinger

    monkeypatch.setattr(RsiBollinger, "warmup", lambda *_: 20)
    options = ("--set", "filters=off", "--set", "signal_tf=5m")
    assert run(monkeypatch, "warmup", "--strategy", "rsi_bollinger", *CANDLES, *options) == 1
    assert "the declared warm-up is too short" in capsys.readouterr().out


@pytest.mark.parametrize("shares", ["0", "x", "1,,2", "-1"])
def test_a_share_out_of_range_is_refused(
    shares: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    options = ("--shares", shares)
    assert run(monkeypatch, "warmup", "--strategy", "breakout", *CANDLES, *options) == 2
    assert "is not a share above 0 and up to 100" in capsys.readouterr().err
