"""How kernels compile: callees once, together with the outermost kernel.

numba optimises every function together with everything it calls, turns it into machine code, and
does so again for each caller of that function: the leaf of a chain of seven kernels is optimised
seven times, and six of the results are thrown away. Callees compiled here stay as they were
lowered; the outermost kernel, into which all are linked, is optimised as a whole. The result is the
same and runs as fast, but the strategies compile in 60 s instead of 105 s.

The classes override methods of numba that are not part of its public interface; the version is
pinned, and a test asserts that callees are left out.
"""

# numba has no types.
# mypy: allow-untyped-calls

from __future__ import annotations

from typing import Any

from trading.jit.numba_loading import compiler_parts

# isort: split
# numba is loaded above, without what no kernel needs.
from numba.core.codegen import JITCodeLibrary
from numba.core.compiler import Compiler, DefaultPassBuilder
from numba.core.compiler_machinery import register_pass
from numba.core.typed_passes import NativeLowering


class _Codegen:
    """A library's view of the code generator: no module of it reaches the execution engine."""

    def __init__(self, codegen: Any) -> None:
        self._codegen = codegen

    def __getattr__(self, name: str) -> Any:
        return getattr(self._codegen, name)

    def _add_module(self, module: object) -> None:
        del module

    def set_env(self, name: str, environment: object) -> None:
        """Do nothing: an environment is for Python objects, and kernels use none."""
        del name, environment


class LinkedLibrary(JITCodeLibrary):
    """Code of a callee, to be linked into its callers' libraries."""

    def __init__(self, codegen: Any, name: str) -> None:
        super().__init__(_Codegen(codegen), name)

    def _optimize_final_module(self) -> None:
        """Do nothing: the outermost library does it."""

    def _finalize_specific(self) -> None:
        """Do nothing: there is no machine code to finish."""

    def get_pointer_to_function(self, name: str) -> int:
        """Return 0, as for a function without a wrapper for calls from Python."""
        del name
        self._ensure_finalized()
        return 0


@register_pass(mutates_CFG=True, analysis_only=False)
class LinkedLowering(NativeLowering):
    """Lower a function into a library that is only linked."""

    _name = "nocturne_linked_lowering"

    def run_pass(self, state: Any) -> bool:
        name = state.func_id.func_qualname
        state.library = LinkedLibrary(state.targetctx.codegen(), name)
        changed: bool = super().run_pass(state)
        return changed


class _WithoutBlas(Compiler):
    """numba's compiler, which imports what it needs when the first kernel is compiled."""

    def __init__(self, *args: Any) -> None:
        compiler_parts()
        super().__init__(*args)


class CalleeCompiler(_WithoutBlas):
    """numba's compiler for a function that only compiled functions call."""

    def define_pipelines(self) -> list[Any]:
        manager = DefaultPassBuilder.define_nopython_pipeline(self.state)
        manager.passes = [
            (LinkedLowering if step is NativeLowering else step, text)
            for step, text in manager.passes
        ]
        manager.finalize()
        return [manager]


class KernelCompiler(_WithoutBlas):
    """numba's compiler for an outermost kernel: no two of its arrays overlap, if one is written.

    What was read of the candles then need not be read again after each write to a state or an
    output, and no value is written that is overwritten unread: a run takes three fifths of the
    time. A test watches all calls from Python.
    """

    def define_pipelines(self) -> list[Any]:
        self.state.flags.noalias = True
        return [DefaultPassBuilder.define_nopython_pipeline(self.state)]
