"""The table of figures: each line is printed and judged by the benchmark that the table names."""

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
    """Line and file of each row of the table in docs/simulation.md."""
    section = (ROOT / "docs" / "simulation.md").read_text(encoding="utf-8").split("## Speed")[1]
    return re.findall(r"^\| `([^`]+)` \| `([^`]+)` \|", section, re.MULTILINE)


def texts_of(path: Path) -> list[str]:
    """Patterns of all texts in a Python file; what is filled in may be anything."""
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
def verdicts() -> ModuleType:
    spec = importlib.util.spec_from_file_location("_verdicts", BENCHMARKS / "_verdicts.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_every_row_is_a_line_of_its_benchmark():
    assert len(rows()) >= 12
    for line, file in rows():
        texts = texts_of(BENCHMARKS / file)
        assert any(re.fullmatch(text, line) for text in texts), f"{file} prints no '{line}'"
        assert "verdicts.finish()" in (BENCHMARKS / file).read_text(encoding="utf-8")


def test_a_figure_that_is_reached_is_said_and_ends_well(
    verdicts: ModuleType, capsys: pytest.CaptureFixture[str]
):
    judged = verdicts.Verdicts()
    judged.at_most("time", 5.0, 5.0, "ms")
    judged.below("growth", 1.19, 1.2, "x")
    judged.at_least("ratio", 8.0, 8.0)
    judged.finish()
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
def test_a_figure_that_is_not_ends_with_status_1(
    verdicts: ModuleType, kind: str, arguments: tuple[object, ...], capsys
):
    judged = verdicts.Verdicts()
    judged.at_most("other", 0.0, 1.0, "s")
    getattr(judged, kind)("figure", *arguments)
    assert re.search(r"^figure .*(MISSED|NOT TAKEN)", capsys.readouterr().out, re.MULTILINE)
    with pytest.raises(SystemExit) as left:
        judged.finish()
    assert left.value.code == "missed or not taken: figure"  # a text is status 1
