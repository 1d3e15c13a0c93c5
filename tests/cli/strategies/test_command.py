"""`nocturne strategies`: names, summaries, parameters."""

from __future__ import annotations

import sys

import pytest

from cli.main import main
from trading.strategies.registry import strategy_names


def run(monkeypatch: pytest.MonkeyPatch, *arguments: str) -> int:
    """Run the command line; return its exit status."""
    monkeypatch.setattr(sys, "argv", ["nocturne", "strategies", *arguments])
    with pytest.raises(SystemExit) as left:
        main()
    return int(left.value.code or 0)


def test_the_list_has_every_strategy_with_its_summary(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(monkeypatch, "list") == 0
    lines = capsys.readouterr().out.splitlines()
    assert [line.split()[0] for line in lines] == [*strategy_names(), "maker", "ensemble"]
    assert all(len(line.split()) > 3 for line in lines)


def test_a_strategy_shows_type_default_and_bounds_of_its_parameters(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(monkeypatch, "show", "breakout") == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].startswith("breakout: ")
    rows = {line.split()[0]: line.split() for line in lines[4:]}
    assert rows["k"][:6] == ["k", "float", "0.5", "0", "to", "2"]
    assert rows["filters"][:6] == ["filters", "choice", "on", "on", "|", "off"]
    assert rows["signal_tf"][1] == "interval"


def test_an_unknown_strategy_gives_one_sentence(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(monkeypatch, "show", "moon") == 2
    printed = capsys.readouterr()
    assert printed.err.startswith("error: strategy 'moon' is not known; known are ")
    assert printed.err.count("\n") == 1


@pytest.mark.parametrize("command", [(), ("list",), ("show",)])
def test_help_shows_an_example(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], command: tuple[str, ...]
) -> None:
    assert run(monkeypatch, *command, "--help") == 0
    assert "Example: nocturne strategies" in capsys.readouterr().out
