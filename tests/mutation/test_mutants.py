"""`make mutants`: a fault that no test notices is named, a killed one is not tried again."""

from __future__ import annotations

import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
MODULE = """LIMIT = 7


def least(a: float, b: float) -> float:
    return a if a < b else b
"""
TESTS = """from trading.toy import least


def test_that_fails_under_a_limit_of_wall_time(pytestconfig):
    assert float(pytestconfig.getini("timeout")) == 0.0


def test_least():
    assert (least(1, 2), least(2, 1)) == (1, 1)


def test_that_fails_without_a_fault():
    assert least(2, 1) == 2
"""
SETTINGS = """modules = ["trading/*.py"]
compiled = []
left_out = []

[first]

[tests]
"""
EQUIVALENT = """[[equivalent]]
reason = "nothing reads it"
faults = ["trading/toy.py: module: NumberReplacer 1 of: LIMIT = 7"]

[[equivalent]]
reason = "equal numbers are the same"
faults = [
    "trading/toy.py: least: ReplaceComparisonOperator_Lt_LtE 1 of: return a if a < b else b",
]
"""


def run(project: Path, *options: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "scripts/mutants.py", *options],
        cwd=project,
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """Write a project of one module, whose second test fails as it is."""
    ignored = shutil.ignore_patterns("__pycache__")
    shutil.copytree(ROOT / "scripts", tmp_path / "scripts", ignore=ignored)
    for path, text in (
        ("trading/__init__.py", ""),
        ("trading/toy.py", MODULE),
        ("tests/trading/test_toy.py", TESTS),
        ("tests/mutants.toml", SETTINGS),
        ("tests/equivalent_mutants.toml", EQUIVALENT),
    ):
        (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / path).write_text(text)
    settings = '[tool.pytest.ini_options]\npythonpath = ["."]\ntimeout = 60\n'
    (tmp_path / "pyproject.toml").write_text(settings)
    return tmp_path


def test_survivors_are_named_and_killed_faults_are_not_tried_again(project: Path) -> None:
    first = run(project)
    assert first.returncode == 1, first.stderr
    left_out = "left out, it fails or lasts without a fault: tests/trading/test_toy.py::"
    assert f"{left_out}test_that_fails_without_a_fault" in first.stdout
    assert f"{left_out}test_that_fails_under" not in first.stdout
    # The other change of the number is listed, and so is the comparison.
    survivor = "survived (2 tests passed): trading/toy.py: module: NumberReplacer 2 of: LIMIT = 7"
    assert survivor in first.stdout
    assert first.stdout.count("survived (") == 1
    killed = len((project / ".work" / "mutants.jsonl").read_text().splitlines())
    assert f"killed {killed} of {killed + 1}: " in first.stdout
    assert "0 without a verdict, 2 equivalent" in first.stdout
    second = run(project, "--verbose")
    assert f"{killed} were killed by earlier runs" in second.stdout
    assert "3/3 " in second.stdout, second.stderr
    assert f"killed {killed} of {killed + 1}: " in second.stdout


def test_the_list_of_equivalents_names_no_fault_that_is_gone_or_killed(project: Path) -> None:
    listed = EQUIVALENT + (
        '\n[[equivalent]]\nreason = "old"\n'
        'faults = ["trading/toy.py: module: AddNot 9 of: gone"]\n'
        '\n[[equivalent]]\nreason = "wrong"\nfaults = ["trading/toy.py: least:'
        ' ReplaceComparisonOperator_Lt_Gt 1 of: return a if a < b else b"]\n'
    )
    (project / "tests" / "equivalent_mutants.toml").write_text(listed)
    done = run(project)
    assert done.returncode == 1
    assert "listed, but not in the code: trading/toy.py: module: AddNot 9 of: gone" in done.stdout
    assert "killed now, take it off the list: trading/toy.py: least: ReplaceComp" in done.stdout


def test_nothing_begins_after_the_budget_and_nothing_is_left_behind(
    project: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    left = tmp_path / "left"
    left.mkdir()
    monkeypatch.setenv("TMPDIR", str(left))
    done = run(project, "--budget", "0.001", "--workers", "1")
    assert "the budget ended before" in done.stdout
    assert list(left.iterdir()) == []


def test_every_listed_equivalent_is_a_fault_of_its_module() -> None:
    done = subprocess.run(
        [sys.executable, "scripts/mutants.py", "--list", "--only", *_listed_modules()],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout[-2_000:] + done.stderr


def _listed_modules() -> list[str]:
    with (ROOT / "tests" / "equivalent_mutants.toml").open("rb") as file:
        groups = tomllib.load(file)["equivalent"]
    return sorted({fault.partition(": ")[0] for group in groups for fault in group["faults"]})
