"""Runs of the simulation: one parameter set (`backtest`) or a grid of them (`search`)."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import TypeVar

import numpy as np

from trading.candles import CandleColumns, Floats
from trading.errors import ParameterError
from trading.jit import backends
from trading.market.gaps import gaps_in
from trading.metrics import SUMS_SIZE, metrics_of
from trading.positions.exit_rules import R_DAY_END
from trading.simulation.engines import workspace
from trading.simulation.layout import Signals, TradingWindow
from trading.simulation.prepared_candles import PreparedCandles
from trading.simulation.readiness import KernelNeeds, signals_of
from trading.simulation.results import BacktestResult, Costs, Fills, SearchResult, Trades
from trading.simulation.search_plan import SearchPlan, rules_of
from trading.strategies.base import (
    Strategy,
)
from trading.strategies.layout import (
    OUT_SIZE,
)
from trading.strategies.parameters import (
    Value,
)
from trading.strategies.setup import Setup

Item = TypeVar("Item")
Made = TypeVar("Made")


def decide(
    strategy: Strategy,
    candles: CandleColumns,
    params: Mapping[str, Value],
    *,
    compiled: bool = True,
) -> Floats:
    """Return the decider's output on each candle, as `trading.strategies.layout` lays it out."""
    setup = Setup.of(strategy, params, candles.interval_ms)
    prepared = PreparedCandles(candles, backends.backend(compiled))
    _, stream = prepared.decide(setup, day_bound=False, stream=True)
    return np.asarray(stream, dtype=np.float64).reshape(-1, OUT_SIZE)


def backtest(
    strategy: Strategy,
    candles: CandleColumns,
    params: Mapping[str, Value],
    costs: Costs,
    *,
    trade_from_ms: int | None = None,
    compiled: bool = True,
    every: bool = False,
) -> BacktestResult:
    """Simulate one parameter set candle by candle with the whole equity.

    Candles before ``trade_from_ms`` only warm the indicators. A candle that touches no level of the
    position is skipped; with ``every`` none is, which changes only the time. `DataError` without
    candles.
    """
    setup = Setup.of(strategy, params, candles.interval_ms)
    backend = backends.backend(compiled)
    rules = rules_of(strategy, setup.params, costs)
    prepared = PreparedCandles(candles, backend, costs.funding, costs.forecast_use)
    window = prepared.window(trade_from_ms)
    seconds_compile = KernelNeeds(setup, rules, "backtest").make_ready(backend)
    started = time.perf_counter()
    signals, _ = prepared.decide(setup, bool(rules[R_DAY_END] > 0.0))
    ran = workspace.simulate(prepared, prepared.within(signals, window), rules, window, every=every)
    result = _result(prepared, setup.params, rules, window, ran)
    seconds = time.perf_counter() - started
    return replace(result, seconds_compile=seconds_compile, seconds_run=seconds)


def _result(
    prepared: PreparedCandles,
    params: Mapping[str, Value],
    rules: Floats,
    window: TradingWindow,
    ran: workspace.EngineRun,
) -> BacktestResult:
    trades = ran.trades(prepared.candles, rules)
    return BacktestResult(
        params=params,
        trades=trades,
        fills=ran.fills(prepared.candles, trades, rules),
        ambiguous_candles=ran.ambiguous(prepared.candles, trades, rules),
        metrics=metrics_of(ran.record.sums, window.days, window.last + 1 - window.first),
        equity=np.multiply.accumulate(1.0 + trades.net_return, dtype=np.float64),
        days=workspace.day_starts(window),
        daily_returns=np.asarray(ran.record.daily, dtype=np.float64),
        seconds_compile=0.0,
        seconds_run=0.0,
    )


def search(
    strategy: Strategy,
    candles: CandleColumns,
    grid: Sequence[Mapping[str, Value]],
    fixed: Mapping[str, Value],
    costs: Costs,
    *,
    trade_from_ms: int | None = None,
    compiled: bool = True,
) -> SearchResult:
    """Simulate every combination of ``grid`` (each with ``fixed`` added), in the order given.

    The result of a combination is that of :func:`backtest`. Signals are found once for all
    combinations that share them. `ParameterError` when the grid is empty.
    """
    searcher = Searcher(strategy, candles, grid, fixed, costs, compiled=compiled)
    return searcher.search(trade_from_ms)


class Searcher:
    """A grid on one series of candles: its signals are found once and traded in any window."""

    def __init__(
        self,
        strategy: Strategy,
        candles: CandleColumns,
        grid: Sequence[Mapping[str, Value]],
        fixed: Mapping[str, Value],
        costs: Costs,
        *,
        compiled: bool = True,
        threads: int | None = None,
    ) -> None:
        """See :func:`search`; sets of signals run on ``threads``, by default one per core."""
        if not grid:
            raise ParameterError("the grid is empty; give at least one combination")
        backend = backends.backend(compiled)
        self._threads = threads or (os.cpu_count() or 1) if compiled else 1
        first = Setup.of(strategy, {**fixed, **grid[0]}, candles.interval_ms)
        rules = rules_of(strategy, first.params, costs)
        self.prepared = PreparedCandles(candles, backend, costs.funding, costs.forecast_use)
        self.prepared.window()
        self.seconds_compile = KernelNeeds(first, rules, "search").make_ready(backend)
        started = time.perf_counter()
        self.plan = SearchPlan(strategy, grid, fixed, costs, candles.interval_ms)
        self._signals = self._find()
        self.prepared.build_extremes()  # before threads use them
        self._seconds = time.perf_counter() - started

    def backtest(self, place: int, start_ms: int, end_ms: int) -> BacktestResult:
        """Return the combination at ``place`` of the grid, candle by candle in one window."""
        window, rules = self.prepared.window(start_ms, end_ms), self.plan.rules[place]
        group = next(i for i, g in enumerate(self.plan.groups) if place in g.members)
        signals = self.prepared.within(self._signals[group], window)
        ran = workspace.simulate(self.prepared, signals, rules, window)
        return _result(self.prepared, self.plan.params[place], rules, window, ran)

    def _find(self) -> list[Signals]:
        """Return the signals of each group of combinations."""
        groups = self.plan.groups
        found = self.prepared.scan([group.setup for group in groups])

        def decide(place: int) -> None:
            bound = bool(self.plan.rules[groups[place].members[0], R_DAY_END] > 0.0)
            setup = groups[place].setup
            found[place], _ = self.prepared.decide(setup, bound, shared=len(missing) > 1)

        missing = [place for place, signals in enumerate(found) if signals is None]
        _in_threads(decide, missing, self._threads)
        self.prepared.forget_taken()
        return [signals for signals in found if signals is not None]

    def search(
        self,
        start_ms: int | None = None,
        end_ms: int | None = None,
        *,
        threads: int | None = None,
    ) -> SearchResult:
        """All combinations on the candles that open from ``start_ms`` to ``end_ms``, exclusive.

        Earlier candles only warm the indicators. The result equals that of a search on the candles
        before ``end_ms``. `DataError` where there are none.
        """
        window = self.prepared.window(start_ms, end_ms)
        started = time.perf_counter()
        plan = self.plan
        sums = np.empty((len(plan.rules), SUMS_SIZE))
        daily = np.empty((len(plan.rules), window.days))

        def trade(place: int) -> None:
            members = plan.groups[place].members
            signals = self.prepared.within(self._signals[place], window)
            record = workspace.search(self.prepared, signals, plan.rules[members], window)
            where = _place(members)
            sums[where] = np.asarray(record.sums).reshape(-1, SUMS_SIZE)
            daily[where] = np.asarray(record.daily).reshape(-1, window.days)

        _in_threads(trade, range(len(plan.groups)), threads or self._threads)
        seconds, self._seconds = self._seconds + time.perf_counter() - started, 0.0
        candles = window.last + 1 - window.first
        days = workspace.day_starts(window)
        gaps = gaps_in(self.prepared.candles, start_ms, end_ms)
        spent = self.seconds_compile, seconds
        return SearchResult(plan.params, sums, candles, daily, days, spent, gaps)


def fast_trades(
    strategy: Strategy,
    candles: CandleColumns,
    params: Mapping[str, Value],
    costs: Costs,
    *,
    trade_from_ms: int | None = None,
    compiled: bool = True,
) -> tuple[Trades, Fills]:
    """Return the trades that the fast search makes of one combination, to compare engines."""
    setup = Setup.of(strategy, params, candles.interval_ms)
    prepared = PreparedCandles(
        candles, backends.backend(compiled), costs.funding, costs.forecast_use
    )
    window = prepared.window(trade_from_ms)
    rules = rules_of(strategy, setup.params, costs)
    signals = signals_of(prepared, setup, rules, window)
    ran = workspace.search_one(prepared, signals, rules, window)
    trades = ran.trades(candles, rules)
    return trades, ran.fills(candles, trades, rules)


def _place(members: list[int]) -> slice | list[int]:
    """Where ``members`` (ascending) are written: as a slice if they are contiguous, for speed."""
    first, last = members[0], members[-1]
    return slice(first, last + 1) if last - first + 1 == len(members) else members


def _in_threads(work: Callable[[Item], None], items: Iterable[Item], threads: int) -> None:
    """Do ``work`` on each of ``items``; kernels release the GIL, so they run in parallel."""
    items = list(items)
    if threads == 1 or len(items) <= 1:
        for item in items:
            work(item)
        return
    with ThreadPoolExecutor(min(threads, len(items))) as pool:
        for done in [pool.submit(work, item) for item in items]:
            done.result()
