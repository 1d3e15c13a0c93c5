"""Where a fault can be put into a module, and the module with it. Cosmic Ray makes the change."""

from __future__ import annotations

import hashlib
import re
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from cosmic_ray import plugins
from cosmic_ray.ast import ast_nodes, get_ast
from cosmic_ray.mutating import mutate_code

ROOT = Path(__file__).resolve().parents[2]

_OPERATORS = re.compile(
    r"core/(ReplaceComparisonOperator_(Lt_LtE|LtE_Lt|Gt_GtE|GtE_Gt|Eq_NotEq|NotEq_Eq|Lt_Gt|Gt_Lt"
    r"|Is_IsNot|IsNot_Is)"
    r"|ReplaceBinaryOperator_(Add_Sub|Sub_Add|Mul_Div|Div_Mul|FloorDiv_Mul|Mod_Mul)"
    r"|ReplaceUnaryOperator_(USub_UAdd|Delete_Not)|ReplaceAndWithOr|ReplaceOrWithAnd"
    r"|ReplaceTrueWithFalse|ReplaceFalseWithTrue|ReplaceBreakWithContinue|ReplaceContinueWithBreak"
    r"|AddNot|ZeroIterationForLoop|NumberReplacer)"
)
# A change of these is one of hints for the reader and for mypy, not of behaviour.
_HINTS = {"annassign", "tfpdef", "decorator", "import_from", "import_name"}


@dataclass(frozen=True, slots=True)
class Fault:
    """One place where an operator applies.

    ``key`` stays the same while lines move: file, class and function, operator, the line's text,
    and which of the operator's places with that text it is. ``line`` counts from 1.
    """

    path: str
    operator: str
    occurrence: int
    line: int
    key: str

    def source(self) -> str | None:
        """Return the module with the fault; None if that leaves it as it was."""
        original = source_of(self.path)
        mutated = mutate_code(original, plugins.get_operator(self.operator)(), self.occurrence)
        return None if mutated is None or mutated == original else str(mutated)

    def difference(self) -> tuple[str, str]:
        """Return the first line that the fault changes, without and with it."""
        pairs = zip(source_of(self.path).splitlines(), (self.source() or "").splitlines())  # noqa: B905
        changed = ((old.strip(), new.strip()) for old, new in pairs if old != new)
        return next(changed, ("", ""))


@cache
def source_of(path: str) -> str:
    """Return the text of a module of the project."""
    return (ROOT / path).read_text(encoding="utf-8")


def files_of(patterns: Iterable[str]) -> list[str]:
    """Return the modules that match ``patterns``, relative to the project."""
    found = {path for pattern in patterns for path in ROOT.glob(pattern)}
    return sorted(path.relative_to(ROOT).as_posix() for path in found if path.name != "__init__.py")


def find_faults(path: str) -> list[Fault]:
    """Return every fault of one module, as ``path`` relative to the project."""
    lines = source_of(path).splitlines()
    nodes = [node for node in ast_nodes(get_ast(source_of(path))) if hasattr(node, "start_pos")]
    found: list[Fault] = []
    for name in _operators():
        positions = plugins.get_operator(name)().mutation_positions
        places = [(node, start[0]) for node in nodes for start, _ in positions(node)]
        seen: Counter[tuple[str, str]] = Counter()
        for occurrence, (node, line) in enumerate(places):
            text = lines[line - 1].strip()
            place = _place_of(node)
            seen[place, text] += 1
            if not _is_hint(node):
                which = f"{name.removeprefix('core/')} {seen[place, text]}"
                key = f"{path}: {place}: {which} of: {text}"
                found.append(Fault(path, name, occurrence, line, key))
    return found


def sample_of(faults: Sequence[Fault], size: int, seed: int) -> list[Fault]:
    """Draw ``size`` faults; a change of one module leaves the draws of the others alone."""

    def rank(fault: Fault) -> bytes:
        return hashlib.sha256(f"{seed} {fault.key}".encode()).digest()

    return sorted(faults, key=rank)[:size]


@cache
def _operators() -> tuple[str, ...]:
    return tuple(name for name in plugins.operator_names() if _OPERATORS.fullmatch(name))


def _place_of(node: Any) -> str:
    """Return the classes and functions around a syntax node, the outer one first."""
    names: list[str] = []
    above = node
    while above is not None:
        if getattr(above, "type", "") in ("funcdef", "classdef"):
            names.insert(0, above.name.value)
        above = getattr(above, "parent", None)
    return ".".join(names) or "module"


def _is_hint(node: Any) -> bool:
    """Tell whether a syntax node is an annotation, an import or a decorator."""
    above = node
    while above is not None:
        kind = getattr(above, "type", "")
        parent = getattr(above, "parent", None)
        if kind in _HINTS and not (kind == "annassign" and _is_value(above, node)):
            return True
        if getattr(parent, "type", "") == "funcdef" and _follows_arrow(parent, above):
            return True
        above = parent
    # The bare star of a signature is no product: a slash in its place changes no call by name.
    return getattr(node, "value", "") == "*" and node.parent.type == "parameters"


def _is_value(assignment: Any, node: Any) -> bool:
    """Tell whether ``node`` stands behind the `=` of an annotated assignment."""
    signs = [child for child in assignment.children if getattr(child, "value", "") == "="]
    return bool(signs) and bool(node.start_pos > signs[0].start_pos)


def _follows_arrow(function: Any, part: Any) -> bool:
    """Tell whether ``part`` is the annotation of what a function returns."""
    children = list(function.children)
    place = children.index(part)
    return place > 0 and getattr(children[place - 1], "value", "") == "->"
