"""What `nocturne search` does once its options make sense."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np

from cli.backtesting.results import enable_compiling, measured, say, with_file_interval
from cli.inputs.candle_files import read_candles
from trading.candles import DAY_MS, CandleColumns, Floats
from trading.errors import ParameterError
from trading.metrics import Metrics
from trading.research.grid import Grid, parse_grid
from trading.research.samplers import METHODS, Params, method_of
from trading.research.trials import (
    Runner,
    Trial,
    TrialStore,
    Work,
    best_trial,
    identity,
    run_trials,
    weigh,
    workers,
)
from trading.simulation import Costs
from trading.strategies.base import Strategy, Value


@dataclass(frozen=True, slots=True)
class Wanted:
    """The options of one search."""

    strategy: Strategy
    candles: Path
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
    lake: Path | None
    symbol: str | None


Found = list[tuple[dict[str, Value], Metrics]]


def check_method(method: str, lake: Path | None, symbol: str | None) -> None:
    """Refuse what no search can be before anything is read."""
    if method not in METHODS:
        raise ParameterError(f"--method '{method}' is not known; methods are {', '.join(METHODS)}")
    if (lake is None) != (symbol is None):
        raise ParameterError("--lake and --symbol go together: trials are counted for a symbol")


def run_search(wanted: Wanted) -> tuple[dict[str, Any], Found, str]:
    """The JSON document, the results with the searched parameters only, and how honest they are."""
    begun = time.perf_counter()
    columns = read_candles(wanted.candles)
    seconds_load = time.perf_counter() - begun
    days = int(columns.open_time[-1] // DAY_MS - columns.open_time[0] // DAY_MS) + 1
    grid = parse_grid(wanted.grid, wanted.strategy, days=days, trials=wanted.trials)
    count = grid.size if wanted.trials is None else wanted.trials
    say(f"searching {min(count, grid.size):,} combinations over {len(columns):,} candles ...")
    enable_compiling()
    fixed = with_file_interval(
        wanted.strategy, wanted.fixed, [axis.name for axis in grid.axes], columns
    )
    work = Work(wanted.strategy, columns, fixed, wanted.costs)
    seconds_compile = _compile(work, grid)
    begun = time.perf_counter()
    method = method_of(wanted.method, grid, wanted.seed)
    with (
        _store(wanted, work, grid) as store,
        _workers(wanted, work) as run,
    ):
        trials = run_trials(method, run, count, wanted.objective, store)
    seconds_search = time.perf_counter() - begun
    honesty, sentence = _honesty(wanted, work, trials)
    found = [(dict(trial.params), trial.metrics) for trial in trials]
    document = {
        "strategy": wanted.strategy.name,
        "candles": str(wanted.candles),
        "fee_bps": wanted.costs.fee_bps,
        "slippage_bps": wanted.costs.slippage_bps,
        "capital": wanted.costs.margin.capital,
        "method": wanted.method,
        "seed": wanted.seed,
        "seconds_load": seconds_load,
        "seconds_compile": seconds_compile,
        "seconds_search": seconds_search,
        **honesty,
        "results": [measured({**params, **wanted.fixed}, metrics) for params, metrics in found],
    }
    return document, found, sentence


def _compile(work: Work, grid: Grid) -> float:
    """Seconds until the kernels are ready: a search over two candles needs them all."""
    begun = time.perf_counter()
    tiny = work.candles.rows(0, min(2, len(work.candles)))
    Work(work.strategy, tiny, work.fixed, work.costs).run([grid.combination(0)])
    return time.perf_counter() - begun


def _workers(wanted: Wanted, work: Work) -> AbstractContextManager[Runner]:
    """Threads, processes or the workers of a Dask cluster."""
    if wanted.dask is None:
        return workers(work, wanted.workers, processes=wanted.processes)
    from cli.backtesting.dask_workers import dask_workers

    return dask_workers(work, wanted.dask)


@contextmanager
def _store(wanted: Wanted, work: Work, grid: Grid) -> Iterator[TrialStore | None]:
    if wanted.resume is None:
        yield None
        return
    from lake.trial_file import TrialFile, candles_hash
    from trading.jit.compiler import source_key

    question = {
        "strategy": [work.strategy.name, work.strategy.version],
        "candles": candles_hash(work.candles),
        "method": wanted.method,
        "seed": wanted.seed,
        "objective": wanted.objective if wanted.method == "bayes" else None,
        "grid": {axis.name: list(axis.values) for axis in grid.axes},
        "set": dict(work.fixed),
        "fee_bps": work.costs.fee_bps,
        "slippage_bps": work.costs.slippage_bps,
        "margin": [work.costs.margin.capital, *work.costs.margin.tiers],
        "program": source_key(),
    }
    with TrialFile(wanted.resume, question) as store:
        if kept := len(store.load()):
            say(f"{kept:,} trials are in {wanted.resume} already")
        yield store


def _honesty(
    wanted: Wanted, work: Work, trials: Sequence[Trial]
) -> tuple[dict[str, float | int | None], str]:
    """Trials, effective trials and the deflated Sharpe ratio of the best, and a line that says so.

    With a lake, what it has seen tried before counts too, and these trials from now on.
    """
    earlier = np.empty((0, len(trials[0].daily)))
    if wanted.lake is not None and wanted.symbol is not None:
        earlier = _count_in_lake(wanted, work, trials, wanted.lake, wanted.symbol)
    found = weigh(best_trial(trials, wanted.objective), trials, earlier)
    deflated = None if found.deflated is None else found.deflated.probability
    return {
        "trials": found.tried,
        "earlier_trials": found.earlier,
        "effective_trials": found.independent,
        "deflated_sharpe": deflated,
    }, found.sentence


def _count_in_lake(
    wanted: Wanted, work: Work, trials: Sequence[Trial], root: Path, symbol: str
) -> Floats:
    """Daily returns of the sets that were tried before and are not among ``trials``."""
    from flows.steps.search.trial_history import earlier_trials, keep_trials
    from lake.store import Lake

    lake, strategy = Lake(root), wanted.strategy
    as_of = _end_of(work.candles)
    own = {identity({**work.fixed, **trial.params}) for trial in trials}
    before = [p for p in earlier_trials(lake, strategy, symbol, as_of) if identity(p) not in own]
    tried: list[tuple[Params, Metrics]] = [
        ({**work.fixed, **trial.params}, trial.metrics) for trial in trials
    ]
    run = keep_trials(lake, strategy, symbol, as_of, tried)
    say(f"{len(trials):,} trials of {strategy.name} on {symbol} counted in the lake as {run}")
    if not before:
        return np.empty((0, len(trials[0].daily)))
    alone = Work(strategy, work.candles, {}, work.costs)
    return np.stack([daily for _, daily in alone.run(before)])


def _end_of(candles: CandleColumns) -> datetime:
    closed = int(candles.open_time[-1]) + candles.interval_ms
    return datetime.fromtimestamp(closed / 1000, UTC)
