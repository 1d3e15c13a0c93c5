"""Compiled kernels: callees are compiled once, with their callers."""

from __future__ import annotations

import numpy as np
import pytest
from numba.core.codegen import JITCodeLibrary

from trading.jit.compiler import _njit
from trading.jit.kernel import Rebuilder, apart, kernel
from trading.jit.numba_linking import CalleeCompiler, LinkedLibrary


@kernel
def tripled(values: list[float], at: int) -> float:
    return 3.0 * values[at]


@apart
def shifted(values: list[float], at: int) -> float:
    return tripled(values, at) + 0.1 / values[at]


@kernel
def total(values: list[float]) -> float:
    found = 0.0
    for i in range(len(values)):
        found += shifted(values, i) + tripled(values, i)
    return found


def compiled_total(libraries):
    def callee(function):
        linked = {"no_cpython_wrapper": True, "no_cfunc_wrapper": True}
        made = _njit(function, pipeline_class=CalleeCompiler, **linked)
        libraries.append(made)
        return made

    return _njit(Rebuilder(callee, lambda bound: bound.__name__).outer(total))


def test_only_the_outermost_kernel_is_optimised_and_becomes_machine_code(monkeypatch) -> None:
    optimised, whole = [], JITCodeLibrary._optimize_final_module

    def counted(library):
        optimised.append(library.name)
        whole(library)

    monkeypatch.setattr(JITCodeLibrary, "_optimize_final_module", counted)
    callees = []
    function, values = compiled_total(callees), [0.25, 7.0, -1.5]
    assert function(np.array(values)) == total(values)
    names = [name.rpartition(".")[2] for name in optimised]
    assert [name for name in names if name != "nrt"] == ["total"]  # numba's own, where it is first
    libraries = [found.library for made in callees for found in made.overloads.values()]
    assert len(libraries) == 2
    for library in libraries:
        assert isinstance(library, LinkedLibrary)
        assert library.get_pointer_to_function(f"{library.name}") == 0


def test_an_error_of_a_callee_is_raised_as_in_plain_python() -> None:
    values = [1.0, 0.0]
    for function in (total, compiled_total([])):
        with pytest.raises(ZeroDivisionError):
            function(values if function is total else np.array(values))
