"""Task 14: stay at the command line."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path

import pytest
import typer

from cli.main import COMMANDS, app
from tests.first_hour.terminal import COLUMNS, NOCTURNE, at_terminal, environment, piped


def test_the_version_is_that_of_the_package(tmp_path: Path) -> None:
    said = piped(["--version"], tmp_path)
    assert (said.status, said.text) == (0, "nocturne 0.2.0\n")


def test_h_is_help_for_the_program_and_for_a_command(tmp_path: Path) -> None:
    assert "backtest " in piped(["-h"], tmp_path).text
    assert "Example: nocturne release diff" in piped(["release", "diff", "-h"], tmp_path).text


def leaves() -> list[tuple[str, ...]]:
    """Return every command by its words."""
    root = typer.main.get_command(app)
    context = typer.Context(root)
    found: list[tuple[str, ...]] = []
    for name in COMMANDS:
        node = root.get_command(context, name)
        children = node.list_commands(context) if hasattr(node, "list_commands") else []
        found += [(name, child) for child in children] or [(name,)]
    return found


@pytest.mark.parametrize("words", leaves(), ids=" ".join)
def test_the_help_of_every_command_has_an_example(words: tuple[str, ...]) -> None:
    node = typer.main.get_command(app)
    context = typer.Context(node, info_name="nocturne")
    for word in words:
        node = node.get_command(context, word)
        context = typer.Context(node, parent=context, info_name=word)
    text = " ".join(node.get_help(context).split())
    assert re.search(rf"Examples?: (\w+=\S+ )?nocturne {' '.join(words)}\b", text), text


LISTS = [words for words in leaves() if words[-1] in ("list", "positions", "trades", "profit")]


def test_there_are_lists() -> None:
    assert len(LISTS) == 5


@pytest.mark.parametrize("words", LISTS, ids=" ".join)
def test_every_list_has_json(words: tuple[str, ...], tmp_path: Path) -> None:
    assert "--json" in piped([*words, "--help"], tmp_path).text


def test_the_list_of_strategies_is_also_json(tmp_path: Path) -> None:
    rows = json.loads(piped(["strategies", "list", "--json"], tmp_path).text)
    assert {"breakout", "ict_mixed", "maker", "ensemble"} <= {row["name"] for row in rows}
    assert all(row["summary"] for row in rows)


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (["serch"], "No such command 'serch' (did you mean 'search'?)"),
        (["backtest", "--candels", "x"], "Possible options: --candles"),
        (["strategies", "show", "brekout"], "did you mean 'breakout'?"),
        (["executor", "positons"], "Did you mean 'positions'?"),
        (["status"], "here it is 'nocturne executor status'"),
        (["lookahead"], "here it is 'nocturne probe lookahead'"),
        (["backtest", "--strategy", "breakout", "--set", "stop_los=0.1"], "mean 'stop_loss'?"),
        (["search", "--strategy", "breakout", "--grid", "kk=1:2:1"], "has no parameter 'kk'"),
        (["backtest", "--strategy", "breakout"], "add --candles FILE, or --symbol SYMBOL"),
    ],
)
def test_a_typing_error_names_what_was_meant(
    words: list[str], sentence: str, tmp_path: Path
) -> None:
    said = piped(words, tmp_path)
    assert said.status == 2
    assert sentence.lower() in said.errors.lower()
    assert len(said.errors.splitlines()) == 1


def test_a_table_is_drawn_and_coloured_on_a_terminal_only(tmp_path: Path) -> None:
    words = ["strategies", "show", "breakout"]
    terminal, pipe = at_terminal(words, tmp_path), piped(words, tmp_path)
    assert "\x1b[" in terminal.raw
    assert "\x1b" not in pipe.raw
    assert "\x1b" not in at_terminal(words, tmp_path, NO_COLOR="1").raw
    assert max(len(line) for line in terminal.text.splitlines()) <= COLUMNS
    assert "take_profit" in terminal.text
    assert "take_profit" in pipe.text


def test_a_long_summary_breaks_below_itself(tmp_path: Path) -> None:
    piped(["strategies", "new", "my_rises"], tmp_path)
    file = tmp_path / "strategies" / "my_rises.py"
    text = file.read_text()
    summary = re.search(r'summary = "(.*)"', text)
    assert summary is not None
    file.write_text(text.replace(summary[1], "A summary with very many words. " * 4))
    said = at_terminal(["strategies", "list"], tmp_path)
    assert said.status == 0
    lines = said.text.splitlines()
    assert max(len(line) for line in lines) <= COLUMNS
    assert sum(line.startswith(" ") for line in lines) >= 1


def test_completion_offers_commands_and_options(tmp_path: Path) -> None:
    for typed, place, wanted in (
        ("nocturne rel", "1", "release"),
        ("nocturne sql --i", "2", "--init"),
    ):
        done = subprocess.run(
            [str(NOCTURNE)],
            env=environment(
                tmp_path,
                _NOCTURNE_COMPLETE="complete_bash",
                COMP_WORDS=typed,
                COMP_CWORD=place,
            ),
            capture_output=True,
            text=True,
            timeout=60,
        )
        assert wanted in done.stdout.split(), done.stderr


def test_a_reader_that_stops_early_gives_no_traceback(tmp_path: Path) -> None:
    done = subprocess.run(
        ["bash", "-c", f"'{NOCTURNE}' strategies show breakout | head -1"],
        env=environment(tmp_path),
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert done.stderr == ""


def test_ctrl_c_ends_with_130(tmp_path: Path) -> None:
    script = (
        "import sys\n"
        "from unittest.mock import patch\n"
        "import cli.main\n"
        "sys.argv = ['nocturne', 'strategies', 'list']\n"
        "with patch('trading.strategies.registry.strategy_names', side_effect=KeyboardInterrupt):\n"
        "    cli.main.main()\n"
    )
    done = subprocess.run([sys.executable, "-c", script], env=environment(tmp_path), timeout=60)
    assert done.returncode == 130
