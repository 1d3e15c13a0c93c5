"""A strategy of the user's own folder: started by a command, found by every other."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[3]
SAMPLE = ROOT / "data_lake" / "sample" / "candles_1m" / "usdm" / "BTCUSDT.parquet"
Nocturne = Callable[..., "subprocess.CompletedProcess[str]"]


@pytest.fixture
def nocturne(tmp_path: Path) -> Nocturne:
    """Run the command in an empty folder, as a user does."""

    def run(*arguments: str, compiling: str = "never") -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, "-m", "cli", *arguments],
            cwd=tmp_path,
            env={**os.environ, "PYTHONPATH": str(ROOT), "NOCTURNE_COMPILE": compiling},
            capture_output=True,
            text=True,
            check=False,
        )

    return run


def edit(file: Path, old: str, new: str) -> int:
    """Replace ``old`` in a file; return the number of its line."""
    text = file.read_text(encoding="utf-8")
    assert old in text
    file.write_text(text.replace(old, new), encoding="utf-8")
    return text[: text.index(old)].count("\n") + 1


def test_a_new_strategy_is_listed_shown_back_tested_and_probed(
    nocturne: Nocturne, tmp_path: Path
) -> None:
    made = nocturne("strategies", "new", "my_rises")
    assert made.returncode == 0, made.stderr
    assert "strategies/my_rises.py" in made.stdout
    assert "my_rises " in nocturne("strategies", "list").stdout
    assert nocturne("strategies", "show", "my_rises").stdout.startswith("my_rises: ")
    common = ("--strategy", "my_rises", "--candles", str(SAMPLE))
    ran = nocturne("backtest", *common, "--set", "filters=off", "--json", "out.json")
    assert ran.returncode == 0, ran.stderr
    assert '"trades": ' in (tmp_path / "out.json").read_text()


def test_the_test_that_comes_with_it_passes(nocturne: Nocturne, tmp_path: Path) -> None:
    nocturne("strategies", "new", "my_rises")
    ran = subprocess.run(
        [sys.executable, "-m", "unittest", "strategies/test_my_rises.py"],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert ran.returncode == 0, ran.stderr
    assert "Ran 2 tests" in ran.stderr


def test_a_mistake_in_its_kernel_gives_one_sentence_with_the_line(
    nocturne: Nocturne, tmp_path: Path
) -> None:
    nocturne("strategies", "new", "my_rises")
    line = edit(tmp_path / "strategies" / "my_rises.py", "bar.close > last", "bar.closse > last")
    ran = nocturne("backtest", "--strategy", "my_rises", "--candles", str(SAMPLE))
    assert ran.returncode == 2
    assert ran.stderr == (
        f"error: strategies/my_rises.py, line {line}: kernel 'my_rises_step' fails:"
        " AttributeError: 'Bar' object has no attribute 'closse'\n"
    )
    ran = nocturne("backtest", "--strategy", "my_rises", "--candles", str(SAMPLE), compiling="now")
    assert ran.returncode == 2
    assert ran.stderr.splitlines()[-1] == (
        f"error: strategies/my_rises.py, line {line}: kernel 'my_rises_step' does not compile:"
        " Bar has no attribute 'closse'"
    )


def test_a_file_that_python_cannot_read_is_named_and_leaves_the_others_alone(
    nocturne: Nocturne, tmp_path: Path
) -> None:
    nocturne("strategies", "new", "my_rises")
    file = tmp_path / "strategies" / "my_rises.py"
    file.write_text(file.read_text() + "x = (\n")
    last = len(file.read_text().splitlines())
    shown = nocturne("strategies", "show", "my_rises")
    assert shown.returncode == 2
    assert f"my_rises.py, line {last}: SyntaxError: '(' was never closed" in shown.stderr
    listed = nocturne("strategies", "list")
    assert listed.returncode == 0
    assert "my_rises" in listed.stdout
    assert "breakout" in listed.stdout


def test_a_file_that_fails_while_it_is_read_is_named_with_the_innermost_line(
    nocturne: Nocturne, tmp_path: Path
) -> None:
    nocturne("strategies", "new", "my_rises")
    file = tmp_path / "strategies" / "my_rises.py"
    lines = len(file.read_text().splitlines())
    file.write_text(f"{file.read_text()}def span():\n    return int('x')\n\nSPAN = span()\n")
    shown = nocturne("strategies", "show", "my_rises")
    assert shown.returncode == 2
    assert f"my_rises.py, line {lines + 2}: ValueError: invalid literal" in shown.stderr


@pytest.mark.parametrize(
    ("name", "sentence"),
    [
        ("Breakout!", "cannot be a module"),
        ("class", "cannot be a module"),
        ("breakout", "exists already"),
        ("maker", "exists already"),
    ],
)
def test_a_name_that_is_taken_or_no_name_is_refused(
    nocturne: Nocturne, tmp_path: Path, name: str, sentence: str
) -> None:
    refused = nocturne("strategies", "new", name)
    assert refused.returncode == 2
    assert sentence in refused.stderr
    assert not (tmp_path / "strategies").exists()


def test_a_file_is_never_overwritten(nocturne: Nocturne, tmp_path: Path) -> None:
    nocturne("strategies", "new", "my_rises")
    (tmp_path / "strategies" / "my_rises.py").write_text("mine")
    assert nocturne("strategies", "new", "my_rises").returncode == 2
    assert (tmp_path / "strategies" / "my_rises.py").read_text() == "mine"


def test_a_mistyped_name_gets_a_suggestion(nocturne: Nocturne) -> None:
    assert "did you mean 'breakout'?" in nocturne("strategies", "show", "breakot").stderr
