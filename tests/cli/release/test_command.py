"""`nocturne release`: list, show, diff, rollback."""

from __future__ import annotations

import json
import re
import sys
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from cli.main import main
from lake.releases import Candidate, FlowRun, LeftOut, StrategyEntry, publish, read_current
from trading.research.gates import GateVerdict

AS_OF = datetime(2025, 6, 20, tzinfo=UTC)


def candidate(k: float, hours: int = 0) -> Candidate:
    return Candidate(
        as_of=AS_OF + timedelta(hours=hours),
        fingerprint=(),
        flow_run=FlowRun(id="run-1", name="nightly"),
        strategies=(
            StrategyEntry(
                strategy="breakout",
                symbol="BTCUSDT",
                params={"k": k},
                out_of_sample={"sharpe": 0.25},
                verdicts=(GateVerdict("trades", False, 3.0, 30.0, "3 trades, 30 are needed"),),
            ),
        ),
        left_out=(LeftOut(symbol="FILUSDT", reason="candle checks failed"),),
    )


@pytest.fixture
def releases(tmp_path: Path) -> tuple[Path, str, str]:
    first = publish(tmp_path / "published", candidate(0.5), AS_OF).release_id
    second = publish(tmp_path / "published", candidate(0.6, hours=1), AS_OF).release_id
    return tmp_path, first, second


def run(monkeypatch: pytest.MonkeyPatch, *arguments: object) -> int:
    monkeypatch.setattr(sys, "argv", ["nocturne", "release", *(str(part) for part in arguments)])
    with pytest.raises(SystemExit) as left:
        main()
    return int(left.value.code or 0)


def test_the_list_marks_the_current_release(
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    releases: tuple[Path, str, str],
) -> None:
    lake, first, second = releases
    assert run(monkeypatch, "list", "--lake", lake) == 0
    lines = [line.split() for line in capsys.readouterr().out.splitlines()[2:]]
    assert [line[:2] for line in lines] == [[first, "2025-06-20T00:00:00Z"], ["*", second]]
    assert lines[1][-1] == "unproven"


def test_show_prints_parameters_verdicts_and_left_out_symbols(
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    releases: tuple[Path, str, str],
) -> None:
    lake, _, second = releases
    assert run(monkeypatch, "show", "--lake", lake) == 0
    text = capsys.readouterr().out
    assert text.startswith(f"release {second} (unproven)\n")
    assert " k=0.6 " in text
    assert "FAILED        trades: 3 trades, 30 are needed" in text
    assert "left out FILUSDT: candle checks failed" in text


def measured(hours: int, outside: dict[str, float]) -> Candidate:
    """Return a candidate with these out-of-sample measures, and 40 trades in-sample."""
    made = candidate(0.5, hours)
    update = {"in_sample": {"trades": 40}, "out_of_sample": outside}
    return replace(made, strategies=(made.strategies[0].model_copy(update=update),))


@pytest.mark.parametrize(("trades", "shown"), [(1, 'sharpe="too few"'), (10, "sharpe=13.5")])
def test_show_prints_no_ratio_of_too_few_trades(
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    tmp_path: Path,
    trades: int,
    shown: str,
) -> None:
    made = measured(0, {"sharpe": 13.5, "total_return": 0.1, "trades": trades})
    publish(tmp_path / "published", made, AS_OF)
    assert run(monkeypatch, "show", "--lake", tmp_path) == 0
    text = capsys.readouterr().out
    assert f"  out of sample {shown} total_return=0.1 trades={trades}\n" in text


@pytest.mark.parametrize(("trades", "shown"), [(1, "too few"), (10, "13.5")])
def test_diff_prints_no_ratio_of_too_few_trades(
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    tmp_path: Path,
    trades: int,
    shown: str,
) -> None:
    names = []
    for hours, sharpe in ((0, 13.5), (1, 2.25)):
        made = measured(hours, {"sharpe": sharpe, "calmar": 99.25, "trades": trades})
        names.append(publish(tmp_path / "published", made, AS_OF).release_id)
    assert run(monkeypatch, "diff", *names, "--all", "--lake", tmp_path) == 0
    text = capsys.readouterr().out
    (row,) = [line for line in text.splitlines() if "out of sample sharpe" in line]
    assert shown in row
    assert ("13.5" in text, "2.25" in text, "99.25" in text) == (trades >= 10,) * 3
    assert "in sample trades" in text


def test_show_json_is_the_manifest(
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    releases: tuple[Path, str, str],
) -> None:
    lake, first, _ = releases
    assert run(monkeypatch, "show", first, "--json", "--lake", lake) == 0
    assert json.loads(capsys.readouterr().out)["release_id"] == first


def test_diff_and_rollback(
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    releases: tuple[Path, str, str],
) -> None:
    lake, first, second = releases
    assert run(monkeypatch, "diff", first, second, "--lake", lake) == 0
    text = capsys.readouterr().out
    assert re.search(r"^breakout BTCUSDT +k +0\.5 +0\.6$", text, re.MULTILINE)
    assert "sharpe" not in text, "what is equal is not listed"
    assert run(monkeypatch, "rollback", first, "--lake", lake) == 0
    assert capsys.readouterr().out == f"current is {first}: rolled back\n"
    assert read_current(lake / "published", AS_OF).release_id == first


def test_a_tampered_release_gives_one_sentence(
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    releases: tuple[Path, str, str],
) -> None:
    lake, _, second = releases
    params = lake / "published" / "releases" / second / "params.json"
    params.write_text(params.read_text().replace("0.6", "0.7"))
    assert run(monkeypatch, "show", "--lake", lake) == 2
    error = capsys.readouterr().err
    assert error.startswith(f"error: release {second}: params.json hashes to ")
    assert len(error.splitlines()) == 1
    assert run(monkeypatch, "list", "--lake", lake) == 0
    assert "refused: release" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["show", "nothing"], "error: there is no release 'nothing' in "),
        (["diff", "neither", "nor"], "error: there is no release 'neither' in "),
        (["rollback", ""], "error: there is no release '' in "),
        (["list", "--lake", "nowhere"], "error: the lake nowhere does not exist"),
    ],
)
def test_a_mistake_gives_one_sentence_and_status_2(
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    releases: tuple[Path, str, str],
    arguments: list[str],
    words: str,
) -> None:
    monkeypatch.setenv("NOCTURNE_LAKE", str(releases[0]))
    assert run(monkeypatch, *arguments) == 2
    error = capsys.readouterr().err
    assert error.startswith(words)
    assert len(error.splitlines()) == 1


def test_an_empty_lake_has_no_release_and_says_so(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    assert run(monkeypatch, "list", "--lake", tmp_path) == 0
    assert capsys.readouterr().out.startswith("no release is published in ")
    assert run(monkeypatch, "show", "--lake", tmp_path) == 2
