"""Where kernels run: in plain Python over lists, or compiled over arrays.

A `Backend` gives kernels and the buffers that belong with them. Importing this module does not
import numba; the compiled backend does so when it is first asked for a kernel.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import cache
from typing import Any

import numpy as np
import numpy.typing as npt

from trading.jit.kernel import bind

Kernel = Callable[..., Any]
Values = Sequence[float] | npt.NDArray[np.float64]
WholeNumbers = npt.NDArray[np.int64]


class Backend:
    """Plain Python over lists, as the executor runs kernels."""

    compiled = False

    def __init__(self) -> None:
        self._ready: set[tuple[str, Kernel]] = set()

    def kernel(self, function: Kernel, **bindings: Kernel) -> Kernel:
        """``function`` for this backend, with global names bound."""
        return bind(function, **bindings)

    def floats(self, values: Values) -> Any:
        """A buffer that holds a copy of ``values``."""
        return [float(value) for value in values]

    def integers(self, values: WholeNumbers) -> Any:
        """A buffer that holds a copy of whole ``values``."""
        return values.tolist()

    def column(self, values: npt.NDArray[Any]) -> Any:
        """A column of candles as a buffer; kernels only read it."""
        return values.tolist()

    def zeros(self, size: int) -> Any:
        """A buffer of zeros."""
        return [0.0] * size

    def whole_zeros(self, size: int) -> Any:
        """A buffer of whole zeros."""
        return [0] * size

    def empty(self, size: int) -> Any:
        """A buffer that a kernel reads only where it has written."""
        return self.zeros(size)

    def whole_empty(self, size: int) -> Any:
        """A buffer of whole numbers that a kernel reads only where it has written."""
        return self.whole_zeros(size)

    def is_ready(self, what: str, step: Kernel) -> bool:
        """Whether the kernels of ``what`` are compiled for the strategy with ``step``."""
        return (what, step) in self._ready

    def mark_ready(self, what: str, step: Kernel) -> None:
        """Record that the kernels of ``what`` are compiled for the strategy with ``step``."""
        self._ready.add((what, step))


class CompiledBackend(Backend):
    """Compiled kernels over arrays, as the batch side runs them."""

    compiled = True

    def kernel(self, function: Kernel, **bindings: Kernel) -> Kernel:
        """``function`` compiled, with global names bound."""
        from trading.jit.compiler import twin

        return twin(function, **bindings)

    def floats(self, values: Values) -> Any:
        """An array that holds a copy of ``values``."""
        return np.array(values, dtype=np.float64)

    def integers(self, values: WholeNumbers) -> Any:
        """An array that holds a copy of whole ``values``."""
        return np.array(values, dtype=np.int64)

    def column(self, values: npt.NDArray[Any]) -> Any:
        """The column itself if it is contiguous and writable: kernels know one array type only."""
        return np.require(values, requirements=["C", "W"])

    def zeros(self, size: int) -> Any:
        """An array of zeros."""
        return np.zeros(size)

    def whole_zeros(self, size: int) -> Any:
        """An array of whole zeros."""
        return np.zeros(size, dtype=np.int64)

    def empty(self, size: int) -> Any:
        """An array that is not cleared: clearing one for a year of candles takes half a run."""
        return np.empty(size)

    def whole_empty(self, size: int) -> Any:
        """An array of whole numbers that is not cleared."""
        return np.empty(size, dtype=np.int64)


@cache
def backend(compiled: bool) -> Backend:
    """The compiled backend, or plain Python."""
    return CompiledBackend() if compiled else Backend()
