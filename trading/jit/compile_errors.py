"""What is wrong with a kernel that does not compile or fails, in one sentence.

numba explains a mistake in dozens of lines that end in the caller. Here the innermost kernel is
named: file, line, name and reason.
"""

from __future__ import annotations

import inspect
import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from traceback import extract_tb
from typing import Any

from trading.errors import KernelError, NocturneError

_FAILED = "Failed in nopython mode pipeline"
_COLOURS = re.compile(r"\x1b\[[0-9;]*m")
_LINE = re.compile(r'File "[^"]*", line (\d+)')
_NO_NAME = re.compile(r"name '(\w+)' is not defined")
_UNTYPED = re.compile(r"Untyped global name '(\w+)': (?P<why>.*)")
_ATTRIBUTE = re.compile(r"Unknown attribute '(\w+)' of type (.+)")
_NO_MATCH = re.compile(r">>> (\w+)\((.*)\)")
_RETURNS = re.compile(r"Can't unify return type from the following types: (.*)")
_TYPES = (
    (re.compile(r"Literal\[(\w+)\]\([^)]*\)"), r"\1"),
    (re.compile(r"(readonly )?array\((float|int)\d+, 1d, \w\)"), r"a buffer of \2"),
    (re.compile(r"\b(float|int|uint)\d+\b"), r"\1"),
    (re.compile(r"\b([A-Z]\w+)\((?:int|float)(?:, (?:int|float))*\)"), r"\1"),
    (re.compile(r"\bunicode_type\b"), "str"),
    (re.compile(r"\bnone\b"), "None"),
)


def explain(kernel: Callable[..., Any], error: Exception) -> str:
    """Return file, line, name and reason of a kernel that ``error`` of numba refuses."""
    code = kernel.__code__
    text = _COLOURS.sub("", str(error))
    loc = getattr(error, "loc", None)
    named = [int(found) for found in _LINE.findall(text)]
    line = loc.line if loc is not None else max(named, default=code.co_firstlineno)
    return (
        f"{_shown(code.co_filename)}, line {line}: kernel '{code.co_name}' does not compile:"
        f" {_reason(text)}"
    )


def explain_failure(kernel: Callable[..., Any], error: Exception) -> str | None:
    """Return file, line, name and reason of an error in plain Python, if it lies in that file.

    The kernel's own file counts; elsewhere the error is no mistake of the strategy: None.
    """
    path = kernel.__code__.co_filename
    inside = [frame for frame in extract_tb(error.__traceback__) if frame.filename == path]
    if not inside:
        return None
    place = f"{_shown(path)}, line {inside[-1].lineno}: kernel '{inside[-1].name}'"
    return f"{place} fails: {type(error).__name__}: {error}"


@contextmanager
def explained(kernel: Callable[..., Any]) -> Iterator[None]:
    """Turn an error in the file of ``kernel`` into a `KernelError` of one sentence."""
    try:
        yield
    except NocturneError:
        raise
    except Exception as error:
        sentence = explain_failure(kernel, error)
        if sentence is None:
            raise
        raise KernelError(sentence) from error


def _shown(path: str) -> str:
    """Return a path as a user writes it: relative to the working folder if it lies in it."""
    file, here = Path(path), Path.cwd()
    return str(file.relative_to(here) if file.is_relative_to(here) else file)


def _reason(text: str) -> str:
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    said = next((line for line in lines if not line.startswith(_FAILED)), "numba gives no reason")
    if found := _NO_NAME.search(said):
        return f"the name '{found[1]}' is not defined"
    if found := _UNTYPED.search(said):
        if "function" in found["why"]:
            return f"'{found[1]}' is a plain function; mark it with @kernel"
        return f"'{found[1]}' is no number, buffer or kernel, so a kernel cannot use it"
    if found := _ATTRIBUTE.search(said):
        return f"{_plain(found[2])} has no attribute '{found[1]}'"
    if found := _RETURNS.search(said):
        return f"it returns values of different types: {_plain(found[1])}"
    if found := _NO_MATCH.search(text):
        return f"no operation {found[1]}({_plain(found[2])}) exists in a kernel"
    return _plain(said.split(". Raised from")[0].rstrip("."))


def _plain(text: str) -> str:
    """Name numba's types as Python does."""
    for pattern, name in _TYPES:
        text = pattern.sub(name, text)
    return inspect.cleandoc(text)
