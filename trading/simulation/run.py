"""Running simulations: one parameter set (`backtest`) or a grid of them (`search`), compiled or
plain.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np

from trading.candles import CandleColumns, Floats
from trading.decider import Setup
from trading.errors import ParameterError
from trading.metrics import SUMS_SIZE, metrics_of
from trading.rules import R_STAGED
from trading.simulation import kernels
from trading.simulation.fast import FastEngine, Index, scan_entries
from trading.simulation.kernels import Speed
from trading.simulation.lifecycle import STREAM_WIDTH
from trading.simulation.plan import Group, Plan, Ran, Span, rules_of
from trading.simulation.results import BacktestResult, Costs, Fills, SearchResult, Trades
from trading.stages import FILL_WIDTH, FILLS, LIFE_SIZE, MOST_FILLS
from trading.strategies.base import Strategy, Value


def decide(
    strategy: Strategy,
    candles: CandleColumns,
    params: Mapping[str, Value],
    *,
    compiled: bool = True,
) -> Floats:
    """The decision stream: for each candle action, reason code, seen, limit and ATR (n x 5)."""
    setup = Setup.of(strategy, params, candles.interval_ms)
    stream = _decide(kernels.speed(compiled), setup, candles)
    return np.asarray(stream, dtype=np.float64).reshape(-1, STREAM_WIDTH)


def backtest(
    strategy: Strategy,
    candles: CandleColumns,
    params: Mapping[str, Value],
    costs: Costs,
    *,
    trade_from_ms: int | None = None,
    compiled: bool = True,
) -> BacktestResult:
    """Simulate one parameter set candle by candle with the whole equity.

    Candles before ``trade_from_ms`` only warm the indicators. `DataError` without candles.
    """
    setup = Setup.of(strategy, params, candles.interval_ms)
    span = Span(candles, trade_from_ms)
    speed = kernels.speed(compiled)
    rules = rules_of(setup.strategy.exit_rules(setup.params), strategy, costs)
    seconds_compile = _ready_to_backtest(speed, setup, rules)
    started = time.perf_counter()
    ran = _simulate(speed, candles, setup, rules, span)
    trades = ran.trades(candles, strategy.side)
    return BacktestResult(
        params=setup.params,
        trades=trades,
        fills=ran.fills(candles, trades, rules),
        ambiguous_candles=ran.ambiguous(candles, trades, rules),
        metrics=metrics_of(ran.sums, span.days, span.candles),
        equity=np.multiply.accumulate(1.0 + trades.net_return, dtype=np.float64),
        days=span.day_starts,
        daily_returns=np.asarray(ran.daily, dtype=np.float64),
        seconds_compile=seconds_compile,
        seconds_run=time.perf_counter() - started,
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
    threads: int | None = None,
) -> SearchResult:
    """Simulate every combination of ``grid`` (each with ``fixed`` added), in the order given.

    The result of a combination is that of :func:`backtest`; signals are found once for all
    combinations that share them, sets of signals in parallel by ``threads`` (default: one for each
    core). `ParameterError` when the grid is empty.
    """
    if not grid:
        raise ParameterError("the grid is empty; give at least one combination")
    span = Span(candles, trade_from_ms)
    speed = kernels.speed(compiled)
    first = Setup.of(strategy, {**fixed, **grid[0]}, candles.interval_ms)
    seconds_compile = _ready_to_search(speed, first, costs)
    started = time.perf_counter()
    plan = Plan(strategy, grid, fixed, costs, candles.interval_ms)
    index = Index(speed, candles)
    sums = np.empty((len(grid), SUMS_SIZE))
    daily = np.zeros((len(grid), span.days))

    scanned = scan_entries(speed, index, [group.setup for group in plan.groups], span.first_row)

    def trade(work: Sequence[tuple[Group, Any]]) -> None:
        engine = FastEngine(speed, index, span.first_row, span.first_day, span.days)
        for group, entries in work:
            found = engine.run(group.setup, plan.rules[group.members], entries)
            sums[group.members], daily[group.members] = found

    work = list(zip(plan.groups, scanned, strict=True))
    _in_threads(trade, work, threads or (os.cpu_count() or 1) if compiled else 1)
    seconds = time.perf_counter() - started
    return SearchResult(
        plan.params, sums, span.candles, daily, span.day_starts, seconds_compile, seconds
    )


def fast_trades(
    strategy: Strategy,
    candles: CandleColumns,
    params: Mapping[str, Value],
    costs: Costs,
    *,
    trade_from_ms: int | None = None,
    compiled: bool = True,
) -> tuple[Trades, Fills]:
    """The trades of one combination as the fast search makes them, to compare with `backtest`."""
    setup = Setup.of(strategy, params, candles.interval_ms)
    span = Span(candles, trade_from_ms)
    speed = kernels.speed(compiled)
    rules = rules_of(setup.strategy.exit_rules(setup.params), strategy, costs)
    index = Index(speed, candles)
    engine = FastEngine(speed, index, span.first_row, span.first_day, span.days)
    (entries,) = scan_entries(speed, index, [setup], span.first_row)
    rows, prices, count, fills, filled = engine.trades(setup, rules, entries)
    ran = Ran(rows, prices, count, (), (), fills, filled, 0)
    trades = ran.trades(candles, strategy.side)
    return trades, ran.fills(candles, trades, rules)


def _in_threads(
    work: Callable[[Sequence[tuple[Group, Any]]], None],
    groups: Sequence[tuple[Group, Any]],
    threads: int,
) -> None:
    """Share ``groups`` among ``threads``; kernels hold no lock, so they run at once."""
    shares = [groups[first::threads] for first in range(min(threads, len(groups)))]
    if len(shares) == 1:
        work(shares[0])
        return
    with ThreadPoolExecutor(len(shares)) as pool:
        for done in [pool.submit(work, share) for share in shares]:
            done.result()


def _decide(speed: Speed, setup: Setup, candles: CandleColumns) -> Any:
    stream: Any = speed.floats(STREAM_WIDTH * len(candles))
    speed.decide_rows(setup.step)(
        *speed.columns(candles), *_machine(speed, setup), setup.base_ms, stream
    )
    return stream


def _machine(speed: Speed, setup: Setup) -> list[Any]:
    return [speed.buffer(b) for b in setup.buffers()]


def _simulate(speed: Speed, candles: CandleColumns, setup: Setup, rules: Floats, span: Span) -> Ran:
    """The full simulation."""
    size = len(candles)
    staged = bool(rules[R_STAGED] > 0.0)
    sums, daily = speed.floats(SUMS_SIZE), speed.floats(span.days)
    rows, prices = speed.integers(3 * size), speed.floats(3 * size)
    life = speed.floats(LIFE_SIZE)
    fills = speed.floats(FILL_WIDTH * MOST_FILLS * size if staged else 0)
    ambiguous = speed.integers(1)
    simulate = speed.simulate_staged if staged else speed.simulate_rows
    extra = (fills, ambiguous) if staged else ()
    count = simulate(setup.step)(
        *speed.columns(candles),
        *_machine(speed, setup),
        setup.is_bare,
        speed.buffer(rules),
        candles.interval_ms,
        span.first_row,
        span.days,
        life,
        sums,
        daily,
        rows,
        prices,
        *extra,
    )
    filled = int(life[FILLS]) if staged else 0
    return Ran(rows, prices, int(count), sums, daily, fills, filled, int(ambiguous[0]))


def _ready_to_backtest(speed: Speed, setup: Setup, rules: Floats) -> float:
    """Compile (or load) the kernels by a run on two candles; the seconds it took."""

    def try_out(tiny: CandleColumns) -> None:
        _simulate(speed, tiny, setup, rules, Span(tiny, None))

    kind = "staged" if rules[R_STAGED] > 0.0 else "plain"
    return _time_first(speed, f"backtest {kind}", setup, try_out)


def _ready_to_search(speed: Speed, setup: Setup, costs: Costs) -> float:
    """Compile (or load) the kernels by a run on two candles; the seconds it took."""
    rules = rules_of(setup.strategy.exit_rules(setup.params), setup.strategy, costs)

    def try_out(tiny: CandleColumns) -> None:
        index = Index(speed, tiny)
        (entries,) = scan_entries(speed, index, [setup], 0)
        FastEngine(speed, index, 0, 0, 1).run(setup, rules.reshape(1, -1), entries)

    kind = "staged" if rules[R_STAGED] > 0.0 else "plain"
    return _time_first(speed, f"search {kind}", setup, try_out)


def _time_first(
    speed: Speed, what: str, setup: Setup, try_out: Callable[[CandleColumns], None]
) -> float:
    if not speed.compiled or speed.is_ready(what, setup.step):
        return 0.0
    started = time.perf_counter()
    ones = [1.0, 1.0]
    try_out(CandleColumns.of([0, setup.base_ms], ones, ones, ones, ones))
    speed.mark_ready(what, setup.step)
    return time.perf_counter() - started
