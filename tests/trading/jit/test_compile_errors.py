"""A kernel that does not compile gives one sentence: file, line, name and reason."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from trading.errors import KernelError
from trading.jit import compiler
from trading.jit.compile_errors import explain
from trading.jit.kernel import kernel


def helper(value: float) -> float:
    return value


@kernel
def unknown_name(value: float) -> float:
    return value + not_there  # type: ignore[name-defined,no-any-return]  # noqa: F821


@kernel
def adds_text(value: Any) -> Any:
    return "a" + value


@kernel
def no_attribute(value: Any) -> Any:
    return value.high


@kernel
def calls_it(value: float) -> Any:
    twice = value * 2.0
    return no_attribute(twice)


@kernel
def calls_plain(value: float) -> float:
    return helper(value)


@kernel
def returns_both(value: float) -> Any:
    if value > 1.0:
        return "high"
    return value  # second


@kernel
def opens_a_file(value: float) -> float:
    with open("x"):  # noqa: PTH123
        return value


MISTAKES = [
    (unknown_name, "unknown_name", "not_there  #", "the name 'not_there' is not defined"),
    (adds_text, "adds_text", '"a" +', "no operation add(str, float) exists in a kernel"),
    (calls_it, "no_attribute", "value.high", "float has no attribute 'high'"),
    (
        calls_plain,
        "calls_plain",
        "helper(value)",
        "'helper' is a plain function; mark it with @kernel",
    ),
    (
        returns_both,
        "returns_both",
        "return value  # second",
        "it returns values of different types: str, float",
    ),
    (
        opens_a_file,
        "opens_a_file",
        'with open("x")',
        "Unsupported context manager in use",
    ),
]


@pytest.mark.parametrize(("function", "name", "at", "reason"), MISTAKES)
def test_the_innermost_kernel_is_named_with_its_line(
    function: Callable[..., Any], name: str, at: str, reason: str
) -> None:
    with pytest.raises(KernelError) as refused:
        compiler.twin(function)(1.0)
    lines = Path(__file__).read_text(encoding="utf-8").splitlines()
    line = next(number for number, text in enumerate(lines, 1) if at in text)
    where = Path(__file__).relative_to(Path.cwd())
    assert str(refused.value) == f"{where}, line {line}: kernel '{name}' does not compile: {reason}"


def test_the_file_is_named_whole_outside_the_working_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(KernelError, match=f"^{__file__}, line "):
        compiler.twin(calls_plain)(1.0)


def test_the_colours_of_a_terminal_are_left_out() -> None:
    error = ValueError("\x1b[1m\x1b[1mUnsupported context manager in use\x1b[0m\x1b[0m")
    assert explain(buffers, error).endswith("does not compile: Unsupported context manager in use")


def buffers(state: list[float]) -> None:
    """Stand for a kernel."""
    state[0] = 0.0
