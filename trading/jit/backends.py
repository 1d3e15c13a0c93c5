"""Where kernels run: in plain Python over lists, or compiled over arrays.

A `Backend` gives kernels and the buffers that belong with them. Importing this module does not
import numba; the compiled backend does so with its first kernel.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from functools import cache
from typing import Any

import numpy as np
import numpy.typing as npt

from trading.jit.kernel import bind

Kernel = Callable[..., Any]
Values = Sequence[float] | npt.NDArray[np.float64]
WholeNumbers = npt.NDArray[np.int64]

COMPILE_VARIABLE = "NOCTURNE_COMPILE"


class Backend:
    """Plain Python over lists, as the executor runs kernels."""

    compiled = False

    def __init__(self) -> None:
        self._ready: set[tuple[str, Kernel]] = set()

    def kernel(self, function: Kernel, **bindings: Kernel) -> Kernel:
        """Return ``function`` for this backend, with global names bound."""
        return bind(function, **bindings)

    def floats(self, values: Values) -> Any:
        """Return a buffer that holds a copy of ``values``."""
        return [float(value) for value in values]

    def integers(self, values: WholeNumbers) -> Any:
        """Return a buffer that holds a copy of whole ``values``."""
        return values.tolist()

    def column(self, values: npt.NDArray[Any]) -> Any:
        """Return a column of candles as a buffer; kernels only read it."""
        return values.tolist()

    def zeros(self, size: int) -> Any:
        """Return a buffer of zeros."""
        return [0.0] * size

    def whole_zeros(self, size: int) -> Any:
        """Return a buffer of whole zeros."""
        return [0] * size

    def empty(self, size: int) -> Any:
        """Return a buffer that a kernel reads only where it has written."""
        return self.zeros(size)

    def whole_empty(self, size: int) -> Any:
        """Return a buffer of whole numbers that a kernel reads only where it has written."""
        return self.whole_zeros(size)

    def is_ready(self, what: str, step: Kernel) -> bool:
        """Whether the kernels of ``what`` are compiled for the strategy with ``step``."""
        return (what, step) in self._ready

    def mark_ready(self, what: str, step: Kernel) -> None:
        """Record that the kernels of ``what`` are compiled for the strategy with ``step``."""
        self._ready.add((what, step))

    def is_kept(self, what: str, step: Kernel) -> bool:
        """Whether the kernels of ``what`` need no compiling in this process."""
        del what, step
        return True


class CompiledBackend(Backend):
    """Compiled kernels over arrays, as the batch side runs them."""

    compiled = True

    def kernel(self, function: Kernel, **bindings: Kernel) -> Kernel:
        """Return ``function`` compiled, with global names bound."""
        from trading.jit.compiler import twin

        return twin(function, **bindings)

    def mark_ready(self, what: str, step: Kernel) -> None:
        """Record it, on the disk too: other processes load what this one has compiled."""
        from trading.jit.compiler import keep

        super().mark_ready(what, step)
        keep(what, step)

    def is_kept(self, what: str, step: Kernel) -> bool:
        """Whether this process or another has compiled the kernels of ``what`` already."""
        from trading.jit.compiler import current_folder, is_kept

        kept = is_kept(what, step)
        return kept if current_folder() is not None else self.is_ready(what, step)

    def floats(self, values: Values) -> Any:
        """Return an array that holds a copy of ``values``."""
        return np.array(values, dtype=np.float64)

    def integers(self, values: WholeNumbers) -> Any:
        """Return an array that holds a copy of whole ``values``."""
        return np.array(values, dtype=np.int64)

    def column(self, values: npt.NDArray[Any]) -> Any:
        """Return the column itself if it is contiguous and writable, the only type kernels know."""
        return np.require(values, requirements=["C", "W"])

    def zeros(self, size: int) -> Any:
        """Return an array of zeros."""
        return np.zeros(size)

    def whole_zeros(self, size: int) -> Any:
        """Return an array of whole zeros."""
        return np.zeros(size, dtype=np.int64)

    def empty(self, size: int) -> Any:
        """Return an uncleared array: clearing one for a year of candles takes half a run."""
        return np.empty(size)

    def whole_empty(self, size: int) -> Any:
        """Return an array of whole numbers that is not cleared."""
        return np.empty(size, dtype=np.int64)


def backend(compiled: bool) -> Backend:
    """Return the compiled backend, or plain Python, as also with ``NOCTURNE_COMPILE=never``."""
    return cached_backend(compiled and os.environ.get(COMPILE_VARIABLE) != "never")


@cache
def cached_backend(compiled: bool) -> Backend:
    """Return the one backend of its kind."""
    return CompiledBackend() if compiled else Backend()
