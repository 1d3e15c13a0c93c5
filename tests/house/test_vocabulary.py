"""`scripts/check_vocabulary.py` finds the words that have another name, and no others."""

from __future__ import annotations

import runpy
from pathlib import Path
from typing import Any

import pytest

PROJECT = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="module")
def script() -> dict[str, Any]:
    return runpy.run_path(str(PROJECT / "scripts" / "check_vocabulary.py"))


def words(script: dict[str, Any], path: str, source: str) -> list[str]:
    return [found.rule.word for found in script["findings"](path, source)]


@pytest.mark.parametrize(
    ("path", "source", "word"),
    [
        ("executor/x.py", "class OrderDesk: ...", "desk"),
        ("executor/x.py", "order_desk = 1", "desk"),
        ("executor/x.py", '"""The desk sends orders."""', "desk"),
        ("executor/x.py", "x = 1  # the desk sends it", "desk"),
        ("executor/x.py", 'raise ValueError("no lane for BTCUSDT")', "lane"),
        ("executor/x.py", 'f"the lane {1} is closed"', "lane"),
        ("tests/x.py", "def test_a_client_is_told_once(): ...", "told"),
        ("trading/x.py", '"""Both speeds agree."""', "speed"),
        ("docs/x.md", "The report is made anew.", "anew"),
        ("sql/x.sql", "-- which seat it was\nselect 1", "seat"),
    ],
)
def test_a_word_with_another_name_is_found(
    script: dict[str, Any], path: str, source: str, word: str
) -> None:
    assert words(script, path, source) == [word]


@pytest.mark.parametrize(
    ("path", "source"),
    [
        ("executor/x.py", 'key = "seats"'),  # a key: a stored word
        ("executor/x.py", '"""The desktop shows a landscape."""'),
        ("sandbox/x.py", "speed = 60.0"),  # how fast market time passes
        ("tests/x.py", "def test_a_foreign_position_halts_its_symbol(): ..."),
        ("docs/x.md", "A candle halts nothing."),
    ],
)
def test_an_ordinary_word_is_left_alone(script: dict[str, Any], path: str, source: str) -> None:
    assert words(script, path, source) == []


def test_a_module_is_named_by_a_noun(script: dict[str, Any]) -> None:
    assert script["names_of_file"]("trading/positions/sizing.py") == []
    assert script["names_of_file"]("trading/__init__.py") == []
    (wrong,) = script["names_of_file"]("trading/positions/walking.py")
    assert "'walking' ends in -ing" in wrong


def test_every_exception_has_a_reason(script: dict[str, Any]) -> None:
    assert all(each.reason for each in script["ALLOWED"])
    assert all(script["NOUNS"].values())
