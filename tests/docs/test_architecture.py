"""docs/architecture.md: every path exists, its table answers, and its picture is up to date."""

from __future__ import annotations

import ast
import re
import runpy
import tomllib
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).resolve().parents[2]
PAGE = (ROOT / "docs" / "architecture.md").read_text(encoding="utf-8")
IMAGES = ROOT / "docs" / "images"
TABLE = PAGE.split("| room | folder or file |")[1].split("\n\n")[0]
ROWS = [[cell.strip() for cell in line.split("|")[1:-1]] for line in TABLE.splitlines()[2:]]
PATH = re.compile(
    r"`((?:trading|lake|sql|flows|executor|sandbox|cli|config|tests|data_lake)/[^`<]*)`"
)


@pytest.fixture(scope="module")
def picture() -> dict[str, Any]:
    return runpy.run_path(str(IMAGES / "make_house_picture.py"))


def test_every_path_of_the_page_exists() -> None:
    named = PATH.findall(PAGE)
    assert len(named) > 50
    assert [name for name in named if not (ROOT / name).exists()] == []


def test_every_row_of_the_table_lies_in_its_room() -> None:
    rooms = {"data": "data_lake"}
    for room, places, *_ in ROWS:
        for path in re.findall(r"`([^`]+)`", places):
            assert path.startswith(f"{rooms.get(room, room)}/"), path


def symbols(path: Path) -> set[str]:
    """Return what a module defines: functions, classes, their methods, and constants."""
    found: set[str] = set()
    for node in ast.parse(path.read_text(encoding="utf-8")).body:
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            found.add(node.name)
        elif isinstance(node, ast.ClassDef):
            methods = (
                n for n in node.body if isinstance(n, ast.FunctionDef | ast.AsyncFunctionDef)
            )
            found |= {node.name, *(f"{node.name}.{method.name}" for method in methods)}
        elif isinstance(node, ast.Assign):
            found |= {target.id for target in node.targets if isinstance(target, ast.Name)}
    return found


@pytest.mark.parametrize(
    "question",
    [
        "an order's state changes",
        "a stop is decided",
        "a candle is checked",
        "a gate's threshold",
        "a Binance error code is read",
    ],
)
def test_a_question_leads_to_the_file_that_answers_it(question: str) -> None:
    answers = [row for row in ROWS if f"**{question}**" in row[3]]
    assert answers
    for _, place, what, _ in answers:
        (path,) = re.findall(r"`([^`]+\.py)`", place)
        (symbol, *_) = re.findall(r"`([^`]+)`", what)
        assert symbol in symbols(ROOT / path), f"{path} defines no {symbol}"


def contract(room: str) -> list[str]:
    """The floors of a room in pyproject.toml, from the top down, one name after the other."""
    settings = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    (layers,) = (
        each["layers"]
        for each in settings["tool"]["importlinter"]["contracts"]
        if each.get("containers") == [room]
    )
    return [name for layer in layers for name in re.split(r" [|:] ", layer)]


@pytest.mark.parametrize("room", ["executor", "trading", "sandbox"])
def test_the_floors_are_those_of_the_contracts(room: str) -> None:
    (line,) = re.findall(rf"^\| `{room}/` \| (`[\w.]+` · .*) \|$", PAGE, re.MULTILINE)
    assert re.findall(r"`([\w.]+)`", line) == contract(room)


@pytest.mark.parametrize("room", ["executor", "trading"])
def test_the_picture_has_the_floors_in_order(picture: dict[str, Any], room: str) -> None:
    (drawn,) = (each.floors for each in picture["ROOMS"] if each.name == room)
    names = [name for floor in drawn for name in floor]
    assert names == [name for name in contract(room) if name in names]


def test_the_picture_is_the_one_that_its_script_draws(picture: dict[str, Any]) -> None:
    assert (IMAGES / "house.svg").read_text(encoding="utf-8") == picture["draw"]()


def test_the_picture_shows_every_folder(picture: dict[str, Any]) -> None:
    for room in picture["ROOMS"]:
        drawn = {name for floor in room.floors for name in floor}
        assert [name for name in drawn if not (ROOT / room.name / name).is_dir()] == []
        if not drawn:
            continue
        folders = {
            path.parent.relative_to(ROOT / room.name).as_posix()
            for path in (ROOT / room.name).glob("*/__init__.py")
        }
        shown = {name.partition("/")[0] for name in drawn}
        assert folders - shown == set()
