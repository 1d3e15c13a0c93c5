"""The table of figures: the benchmark it names prints each line and checks its target."""

from __future__ import annotations

import ast
import importlib.util
import re
from pathlib import Path
from types import ModuleType

import pytest

ROOT = Path(__file__).resolve().parents[2]
BENCHMARKS = ROOT / "benchmarks"


def rows() -> list[tuple[str, str]]:
    """Return line and file of each row of the table in docs/simulation.md."""
    section = (ROOT / "docs" / "simulation.md").read_text(encoding="utf-8").split("## Speed")[1]
    return re.findall(r"^\| `([^`]+)` \| `([^`]+)` \|", section, re.MULTILINE)


def texts_of(path: Path) -> list[str]:
    """Return a pattern for every string in a Python file; placeholders match anything."""
    found = []
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Constant) and isinstance(node.value, str):
            found.append(re.escape(node.value))
        elif isinstance(node, ast.JoinedStr):
            parts = (
                re.escape(part.value) if isinstance(part, ast.Constant) else ".+"
                for part in node.values
            )
            found.append("".join(parts))
    return found


@pytest.fixture(scope="module")
def targets() -> ModuleType:
    spec = importlib.util.spec_from_file_location("_targets", BENCHMARKS / "_targets.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_every_row_is_printed_by_its_benchmark():
    assert len(rows()) >= 12
    for line, file in rows():
        texts = texts_of(BENCHMARKS / file)
        assert any(re.fullmatch(text, line) for text in texts), f"{file} prints no '{line}'"
        assert "targets.finish()" in (BENCHMARKS / file).read_text(encoding="utf-8")


def test_figures_that_reach_their_targets_are_reported(
    targets: ModuleType, capsys: pytest.CaptureFixture[str]
):
    figures = targets.Targets()
    figures.at_most("time", 5.0, 5.0, "ms")
    figures.below("growth", 1.19, 1.2, "x")
    figures.at_least("ratio", 8.0, 8.0)
    figures.finish()
    assert [line.rpartition(": ")[2] for line in capsys.readouterr().out.splitlines()] == [
        "reached"
    ] * 3


@pytest.mark.parametrize(
    ("kind", "arguments"),
    [
        ("at_most", (5.01, 5.0, "ms")),
        ("below", (1.2, 1.2, "x")),
        ("at_least", (7.9, 8.0)),
        ("not_taken", ("the peer is not installed",)),
    ],
)
def test_a_missed_figure_exits_with_status_1(
    targets: ModuleType, kind: str, arguments: tuple[object, ...], capsys
):
    figures = targets.Targets()
    figures.at_most("other", 0.0, 1.0, "s")
    getattr(figures, kind)("figure", *arguments)
    assert re.search(r"^figure .*(MISSED|NOT TAKEN)", capsys.readouterr().out, re.MULTILINE)
    with pytest.raises(SystemExit) as left:
        figures.finish()
    assert left.value.code == "missed or not taken: figure"  # a text is status 1
