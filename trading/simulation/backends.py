"""The simulation's kernels at one of two speeds, and the buffers that belong to it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import cache
from typing import Any

import numpy as np

from trading.candles import CandleColumns, Floats, Integers
from trading.jit.kernel import bind
from trading.market.rows import Rows
from trading.simulation.layout import Machine
from trading.simulation.signals import decide_rows
from trading.strategies.setup import Setup

Kernel = Callable[..., Any]


class Speed:
    """Plain Python over lists: the executor's speed."""

    compiled = False

    def __init__(self) -> None:
        self._ready: set[tuple[str, Kernel]] = set()

    def kernel(self, function: Kernel, **bindings: Kernel) -> Kernel:
        """``function`` at this speed, with global names bound."""
        return bind(function, **bindings)

    def buffer(self, values: Sequence[float] | Floats) -> Any:
        """A buffer holding ``values``."""
        return [float(value) for value in values]

    def whole(self, values: Integers) -> Any:
        """A buffer holding whole ``values``."""
        return values.tolist()

    def floats(self, size: int) -> Any:
        """A buffer of zeros."""
        return [0.0] * size

    def integers(self, size: int) -> Any:
        """A buffer of whole zeros."""
        return [0] * size

    def room(self, size: int) -> Any:
        """A buffer that is read only where it was written."""
        return self.floats(size)

    def whole_room(self, size: int) -> Any:
        """The same for whole numbers."""
        return self.integers(size)

    def rows(self, candles: CandleColumns) -> Rows:
        """The candles as the kernels read them."""
        return Rows(*(column.tolist() for column in _columns(candles)))

    def machine(self, setup: Setup) -> Machine:
        """Fresh buffers of a decider."""
        return Machine(*(self.buffer(b) for b in setup.buffers()))

    def decide_rows(self, step: Kernel) -> Kernel:
        """The decision kernel of the strategy with ``step``: the only one compiled for each."""
        return self.kernel(decide_rows, strategy_step=step)

    def is_ready(self, what: str, step: Kernel) -> bool:
        """Whether the kernels of ``what`` were compiled for the strategy with ``step``."""
        return (what, step) in self._ready

    def mark_ready(self, what: str, step: Kernel) -> None:
        """Note that they were."""
        self._ready.add((what, step))


class CompiledSpeed(Speed):
    """Compiled kernels over arrays: the batch side's speed."""

    compiled = True

    def kernel(self, function: Kernel, **bindings: Kernel) -> Kernel:
        """``function`` compiled, with global names bound."""
        from trading.jit.compiler import twin

        return twin(function, **bindings)

    def buffer(self, values: Sequence[float] | Floats) -> Any:
        """An array holding ``values``."""
        return np.array(values, dtype=np.float64)

    def whole(self, values: Integers) -> Any:
        """An array holding whole ``values``."""
        return np.array(values, dtype=np.int64)

    def floats(self, size: int) -> Any:
        """An array of zeros."""
        return np.zeros(size)

    def integers(self, size: int) -> Any:
        """An array of whole zeros."""
        return np.zeros(size, dtype=np.int64)

    def room(self, size: int) -> Any:
        """An array that is not cleared: for a year of candles that takes as long as half a run."""
        return np.empty(size)

    def whole_room(self, size: int) -> Any:
        """The same for whole numbers."""
        return np.empty(size, dtype=np.int64)

    def rows(self, candles: CandleColumns) -> Rows:
        """The candles as the kernels read them."""
        columns = (np.require(column, requirements=["C", "W"]) for column in _columns(candles))
        return Rows(*columns)


@cache
def speed(compiled: bool) -> Speed:
    """The compiled speed, or plain Python."""
    return CompiledSpeed() if compiled else Speed()


def _columns(candles: CandleColumns) -> tuple[Any, ...]:
    c = candles
    return c.open_time, c.open, c.high, c.low, c.close, c.volume
