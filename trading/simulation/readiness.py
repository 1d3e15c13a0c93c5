"""The kernels of a run made ready: compiled, or loaded from the disk, before the run.

A run needs kernels of two parts, which compile independently of each other: the ``signals`` of a
strategy, and the ``engine`` that trades them. A part that was compiled leaves a mark beside its
code, so another process knows without loading it.
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from trading.candles import CandleColumns, Floats
from trading.jit.backends import Backend, Kernel, backend
from trading.positions.exit_rules import R_DAY_END, R_STAGED
from trading.simulation.engines import candle_engine, jump_engine, workspace
from trading.simulation.layout import LEVELS_WIDTH, Signals, TradingWindow
from trading.simulation.prepared_candles import PreparedCandles
from trading.simulation.results import Costs
from trading.simulation.search_plan import rules_of
from trading.strategies.base import Strategy
from trading.strategies.parameters import Value
from trading.strategies.setup import Setup

What = Literal["backtest", "search"]
Part = Literal["signals", "engine"]
PARTS: tuple[Part, ...] = ("signals", "engine")


@dataclass(frozen=True)
class KernelNeeds:
    """What decides which kernels a run calls."""

    setup: Setup
    rules: Floats
    what: What

    @classmethod
    def of(
        cls, strategy: Strategy, params: Mapping[str, Value], base_ms: int, what: What
    ) -> KernelNeeds:
        """Return the needs of a run over candles of ``base_ms``, whatever its costs."""
        setup = Setup.of(strategy, params, base_ms)
        rules = rules_of(strategy, setup.params, Costs())
        return cls(setup, rules, what)

    @property
    def scans(self) -> bool:
        """Whether the strategy finds all entries of a search in one pass."""
        return self.what == "search" and self.setup.is_bare and bool(self.setup.strategy.scan)

    def _named(self, part: Part) -> tuple[str, Kernel]:
        """Return a name that runs share if they call the same kernels, and the outermost kernel."""
        if part == "engine":
            staged = "staged" if self.rules[R_STAGED] > 0.0 else "plain"
            bound = "day" if self.rules[R_DAY_END] > 0.0 else "open"
            outermost = jump_engine.trade_all if self.what == "search" else candle_engine.simulate
            return f"{self.what}-{staged}-{bound}", outermost
        step = self.setup.step
        source = f"{step.__module__}.{step.__qualname__}"
        return f"scan-{source}" if self.scans else f"decide-{source}", step

    def make_ready(self, kernels: Backend) -> float:
        """Compile or load what is not ready yet, on two candles; return the seconds."""
        if not kernels.compiled:
            return 0.0
        started = time.perf_counter()
        todo = [part for part in PARTS if not kernels.is_ready(*self._named(part))]
        for part in todo:
            self._run(kernels, part)
            kernels.mark_ready(*self._named(part))
        return time.perf_counter() - started if todo else 0.0

    def compile(self, part: Part) -> None:
        """Compile or load one part with the compiled backend and mark it as kept on the disk."""
        kernels = backend(True)
        self._run(kernels, part)
        kernels.mark_ready(*self._named(part))

    @property
    def missing(self) -> tuple[Part, ...]:
        """The parts that no process has compiled into the current cache folder yet."""
        kernels = backend(True)
        return tuple(part for part in PARTS if not kernels.is_kept(*self._named(part)))

    def _run(self, kernels: Backend, part: Part) -> None:
        ones = [1.0, 1.0]
        two = CandleColumns.of([0, self.setup.base_ms], ones, ones, ones, ones)
        prepared = PreparedCandles(two, kernels)
        window = prepared.window()
        if part == "engine":
            self._trade(prepared, window)
        else:
            signals_of(prepared, self.setup, self.rules, window, scans=self.scans)

    def _trade(self, prepared: PreparedCandles, window: TradingWindow) -> None:
        kernels = prepared.backend
        levels = kernels.zeros(LEVELS_WIDTH if self.setup.strategy.own_levels else 0)
        rows = kernels.whole_zeros(0)
        none = Signals(rows, kernels.zeros(0), levels[:0], rows, kernels.zeros(0))
        signals = prepared.within(none, window)
        if self.what == "search":
            workspace.search(prepared, signals, self.rules.reshape(1, -1), window)
        else:
            workspace.simulate(prepared, signals, self.rules, window)


def signals_of(
    prepared: PreparedCandles,
    setup: Setup,
    rules: Floats,
    window: TradingWindow,
    *,
    scans: bool = True,
) -> Signals:
    """Return the signals of one setup as the fast search finds them."""
    found = prepared.scan([setup])[0] if scans else None
    if found is None:
        found, _ = prepared.decide(setup, bool(rules[R_DAY_END] > 0.0))
    return prepared.within(found, window)
