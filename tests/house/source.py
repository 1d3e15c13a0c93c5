"""The source files of the project, parsed once for every rule."""

from __future__ import annotations

import ast
import functools
import subprocess
from collections.abc import Iterator
from pathlib import Path

PROJECT = Path(__file__).resolve().parents[2]
PACKAGES = tuple(
    sorted(
        path.parent.name for path in PROJECT.glob("*/__init__.py") if path.parent.name != "tests"
    )
)


@functools.cache
def modules() -> tuple[Path, ...]:
    """Every module of the packages, relative to the project."""
    found = (path for name in PACKAGES for path in (PROJECT / name).rglob("*.py"))
    return tuple(sorted(path.relative_to(PROJECT) for path in found))


@functools.cache
def tree(module: Path) -> ast.Module:
    """The syntax tree of a module."""
    return ast.parse((PROJECT / module).read_text(encoding="utf-8"))


@functools.cache
def committed() -> tuple[Path, ...]:
    """Every text file that git tracks, relative to the project."""
    listed = subprocess.run(
        ["git", "ls-files", "-z"], cwd=PROJECT, capture_output=True, text=True, check=True
    ).stdout
    names = (Path(name) for name in listed.split("\0") if name)
    return tuple(name for name in names if (PROJECT / name).is_file() and _is_text(name))


def _is_text(name: Path) -> bool:
    with (PROJECT / name).open("rb") as file:
        return b"\0" not in file.read(4096)


def functions(module: Path) -> Iterator[tuple[str, ast.FunctionDef | ast.AsyncFunctionDef]]:
    """Every function of a module with its qualified name."""

    def walk(
        node: ast.AST, before: str
    ) -> Iterator[tuple[str, ast.FunctionDef | ast.AsyncFunctionDef]]:
        for child in ast.iter_child_nodes(node):
            if isinstance(child, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
                name = f"{before}{child.name}"
                if not isinstance(child, ast.ClassDef):
                    yield name, child
                yield from walk(child, f"{name}.")
            else:
                yield from walk(child, before)

    yield from walk(tree(module), "")
