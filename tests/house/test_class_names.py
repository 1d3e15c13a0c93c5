"""A class name stands for one thing in the whole project."""

from __future__ import annotations

import ast
from collections import defaultdict

from tests.house.source import modules, tree

SAME_CONCEPT: dict[str, str] = {
    "BacktestResult": "one simulated run; the Python door shows its columns as frames",
    "Lake": "the folder of all tables; the Python door reads it as frames",
    "SearchResult": "all combinations of a search; the Python door shows them as frames",
}
"""Names that several modules define, each with the one thing that it means in all of them."""


def defined() -> dict[str, set[str]]:
    """The modules that define each class name."""
    found: dict[str, set[str]] = defaultdict(set)
    for module in modules():
        for node in ast.walk(tree(module)):
            if isinstance(node, ast.ClassDef):
                found[node.name].add(str(module))
    return found


def test_a_class_name_is_unique_or_means_the_same_everywhere() -> None:
    several = {name: sorted(where) for name, where in defined().items() if len(where) > 1}
    assert {name: where for name, where in several.items() if name not in SAME_CONCEPT} == {}


def test_every_exception_is_needed() -> None:
    several = {name for name, where in defined().items() if len(where) > 1}
    assert set(SAME_CONCEPT) - several == set()
