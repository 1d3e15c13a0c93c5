"""Kernels: plain stays plain, twins call twins, and the cache follows every edit."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path
from types import FunctionType

import pytest

import trading
from trading.indicators.core import ema_step
from trading.jit import compiler
from trading.jit.kernel import apart, bind, is_apart, is_kernel, kernel
from trading.strategies.technical.breakout import breakout_step

SOURCE = Path(trading.__file__).parent


@kernel
def inner(value: float) -> float:
    return value + 1.0


@kernel
def outer(value: float) -> float:
    return inner(value) * 2.0


@apart
def large(value: float) -> float:
    return inner(value) * 3.0


@kernel
def caller(value: float) -> float:
    return large(value) - 1.0


def other(value: float) -> float:
    return value - 1.0


def test_a_kernel_is_the_plain_function_itself():
    assert isinstance(ema_step, FunctionType)
    assert is_kernel(ema_step)
    assert not is_kernel(other)


def test_a_twin_leaves_the_plain_function_and_its_callees_plain():
    twin = compiler.twin(outer)
    assert twin(1.0) == outer(1.0) == 4.0
    assert isinstance(outer, FunctionType)
    assert outer.__globals__["inner"] is inner
    assert twin.nopython_signatures
    assert not isinstance(twin.py_func.__globals__["inner"], FunctionType)


def test_a_kernel_marked_apart_is_called_with_the_same_result():
    assert is_kernel(large)
    assert is_apart(large)
    assert not is_apart(caller)
    twin = compiler.twin(caller)
    assert twin(1.0) == caller(1.0) == 5.0
    assert is_apart(twin.py_func.__globals__["large"].py_func)


def test_a_twin_is_made_once():
    assert compiler.twin(outer) is compiler.twin(outer)


def test_a_kernel_may_call_kernels_of_other_modules():
    twin = compiler.twin(breakout_step)
    assert not isinstance(twin.py_func.__globals__["ema_step"], FunctionType)


def test_a_bound_name_refers_to_the_kernel_given():
    assert bind(outer, inner=kernel(other))(1.0) == 0.0
    assert outer(1.0) == 4.0


def test_only_kernels_can_be_bound():
    def stranger(value: float) -> float:
        return value

    with pytest.raises(TypeError, match="mark it with @kernel"):
        bind(outer, inner=stranger)


def test_the_key_of_the_cache_follows_every_source_file(tmp_path):
    (tmp_path / "deep").mkdir()
    (tmp_path / "deep" / "a.py").write_text("x = 1")
    before = compiler.source_key(tmp_path)
    assert compiler.source_key(tmp_path) == before
    (tmp_path / "deep" / "a.py").write_text("x = 2")
    assert compiler.source_key(tmp_path) != before


SCRIPT = """
import sys, time
from pathlib import Path
from trading.jit import compiler
import numpy as np
from trading.strategies.filters import ATR_NOW, FILTER_SIZE, filter_step
compiler.enable(Path(sys.argv[1]))
twin = compiler.twin(filter_step)
state, par = np.zeros(FILTER_SIZE), np.zeros(10)
for _ in range(20):
    twin(state, par, 103.0, 100.0, 101.0)
stats = twin.stats
print(state[ATR_NOW], sum(stats.cache_hits.values()), sum(stats.cache_misses.values()))
"""


def average_range(packages: Path, cache: Path) -> list[float]:
    """Range, cache hits and misses of a fresh process that uses the ``trading`` of ``packages``."""
    return of_processes(1, packages, cache)[0]


def of_processes(count: int, packages: Path, cache: Path) -> list[list[float]]:
    """Range, hits and misses of each of ``count`` processes that start together, sorted."""
    started = [
        subprocess.Popen(
            [sys.executable, "-c", SCRIPT, str(cache)],
            cwd=packages,
            env=os.environ | {"PYTHONPATH": str(packages)},
            stdout=subprocess.PIPE,
            text=True,
        )
        for _ in range(count)
    ]
    printed = [process.communicate(timeout=120)[0] for process in started]
    assert [process.returncode for process in started] == [0] * count
    return sorted([float(word) for word in text.split()] for text in printed)


@pytest.mark.slow
def test_a_second_process_loads_compiled_code_and_an_edited_callee_is_compiled_again(tmp_path):
    packages, cache = tmp_path / "packages", tmp_path / "cache"
    shutil.copytree(SOURCE, packages / "trading", ignore=shutil.ignore_patterns("__pycache__"))
    assert average_range(packages, cache) == [3.0, 0.0, 1.0]
    assert average_range(packages, cache) == [3.0, 1.0, 0.0]
    callee = packages / "trading" / "indicators" / "core.py"
    text = callee.read_text()
    assert "reach = high - low\n" in text
    callee.write_text(text.replace("reach = high - low\n", "reach = high - low + 1.0\n"))
    assert average_range(packages, cache) == [4.0, 0.0, 1.0]


@pytest.mark.slow
def test_of_processes_that_start_together_one_compiles_and_the_others_load(tmp_path):
    compiles, loads = [3.0, 0.0, 1.0], [3.0, 1.0, 0.0]
    assert of_processes(3, SOURCE.parent, tmp_path) == [compiles, loads, loads]


def test_kernels_run_without_a_cache_folder_that_can_be_written(tmp_path):
    folder = tmp_path / "file"
    folder.write_text("")
    try:
        assert compiler.enable(folder) is None
        assert compiler.twin(outer)(1.0) == 4.0
    finally:
        compiler.enable()
