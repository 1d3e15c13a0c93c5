"""A search as a sequence of trials: proposed in rounds, run by workers, kept as they finish.

A trial is a pure function of its parameters, and proposals depend on results of earlier rounds
only. So a search that was killed continues where it stopped, and gives the same trials as one that
was not, whatever the number of workers.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from multiprocessing import get_context
from pathlib import Path
from typing import Protocol

import numpy as np

from trading.candles import CandleColumns, Floats
from trading.errors import DataError, ParameterError
from trading.metrics import Metrics
from trading.research.overfitting import (
    DeflatedSharpe,
    deflated_sharpe,
    effective_trials,
    sharpe_ratios,
)
from trading.research.samplers import Params, Sampler
from trading.research.walk_forward import Objective, score_of
from trading.simulation import Costs, search
from trading.strategies.base import Strategy
from trading.strategies.parameters import Value

_LEAST_CHUNK = 8


@dataclass(frozen=True, eq=False)
class Trial:
    """One parameter set and what it gave; ``daily`` has its return on each UTC day."""

    number: int
    params: Params
    metrics: Metrics
    daily: Floats


class TrialStore(Protocol):
    """Where finished trials are kept, in order and for good."""

    def load(self) -> Sequence[Trial]:
        """Trials kept by an earlier run of the same search, from number 0 on."""

    def append(self, trials: Sequence[Trial]) -> None:
        """Keep the trials that follow; they are safe when this returns."""


@dataclass(frozen=True, slots=True)
class SearchTask:
    """What every trial of a search has in common."""

    strategy: Strategy
    candles: CandleColumns
    fixed: Mapping[str, Value]
    costs: Costs

    def run(self, sets: Sequence[Params], threads: int = 1) -> list[tuple[Metrics, Floats]]:
        """Measures and daily returns of parameter sets."""
        found = search(
            self.strategy, self.candles, list(sets), self.fixed, self.costs, threads=threads
        )
        return [
            (row.metrics, daily)
            for row, daily in zip(found.results, found.daily_returns, strict=True)
        ]


Runner = Callable[[Sequence[Params]], list[tuple[Metrics, Floats]]]


@contextmanager
def workers(work: SearchTask, count: int = 1, *, processes: bool = False) -> Iterator[Runner]:
    """A runner of parameter sets on ``count`` threads (kernels let go of the GIL) or processes."""
    if not 1 <= count <= 256:
        raise ParameterError(f"{count} workers are not possible; give 1 to 256")
    if not processes:
        yield lambda sets: work.run(sets, count)
        return
    from trading.jit.compiler import current_folder

    start = get_context("spawn")
    with ProcessPoolExecutor(count, start, _begin_process, (work, current_folder())) as pool:

        def run(sets: Sequence[Params]) -> list[tuple[Metrics, Floats]]:
            parts = pool.map(_run_in_process, chunks_of(sets, count))
            return [found for part in parts for found in part]

        yield run


def chunks_of(sets: Sequence[Params], count: int) -> list[Sequence[Params]]:
    """``sets`` in at most ``count`` parts of neighbours, none of them too small to be worth it."""
    size = max(_LEAST_CHUNK, -(-len(sets) // count))
    return [sets[at : at + size] for at in range(0, len(sets), size)]


class _Process:
    """What a worker process keeps between its tasks."""

    work: SearchTask | None = None


def _begin_process(work: SearchTask, cache: Path | None) -> None:
    if cache is not None:
        from trading.jit.compiler import enable

        enable(cache)
    _Process.work = work


def _run_in_process(sets: Sequence[Params]) -> list[tuple[Metrics, Floats]]:
    if _Process.work is None:
        raise RuntimeError("a worker process was given a task before its work")
    return _Process.work.run(sets)


def run_trials(
    method: Sampler,
    run: Runner,
    wanted: int,
    objective: Objective = "sharpe",
    store: TrialStore | None = None,
) -> list[Trial]:
    """At most ``wanted`` trials of ``method``, in order; those that ``store`` holds are not run.

    A parameter set that is proposed again is neither run nor counted again. Raises `DataError` when
    the store's trials are not those of this search.
    """
    score = score_of(objective)
    kept = list(store.load()) if store is not None else []
    trials: list[Trial] = []
    known: dict[tuple[tuple[str, Value], ...], Trial] = {}
    asked = 0
    while asked < wanted:
        proposed = method.propose(wanted - asked)
        if not proposed:
            break
        asked += len(proposed)
        fresh = _distinct(proposed, known)
        held = kept[len(trials) : len(trials) + len(fresh)]
        _check_same(held, fresh)
        todo = fresh[len(held) :]
        first = len(trials) + len(held)
        found = run(todo) if todo else []
        ran = [Trial(first + i, p, *found[i]) for i, p in enumerate(todo)]
        if store is not None and ran:
            store.append(ran)
        for trial in (*held, *ran):
            trials.append(trial)
            known[identity(trial.params)] = trial
        method.learn([score(known[identity(params)].metrics) for params in proposed])
    return trials


def identity(params: Params) -> tuple[tuple[str, Value], ...]:
    """A parameter set as a key."""
    return tuple(sorted(params.items()))


def _distinct(
    proposed: Iterable[Params], known: Mapping[tuple[tuple[str, Value], ...], Trial]
) -> list[Params]:
    found = {identity(params): params for params in proposed}
    return [params for key, params in found.items() if key not in known]


def _check_same(held: Sequence[Trial], fresh: Sequence[Params]) -> None:
    for trial, params in zip(held, fresh, strict=False):
        if dict(trial.params) != dict(params):
            raise DataError(
                f"kept trial {trial.number} tried {dict(trial.params)}, but this search tries"
                f" {dict(params)} there; continue with the same program, or begin anew"
            )


@dataclass(frozen=True, slots=True)
class SelectionBias:
    """How much was tried to find the best trial, and what that leaves of its Sharpe ratio.

    ``earlier`` of the ``tried`` distinct sets were tried before this search; ``independent`` is the
    number of clusters of correlated ones. ``deflated`` is None where the days are too few.
    """

    tried: int
    earlier: int
    independent: int
    deflated: DeflatedSharpe | None

    @property
    def sentence(self) -> str:
        """One line for a person."""
        before = f" ({self.earlier:,} of them before)" if self.earlier else ""
        text = f"{self.tried:,} sets tried{before}, {self.independent:,} independent"
        if self.deflated is None:
            return f"{text}; too few days for a deflated Sharpe ratio"
        return f"{text}; deflated Sharpe ratio of the best {self.deflated.probability:.3f}"


def selection_bias(best: Trial, trials: Sequence[Trial], earlier: Floats) -> SelectionBias:
    """Deflate the best of ``trials`` by all of them and by earlier ones.

    ``earlier`` holds the daily returns of those, ``[set, day]``.
    """
    daily = np.stack([trial.daily for trial in trials])
    if len(earlier):
        daily = np.concatenate((daily, earlier))
    independent = effective_trials(daily)
    deflated = None
    if daily.shape[1] >= 3:
        deflated = deflated_sharpe(best.daily, sharpe_ratios(daily), max(float(independent), 1.0))
    return SelectionBias(len(daily), len(earlier), independent, deflated)


def best_trial(trials: Sequence[Trial], objective: Objective) -> Trial:
    """The trial with the best objective; the first of equals, never one without a value."""
    score = score_of(objective)

    def key(trial: Trial) -> float:
        value = score(trial.metrics)
        return -math.inf if math.isnan(value) else value

    return max(trials, key=lambda trial: (key(trial), -trial.number))
