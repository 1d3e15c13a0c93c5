"""Task 6: write a strategy, run it by name everywhere, and read what is wrong with it."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from tests.first_hour import market
from tests.first_hour.terminal import environment, piped

PLAIN = {"NOCTURNE_COMPILE": "never"}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder with a scaffolded strategy and a day and a half of candles."""
    said = piped(["strategies", "new", "my_rises"], tmp_path)
    assert said.status == 0, said.errors
    market.minutes().head(2_160).write_parquet(tmp_path / "mine.parquet")
    return tmp_path


def test_the_scaffold_passes_its_own_test(folder: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "unittest", "strategies/test_my_rises.py"],
        cwd=folder,
        env=environment(folder),
        capture_output=True,
        text=True,
        timeout=100,
    )
    assert done.returncode == 0, done.stderr
    assert "Ran 2 tests" in done.stderr


@pytest.mark.parametrize("name", ["my_rises", "strategies.my_rises:MyRises"])
def test_every_command_takes_it(name: str, folder: Path) -> None:
    given = ["--strategy", name, "--candles", "mine.parquet", "--set", "signal_tf=15m"]
    for words in (
        ["strategies", "show", name],
        ["backtest", *given, "--set", "filters=off"],
        ["search", *given, "--grid", "rises=2,3"],
        ["probe", "lookahead", *given],
    ):
        said = piped(words, folder, **PLAIN)
        assert said.status == 0, (words, said.errors)
    assert "my_rises" in piped(["strategies", "list"], folder).text


@pytest.mark.parametrize(
    "compiling", ["never", pytest.param("now", marks=pytest.mark.slow, id="compiled")]
)
@pytest.mark.parametrize(
    ("wrong", "cause"),
    [
        ("state[RISEN] = stat[RISEN] + 1.0 if", "name 'stat' is not defined"),
        ("state[RISEN] = bar.closing + 1.0 if", "closing"),
    ],
)
def test_a_mistake_in_a_kernel_is_one_sentence_with_file_line_and_cause(
    wrong: str, cause: str, compiling: str, folder: Path
) -> None:
    file = folder / "strategies" / "my_rises.py"
    text = file.read_text()
    line = next(n for n, found in enumerate(text.splitlines(), 1) if "+ 1.0 if" in found)
    file.write_text(text.replace("state[RISEN] = state[RISEN] + 1.0 if", wrong))
    words = ["backtest", "--strategy", "my_rises", "--candles", "mine.parquet"]
    said = piped(words, folder, NOCTURNE_COMPILE=compiling, NOCTURNE_CACHE=str(folder / "cache"))
    assert said.status == 2
    *_, sentence = said.errors.splitlines()
    assert f"strategies/my_rises.py, line {line}: kernel 'my_rises_step'" in sentence
    assert cause in sentence
    assert "Traceback" not in said.errors
    assert len(said.errors.splitlines()) <= 2
