"""A search as a sequence of trials: proposed in rounds, run by workers, stored as they finish.

A trial is a pure function of its parameters, and proposals depend only on the results of earlier
rounds. So a search that was killed continues where it stopped and gives the same trials as one that
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

from trading.candles import Floats
from trading.errors import DataError, ParameterError
from trading.metrics import Metrics
from trading.research.overfitting import (
    DeflatedSharpe,
    deflated_sharpe,
    effective_trials,
    sharpe_ratios,
)
from trading.research.samplers import Params, Sampler
from trading.research.search_task import SearchTask
from trading.research.walk_forward import Objective, score_of
from trading.strategies.parameters import Value

_LEAST_CHUNK = 8


@dataclass(frozen=True, eq=False)
class Trial:
    """One parameter set and its result; ``daily`` has its return on each UTC day."""

    number: int
    params: Params
    metrics: Metrics
    daily: Floats


class TrialStore(Protocol):
    """Durable storage of finished trials, in order."""

    def load(self) -> Sequence[Trial]:
        """Load the trials of an earlier run of the same search, from number 0 on."""

    def append(self, trials: Sequence[Trial]) -> None:
        """Append the next trials; they are durable when this returns."""


Runner = Callable[[Sequence[Params]], list[tuple[Metrics, Floats]]]


@contextmanager
def workers(work: SearchTask, count: int = 1, *, processes: bool = False) -> Iterator[Runner]:
    """Yield a runner of parameter sets on threads (kernels release the GIL) or processes."""
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
    """Split ``sets`` into at most ``count`` contiguous parts, none too small to be worth it."""
    size = max(_LEAST_CHUNK, -(-len(sets) // count))
    return [sets[at : at + size] for at in range(0, len(sets), size)]


class _Process:
    """The task of a worker process."""

    work: SearchTask | None = None


def _begin_process(work: SearchTask, cache: Path | None) -> None:
    if cache is not None:
        from trading.jit.compiler import enable

        enable(cache)
    _Process.work = work


def _run_in_process(sets: Sequence[Params]) -> list[tuple[Metrics, Floats]]:
    if _Process.work is None:
        raise RuntimeError("a worker process received parameter sets before its search task")
    return _Process.work.run(sets)


def run_trials(
    sampler: Sampler,
    run: Runner,
    wanted: int,
    objective: Objective = "sharpe",
    store: TrialStore | None = None,
) -> list[Trial]:
    """Run at most ``wanted`` trials of ``sampler``, in order; those in ``store`` are not repeated.

    A parameter set that is proposed again is neither run nor counted again. Stored trials of
    another search are a `DataError`.
    """
    score = score_of(objective)
    kept = list(store.load()) if store is not None else []
    trials: list[Trial] = []
    known: dict[tuple[tuple[str, Value], ...], Trial] = {}
    proposals = 0
    while proposals < wanted:
        proposed = sampler.propose(wanted - proposals)
        if not proposed:
            break
        proposals += len(proposed)
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
        sampler.learn([score(known[identity(params)].metrics) for params in proposed])
    return trials


def identity(params: Params) -> tuple[tuple[str, Value], ...]:
    """Return a parameter set as a key."""
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
                f" {dict(params)} there; continue with the same program, or start over"
            )


@dataclass(frozen=True, slots=True)
class SelectionBias:
    """How many sets were tried to find the best trial, and its Sharpe ratio deflated by them.

    ``earlier`` of the ``tried`` distinct sets were tried before this search; ``independent`` is the
    number of clusters of correlated sets. ``deflated`` is None if there are too few days.
    """

    tried: int
    earlier: int
    independent: int
    deflated: DeflatedSharpe | None

    @property
    def sentence(self) -> str:
        """Return one line for a person."""
        before = f" ({self.earlier:,} of them before)" if self.earlier else ""
        text = f"{self.tried:,} sets tried{before}, {self.independent:,} independent"
        if self.deflated is None:
            return f"{text}; too few days for a deflated Sharpe ratio"
        return f"{text}; deflated Sharpe ratio of the best {self.deflated.probability:.3f}"


def selection_bias(best: Trial, trials: Sequence[Trial], earlier: Floats) -> SelectionBias:
    """Deflate the best of ``trials`` by all trials, including ``earlier`` ones.

    ``earlier`` holds their daily returns, ``[set, day]``.
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
    """Return the trial with the best objective, the first of equals; NaN is never best."""
    score = score_of(objective)

    def key(trial: Trial) -> float:
        value = score(trial.metrics)
        return -math.inf if math.isnan(value) else value

    return max(trials, key=lambda trial: (key(trial), -trial.number))
