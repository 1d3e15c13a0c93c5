"""The search behind `nocturne search`, once its options are checked."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np

from cli.backtesting.results import measured, say
from cli.compilation.choice import uses_compiled
from cli.compilation.plain_search import PlainSearch
from cli.inputs.market import MarketChoice
from cli.inputs.progress import LongRun
from cli.summary.backtest import EmergencyStop
from trading.candles import DAY_MS, CandleColumns, Floats
from trading.errors import ParameterError
from trading.metrics import Metrics
from trading.research.grid import ParameterGrid, parse_grid
from trading.research.samplers import METHODS, Params, sampler_of
from trading.research.search_task import SearchTask
from trading.research.trials import (
    Runner,
    Trial,
    TrialStore,
    best_trial,
    identity,
    run_trials,
    selection_bias,
    workers,
)
from trading.simulation import Costs
from trading.simulation.signal_interval import with_signal_interval
from trading.strategies.base import Strategy
from trading.strategies.parameters import Value


@dataclass(frozen=True, slots=True)
class SearchRequest:
    """One search: its checked options."""

    strategy: Strategy
    market: MarketChoice
    grid: tuple[str, ...]
    fixed: dict[str, Value]
    costs: Costs
    method: str
    trials: int | None
    seed: int
    objective: str
    workers: int
    processes: bool
    dask: str | None
    resume: Path | None


SearchResults = list[tuple[dict[str, Value], Metrics]]


def check_method(method: str, market: MarketChoice) -> None:
    """Refuse options that contradict each other before anything is read."""
    if method not in METHODS:
        raise ParameterError(f"--method '{method}' is not known; methods are {', '.join(METHODS)}")
    if market.lake is not None and market.symbol is None:
        raise ParameterError("--lake and --symbol go together: trials are counted for a symbol")


def run_search(request: SearchRequest) -> tuple[dict[str, Any], SearchResults, str]:
    """Return the JSON document, the results by searched parameters, and their significance."""
    request.market.refuse_none()
    begun = time.perf_counter()
    with LongRun(f"reading candles of {request.market.name}"):
        market = request.market.load(request.strategy, _read_for(request))
    columns = market.columns
    costs = replace(
        request.costs,
        funding=dict(market.funding),
        forecast_use=request.market.forecast_use,
    )
    seconds_load = time.perf_counter() - begun
    traded = market.traded.open_time
    days = int(traded[-1] // DAY_MS - traded[0] // DAY_MS) + 1
    grid = parse_grid(request.grid, request.strategy, days=days, trials=request.trials)
    count = grid.size if request.trials is None else request.trials
    say(f"searching {min(count, grid.size):,} combinations over {len(traded):,} candles ...")
    searched = [axis.name for axis in grid.axes]
    fixed = with_signal_interval(request.strategy, request.fixed, columns.interval_ms, searched)
    task = SearchTask(request.strategy, columns, fixed, costs, start_ms=market.start_ms)
    begun = time.perf_counter()
    work, plain_processes = _prepared(request, task, grid, count)
    seconds_compile = time.perf_counter() - begun
    begun = time.perf_counter()
    method = sampler_of(request.method, grid, request.seed)
    with (
        _store(request, work, grid) as store,
        _workers(request, work, plain_processes) as run,
        LongRun("searching", min(count, grid.size)) as progress,
    ):
        trials = run_trials(method, _counted(run, progress), count, request.objective, store)
    seconds_search = time.perf_counter() - begun
    significance, sentence = _significance(request, work, trials)
    if not request.strategy.exit_rules(request.strategy.resolve(request.fixed)).emergency_stop:
        say(EmergencyStop(0.0, request.strategy.widest_emergency).sentence)
    gaps = market.gaps
    if gaps is not None and gaps.sentence:
        say(f"{gaps.sentence} in the window; every result stands for it")
    found = [(dict(trial.params), trial.metrics) for trial in trials]
    document = {
        "strategy": request.strategy.name,
        "candles": market.label,
        "fee_bps": request.costs.fee_bps,
        "slippage_bps": request.costs.slippage_bps,
        "funding": market.funding_source,
        "gaps": None if gaps is None else gaps.places,
        "missing_candles": None if gaps is None else gaps.candles,
        "capital": request.costs.margin.capital,
        "method": request.method,
        "seed": request.seed,
        "seconds_load": seconds_load,
        "seconds_compile": seconds_compile,
        "seconds_search": seconds_search,
        **significance,
        "results": [measured({**params, **request.fixed}, metrics) for params, metrics in found],
    }
    return document, found, sentence


def _read_for(request: SearchRequest) -> dict[str, Value]:
    """Return the fixed parameters, with a searched value by which the strategy reads forecasts."""
    known = request.strategy.resolve(request.fixed)
    for axis in parse_grid(request.grid, request.strategy, trials=request.trials).axes:
        for value in axis.values:
            if request.strategy.reads_forecasts({**known, axis.name: value}):
                return {**request.fixed, axis.name: value}
    return request.fixed


def _prepared(
    request: SearchRequest, work: SearchTask, grid: ParameterGrid, count: int
) -> tuple[SearchTask, int]:
    """Return the task with its backend, and on how many processes plain Python runs it.

    A search over two candles loads every compiled kernel.
    """
    first, base_ms = grid.combination(0), work.candles.interval_ms
    elsewhere = request.processes or request.dask is not None
    cores = 1 if request.method == "bayes" else request.workers
    plain = PlainSearch(work, grid, count, 0 if elsewhere else cores)
    params = {**work.fixed, **first}
    if not uses_compiled(work.strategy, params, base_ms, "search", lambda: plain.wall_seconds):
        return replace(work, compiled=False), 1 if elsewhere else plain.processes
    tiny = work.candles.rows(0, min(2, len(work.candles)))
    replace(work, candles=tiny, start_ms=None).run([first])
    return work, 1


def _counted(run: Runner, progress: LongRun) -> Runner:
    """Return the runner that also says how many sets are done, round by round."""

    def counted(sets: Sequence[Params]) -> list[tuple[Metrics, Floats]]:
        found = run(sets)
        progress.add(len(sets))
        return found

    return counted


def _workers(
    request: SearchRequest, work: SearchTask, plain_processes: int
) -> AbstractContextManager[Runner]:
    """Return a runner on threads, on processes or on a Dask cluster."""
    if plain_processes > 1:
        return workers(work, plain_processes, processes=True)
    if request.dask is None:
        return workers(work, request.workers, processes=request.processes)
    from cli.backtesting.dask_workers import dask_workers

    return dask_workers(work, request.dask)


@contextmanager
def _store(
    request: SearchRequest, work: SearchTask, grid: ParameterGrid
) -> Iterator[TrialStore | None]:
    if request.resume is None:
        yield None
        return
    from lake.trial_file import TrialFile, candles_hash
    from trading.jit.compiler import source_key

    setup = {
        "strategy": [work.strategy.name, work.strategy.version],
        "candles": candles_hash(work.candles),
        "method": request.method,
        "seed": request.seed,
        "objective": request.objective if request.method == "bayes" else None,
        "grid": {axis.name: list(axis.values) for axis in grid.axes},
        "set": dict(work.fixed),
        "fee_bps": work.costs.fee_bps,
        "slippage_bps": work.costs.slippage_bps,
        "start": work.start_ms,
        "margin": [work.costs.margin.capital, *work.costs.margin.tiers],
        "program": source_key(),
    }
    if work.costs.forecast_use.is_on:
        setup["forecasts"] = list(work.costs.forecast_use.numbers)
    if work.costs.funding:
        setup["funding"] = sorted(work.costs.funding.items())
    with TrialFile(request.resume, setup) as store:
        if kept := len(store.load()):
            say(f"{kept:,} trials are in {request.resume} already")
        yield store


def _significance(
    request: SearchRequest, work: SearchTask, trials: Sequence[Trial]
) -> tuple[dict[str, float | int | None], str]:
    """Return the trials, effective trials and deflated Sharpe ratio of the best, and a sentence.

    With a lake, its earlier trials count too, and it records these.
    """
    earlier = np.empty((0, len(trials[0].daily)))
    lake, symbol = request.market.lake, request.market.symbol
    if lake is not None and symbol is not None:
        earlier = _count_in_lake(request, work, trials, lake, symbol)
    found = selection_bias(best_trial(trials, request.objective), trials, earlier)
    deflated = None if found.deflated is None else found.deflated.probability
    return {
        "trials": found.tried,
        "earlier_trials": found.earlier,
        "effective_trials": found.independent,
        "deflated_sharpe": deflated,
    }, found.sentence


def _count_in_lake(
    request: SearchRequest, work: SearchTask, trials: Sequence[Trial], root: Path, symbol: str
) -> Floats:
    """Return the daily returns of earlier sets that are not among ``trials``."""
    from flows.steps.search.trial_history import earlier_trials, record_trials
    from lake.store import Lake

    lake, strategy = Lake(root), request.strategy
    as_of = _end_of(work.candles)
    own = {identity({**work.fixed, **trial.params}) for trial in trials}
    before = [p for p in earlier_trials(lake, strategy, symbol, as_of) if identity(p) not in own]
    tried: list[tuple[Params, Metrics]] = [
        ({**work.fixed, **trial.params}, trial.metrics) for trial in trials
    ]
    run = record_trials(lake, strategy, symbol, as_of, tried)
    say(f"{len(trials):,} trials of {strategy.name} on {symbol} counted in the lake as {run}")
    if not before:
        return np.empty((0, len(trials[0].daily)))
    alone = replace(work, fixed={})
    return np.stack([daily for _, daily in alone.run(before)])


def _end_of(candles: CandleColumns) -> datetime:
    closed = int(candles.open_time[-1]) + candles.interval_ms
    return datetime.fromtimestamp(closed / 1000, UTC)
