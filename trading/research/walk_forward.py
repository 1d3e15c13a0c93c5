"""Walk-forward: choose parameters on the past of each fold, evaluate them on what comes after.

Times are milliseconds since the epoch, UTC; spans are half-open, ``[start, end)``. Two gaps lie
between the training and the test of a fold: the *purge* keeps positions opened in training out of
the test, the *embargo* keeps after-effects out (López de Prado, "Advances in Financial Machine
Learning", 2018, chapter 7; here all training lies before its test).
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, fields
from operator import attrgetter

import numpy as np

from trading.candles import DAY_MS, CandleColumns, Floats, Integers
from trading.errors import DataError, ParameterError
from trading.market.gaps import Gaps, gaps_in
from trading.metrics import (
    EQUITY,
    SUMS_SIZE,
    Metrics,
    metrics_of,
    sums_clear,
    sums_days,
    sums_trade,
)
from trading.research.search_task import SearchTask
from trading.simulation import BacktestResult, Searcher, Trades
from trading.strategies.parameters import Value

Objective = str | Callable[[Metrics], float]


@dataclass(frozen=True, slots=True)
class Fold:
    """One training span and the test span after it."""

    train_start: int
    train_end: int
    test_start: int
    test_end: int


def rolling_folds(
    start: int, end: int, *, train: int, test: int, purge: int = 0, embargo: int = 0
) -> tuple[Fold, ...]:
    """Make folds whose training span has the fixed length ``train`` and moves with the test.

    Tests of length ``test`` follow each other without gap or overlap up to ``end``; a remainder
    that fills no fold is left out at ``start``, where data is oldest. Raises `DataError` if no fold
    fits.
    """
    gap = _check(start, end, train, test, purge, embargo)
    count = (end - start - train - gap) // test
    tests = [end - test * (count - place) for place in range(count)]
    return tuple(Fold(t - gap - train, t - gap, t, t + test) for t in tests)


def anchored_folds(
    start: int, end: int, *, train: int, test: int, purge: int = 0, embargo: int = 0
) -> tuple[Fold, ...]:
    """Make folds whose training begins at ``start`` and is at least ``train`` long.

    See `rolling_folds` for the rest.
    """
    folds = rolling_folds(start, end, train=train, test=test, purge=purge, embargo=embargo)
    return tuple(Fold(start, fold.train_end, fold.test_start, fold.test_end) for fold in folds)


@dataclass(frozen=True)
class FoldResult:
    """One fold: the choice made in-sample, and its result out-of-sample.

    ``chosen`` holds only the searched and fitted parameters, ``tried`` the number of combinations.
    The gaps are those of the candles in both spans.
    """

    fold: Fold
    chosen: Mapping[str, Value]
    tried: int
    in_sample: Metrics
    out_of_sample: BacktestResult
    train_gaps: Gaps
    test_gaps: Gaps


@dataclass(frozen=True)
class WalkForward:
    """All folds, and their out-of-sample results stitched into one run.

    ``equity`` is the equity after each trade, compounding over the folds from 1; ``daily_returns``
    has one value for each UTC day of ``days`` (starts, ms).
    """

    folds: tuple[FoldResult, ...]
    trades: Trades
    metrics: Metrics
    equity: Floats
    days: Integers
    daily_returns: Floats

    @property
    def test_gaps(self) -> Gaps:
        """What the candles of all test spans lack together."""
        places, missing = zip(*(fold.test_gaps for fold in self.folds), strict=True)
        return Gaps(sum(places), sum(missing))


def walk_forward(
    task: SearchTask,
    grid: Sequence[Mapping[str, Value]],
    folds: Sequence[Fold],
    objective: Objective = "sharpe",
    least_trades: int = 1,
    workers: int = 1,
) -> WalkForward:
    """Choose from ``grid`` in each fold's training span and evaluate the choice in its test span.

    ``objective`` is a measure of `Metrics` or a function of it; more is better, the first of equals
    wins. A combination with fewer than ``least_trades`` in-sample trades is chosen only if all have
    fewer. Candles before a span only warm up its indicators; each span starts flat. Signals are
    found once for all folds: a decision depends only on the candles before it. Parameters that a
    strategy fits are fitted in each fold, on its training span. The folds run on ``workers``
    threads, which changes no result. Raises `DataError` for a fold without candles.
    """
    strategy, candles, fixed, costs = task.strategy, task.candles, task.fixed, task.costs
    if not folds:
        raise ParameterError("walk-forward has no folds; make some with rolling_folds")
    score = score_of(objective)

    for fold in folds:
        _need_candles(candles, fold.train_start, fold.train_end)
        _need_candles(candles, fold.test_start, fold.test_end)
    shared = workers if workers > 1 else None
    common = (
        None if strategy.learns else Searcher(strategy, candles, grid, fixed, costs, threads=shared)
    )

    def run(fold: Fold) -> FoldResult:
        """Choose in the training span of a fold, evaluate in its test span."""
        # Threads are used at one level only: across the folds, or inside each fold.
        inner = 1 if workers > 1 else None
        fitted: dict[str, Value] = {}
        searcher = common
        if searcher is None:
            # A fold must not know anything after its training span.
            known = candles.slice(fold.train_start, fold.train_end)
            fitted = strategy.learn(known, strategy.resolve(fixed))
            searcher = Searcher(strategy, candles, grid, {**fixed, **fitted}, costs, threads=inner)
        searched = searcher.search(fold.train_start, fold.train_end, threads=inner)
        learnt = searched.results
        best = choose([row.metrics for row in learnt], score, least_trades)
        tested = searcher.backtest(best, fold.test_start, fold.test_end)
        chosen = {**fitted, **grid[best]}
        return FoldResult(
            fold,
            chosen,
            len(learnt),
            learnt[best].metrics,
            tested,
            searched.gaps,
            gaps_in(candles, fold.test_start, fold.test_end),
        )

    # The first fold runs alone: it compiles what the others use.
    first = run(folds[0])
    with ThreadPoolExecutor(workers) as threads:
        results = (first, *threads.map(run, folds[1:]))
    return _stitch(results, candles)


def choose(results: Sequence[Metrics], objective: Objective, least_trades: int = 1) -> int:
    """Return the place of the best of ``results``; NaN is never best."""
    score = score_of(objective)
    keys = []
    for metrics in results:
        value = score(metrics)
        keys.append((metrics.trades >= least_trades, -math.inf if math.isnan(value) else value))
    return max(range(len(keys)), key=lambda place: keys[place])


def score_of(objective: Objective) -> Callable[[Metrics], float]:
    """Return the function of an objective; a name that is no measure is a `ParameterError`."""
    if not isinstance(objective, str):
        return objective
    if objective not in Metrics._fields:
        raise ParameterError(
            f"objective '{objective}' is not a measure; measures are {', '.join(Metrics._fields)}"
        )
    return attrgetter(objective)


def _need_candles(candles: CandleColumns, start: int, end: int) -> None:
    if len(candles.slice(start, end)) == 0:
        raise DataError(
            f"walk-forward has no candles from {np.datetime64(start, 'ms')}Z to"
            f" {np.datetime64(end, 'ms')}Z; import them or choose other folds"
        )


def _stitch(results: tuple[FoldResult, ...], candles: CandleColumns) -> WalkForward:
    """Stitch the test spans into one run, in order of time."""
    runs = [result.out_of_sample for result in results]
    trades = Trades(
        *(
            np.concatenate([getattr(run.trades, field.name) for run in runs])
            for field in fields(Trades)
        )
    )
    days, daily = _merge_days(runs)
    rows = sum(len(candles.slice(r.fold.test_start, r.fold.test_end)) for r in results)
    held = (trades.exit_time - trades.entry_time) // candles.interval_ms + 1
    sums = [0.0] * SUMS_SIZE
    sums_clear(sums, 0)
    equity = []
    for result, candles_held in zip(trades.net_return.tolist(), held.tolist(), strict=True):
        sums_trade(sums, 0, 1.0 + result, candles_held)
        equity.append(sums[EQUITY])
    sums_days(sums, 0, daily.tolist(), 0, len(daily))
    metrics = metrics_of(sums, len(daily), rows)
    return WalkForward(results, trades, metrics, np.array(equity), days, daily)


def _merge_days(runs: Sequence[BacktestResult]) -> tuple[Integers, Floats]:
    """Merge the daily returns of all runs; a day that two runs share compounds both."""
    days = np.unique(np.concatenate([run.days for run in runs]))
    growth = np.ones(len(days))
    for run in runs:
        growth[np.searchsorted(days, run.days)] *= 1.0 + run.daily_returns
    return days, growth - 1.0


def _check(start: int, end: int, train: int, test: int, purge: int, embargo: int) -> int:
    """Check the lengths and return the gap between training and test."""
    if train <= 0 or test <= 0 or purge < 0 or embargo < 0:
        raise ParameterError(
            "walk-forward folds need training and test above 0 and no negative gap, was train"
            f" {train} ms, test {test} ms, purge {purge} ms, embargo {embargo} ms"
        )
    gap = purge + embargo
    if end - start < train + gap + test:
        raise DataError(
            f"{(end - start) / DAY_MS:.1f} days are too short for one walk-forward fold of"
            f" {(train + gap + test) / DAY_MS:.1f} days; use more data or shorter folds"
        )
    return gap
