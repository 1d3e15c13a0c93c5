"""`nocturne flow`: one clear sentence for every mistake, and a flow that runs from the terminal."""

from __future__ import annotations

import re
import sys
from pathlib import Path

import pytest

from cli.main import main

PROJECT = Path(__file__).resolve().parents[2]


def nocturne(monkeypatch: pytest.MonkeyPatch, *arguments: str) -> int:
    """Run the command line in this process; return its exit status."""
    monkeypatch.setattr(sys, "argv", ["nocturne", *arguments])
    with pytest.raises(SystemExit) as ended:
        main()
    return int(ended.value.code or 0)


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (
            ("nightlyy",),
            r"there is no flow 'nightlyy' \(did you mean 'nightly'\?\); flows are .*nightly",
        ),
        (("scan", "--as-of", "yesterday"), r"'yesterday' is not a time; write for example 2025-"),
        (("scan", "--symbols", "BTC/USDT"), r"'BTC/USDT' is not a symbol; write .* BTCUSDT"),
        (("scan", "--server", "here"), r"server 'here' is none of auto, private, none"),
        (
            ("scan", "--settings", "nowhere.toml"),
            r"settings file .*nowhere.toml .* does not exist",
        ),
        (("import", "--sample", "nowhere", "--server", "none"), r"nowhere"),
    ],
)
def test_a_mistake_ends_in_one_sentence_and_status_2(
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    tmp_path: Path,
    arguments: tuple[str, ...],
    sentence: str,
) -> None:
    assert nocturne(monkeypatch, "flow", *arguments, "--lake", str(tmp_path / "lake")) == 2
    printed = capsys.readouterr().err.strip()
    assert re.search(f"^error: .*{sentence}", printed), printed
    assert "\n" not in printed


def test_a_wrong_setting_is_named_with_its_value(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    settings = tmp_path / "research.toml"
    settings.write_text("[walk_forward]\ntrain_days = 1\n")
    assert nocturne(monkeypatch, "flow", "scan", "--settings", str(settings)) == 2
    assert "research setting 'walk_forward.train_days' is 1: " in capsys.readouterr().err


def test_a_flow_runs_without_a_server_and_reports_its_result(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    options = ("--lake", str(tmp_path / "lake"), "--as-of", "2025-06-19", "--server", "none")
    assert nocturne(monkeypatch, "flow", "scan", *options) == 0
    lines = capsys.readouterr().out.splitlines()
    assert "scan as of 2025-06-19 00:00Z" in lines[0]
    assert lines[-1].endswith("0 symbols traded in the last 24 hours")


def test_the_help_has_an_example(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert nocturne(monkeypatch, "flow", "--help") == 0
    assert "Example: nocturne flow nightly --as-of" in capsys.readouterr().out


def test_the_demo_preset_can_be_read(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    preset = str(PROJECT / "config" / "presets" / "demo.toml")
    options = ("--lake", str(tmp_path / "lake"), "--settings", preset, "--server", "none")
    assert nocturne(monkeypatch, "flow", "scan", *options) == 0
    assert "0 symbols" in capsys.readouterr().out
