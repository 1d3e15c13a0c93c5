"""Size and place: a module holds one subject, a folder about a dozen modules."""

from __future__ import annotations

import ast
from collections import Counter
from pathlib import Path

from tests.house.source import PROJECT, functions, modules, tree

MOST_LINES = 400
MOST_MODULES = 14
MOST_PARAMETERS = 7
LENGTHS = {"MINUTE_MS", "HOUR_MS", "DAY_MS"}

TOO_LONG: dict[str, str] = {}
"""Modules over the limit, each with its reason."""

TOO_MANY: dict[str, str] = {}
"""Folders over the limit, each with its reason."""

MANY_PARAMETERS: dict[str, str] = {}
"""Functions over the limit, each with its reason."""

KERNELS = "a compiled kernel takes buffers and scalars; it knows no objects"


def named(exceptions: dict[str, str], found: set[str]) -> None:
    """Nothing beyond the exceptions, and no exception that is no longer needed."""
    assert found - set(exceptions) == set()
    assert set(exceptions) - found == set(), "no longer needed: take them off the list"


def test_no_module_is_longer_than_400_lines() -> None:
    long = {
        str(module)
        for module in modules()
        if len((PROJECT / module).read_text(encoding="utf-8").splitlines()) > MOST_LINES
    }
    named(TOO_LONG, long)


def test_no_folder_has_more_than_14_modules() -> None:
    counts = Counter(str(path.parent) for path in modules() if path.name != "__init__.py")
    named(TOO_MANY, {folder for folder, count in counts.items() if count > MOST_MODULES})


def takes_many(function: ast.FunctionDef | ast.AsyncFunctionDef) -> bool:
    """Whether a function has eight or more parameters, ``self`` aside."""
    given = function.args
    names = [item.arg for item in (*given.posonlyargs, *given.args, *given.kwonlyargs)]
    return len([name for name in names if name not in ("self", "cls")]) > MOST_PARAMETERS


def is_command(function: ast.FunctionDef | ast.AsyncFunctionDef) -> bool:
    """Whether Typer calls the function: its parameters are the command's options."""
    names = [ast.unparse(item) for item in function.decorator_list]
    return any(name.split("(")[0].endswith((".command", ".callback")) for name in names)


def is_kernel(function: ast.FunctionDef | ast.AsyncFunctionDef) -> bool:
    """Whether a function is compiled."""
    names = {ast.unparse(item).split("(")[0] for item in function.decorator_list}
    return bool(names & {"kernel", "apart"})


def many() -> dict[str, ast.FunctionDef | ast.AsyncFunctionDef]:
    """Every function with eight or more parameters that is no command, by module and name."""
    return {
        f"{module}:{name}": function
        for module in modules()
        for name, function in functions(module)
        if takes_many(function) and not is_command(function)
    }


def test_no_function_has_eight_parameters() -> None:
    named(MANY_PARAMETERS, set(many()))


def test_only_kernels_give_the_reason_of_kernels() -> None:
    wrong = [
        name
        for name, function in many().items()
        if (MANY_PARAMETERS.get(name) == KERNELS) != is_kernel(function)
    ]
    assert wrong == []


def test_the_lengths_of_time_are_defined_once() -> None:
    found = {
        str(module)
        for module in modules()
        for node in ast.walk(tree(module))
        if isinstance(node, ast.Name)
        and isinstance(node.ctx, ast.Store)
        and node.id.strip("_") in LENGTHS
    }
    assert found == {str(Path("trading", "candles.py"))}
