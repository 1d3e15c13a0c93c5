"""The simulation's kernels at one of two speeds, and the buffers that belong to it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import cache
from typing import Any

import numpy as np

from trading.candles import CandleColumns, Floats
from trading.decider import Setup
from trading.kernel import bind
from trading.metrics import SUMS_SIZE
from trading.position import POSITION_SIZE
from trading.simulation import jumping, lifecycle
from trading.simulation.lifecycle import R_DAY_END, RULES_SIZE

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

    def floats(self, size: int) -> Any:
        """A buffer of zeros."""
        return [0.0] * size

    def integers(self, size: int) -> Any:
        """A buffer of whole zeros."""
        return [0] * size

    def columns(self, candles: CandleColumns) -> tuple[Any, ...]:
        """Times, opens, highs, lows, closes and volumes."""
        return tuple(column.tolist() for column in _columns(candles))

    def decide_rows(self, step: Kernel) -> Kernel:
        """The decision kernel of the strategy with ``step``."""
        return self.kernel(lifecycle.decide_rows, strategy_step=step)

    def find_signals(self, step: Kernel) -> Kernel:
        """The signal kernel of the strategy with ``step``."""
        return self.kernel(jumping.find_signals, strategy_step=step)

    @property
    def simulate_rows(self) -> Kernel:
        """The full simulation."""
        return self.kernel(lifecycle.simulate_rows)

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
        from trading.compiled import twin

        return twin(function, **bindings)

    def buffer(self, values: Sequence[float] | Floats) -> Any:
        """An array holding ``values``."""
        return np.array(values, dtype=np.float64)

    def floats(self, size: int) -> Any:
        """An array of zeros."""
        return np.zeros(size)

    def integers(self, size: int) -> Any:
        """An array of whole zeros."""
        return np.zeros(size, dtype=np.int64)

    def columns(self, candles: CandleColumns) -> tuple[Any, ...]:
        """Times, opens, highs, lows, closes and volumes."""
        return tuple(np.require(column, requirements=["C", "W"]) for column in _columns(candles))


@cache
def speed(compiled: bool) -> Speed:
    """The compiled speed, or plain Python."""
    return CompiledSpeed() if compiled else Speed()


def _columns(candles: CandleColumns) -> tuple[Any, ...]:
    c = candles
    return c.open_time, c.open, c.high, c.low, c.close, c.volume


class FastEngine:
    """The jumping search on one series of candles: its indices are built once for all
    combinations.
    """

    def __init__(
        self, at: Speed, candles: CandleColumns, first_row: int, first_day: int, days: int
    ) -> None:
        self._at = at
        self._candles = candles
        self._first_row = first_row
        self._first_day = first_day
        self._days = days
        self._columns = at.columns(candles)
        rows = len(candles)
        _, _, highs, lows, _, _ = self._columns
        self._extremes: list[Any] = []
        for block in (jumping.BLOCK, jumping.WIDE):
            least, most = at.floats(-(-rows // block)), at.floats(-(-rows // block))
            at.kernel(jumping.fill_extremes)(lows, highs, block, least, most)
            self._extremes += [least, most]
        self._day_index = [at.integers(rows), at.floats(rows), at.floats(rows)]
        at.kernel(jumping.fill_days)(self._columns[0], lows, highs, *self._day_index)
        # Written anew for each set of signals, after the last set was traded.
        self._entries, self._exits = at.integers(rows), at.integers(rows)
        self._atrs = at.floats(rows)

    def run(self, setup: Setup, rules: Floats) -> tuple[Floats, Floats]:
        """Sums (combinations x sums) and daily returns (combinations x days) of combinations that
        share the signals of ``setup``; ``rules`` holds the rules of one after the other.
        """
        at, combinations = self._at, len(rules) // RULES_SIZE
        if setup.is_bare and setup.strategy.scan is not None:
            entries, atrs, exits = self._scan(setup, setup.strategy.scan)
        else:
            entries, atrs, exits = self._signals(setup, bool(rules[R_DAY_END] > 0.0))
        sums = at.floats(combinations * SUMS_SIZE)
        daily = at.floats(combinations * self._days)
        at.kernel(jumping.run_combinations)(
            *self._columns[:5],
            *self._extremes,
            *self._day_index,
            entries,
            atrs,
            exits,
            at.buffer(rules),
            self._candles.interval_ms,
            self._first_day,
            self._days,
            at.floats(POSITION_SIZE),
            sums,
            daily,
        )
        return (
            np.asarray(sums, dtype=np.float64).reshape(combinations, SUMS_SIZE),
            np.asarray(daily, dtype=np.float64).reshape(combinations, self._days),
        )

    def _scan(self, setup: Setup, scan: Kernel) -> tuple[Any, Any, Any]:
        """The same as :meth:`_signals` for a strategy that finds its bare entries at a stroke."""
        at = self._at
        times, opens, _, _, closes, _ = self._columns
        entries = self._entries
        entered = at.kernel(scan)(
            times,
            opens,
            closes,
            *self._extremes[:2],
            jumping.BLOCK,
            *self._day_index,
            at.buffer(setup.par),
            self._first_row,
            entries,
        )
        return entries[:entered], at.floats(entered), at.integers(0)

    def _signals(self, setup: Setup, day_bound: bool) -> tuple[Any, Any, Any]:
        """Entry rows, their ATRs and exit rows of one set of entry parameters."""
        at, entries, atrs, exits = self._at, self._entries, self._atrs, self._exits
        counts = at.integers(2)
        bars, filters, state, par, out = (at.buffer(b) for b in setup.buffers())
        at.find_signals(setup.step)(
            *self._columns,
            bars,
            filters,
            state,
            par,
            out,
            setup.base_ms,
            self._first_row,
            day_bound,
            entries,
            atrs,
            exits,
            counts,
        )
        entered, left = int(counts[0]), int(counts[1])
        return entries[:entered], atrs[:entered], exits[:left]
