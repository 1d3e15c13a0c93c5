"""Ways to choose which combinations of a grid are tried: all of them, drawn ones, or by learning.

A method proposes in rounds. What it proposes depends on its seed and on the results of earlier
rounds only, never on how many workers there are or in which order they finish. Asking for more
trials continues the same sequence.
"""

from __future__ import annotations

import random
from collections.abc import Mapping, Sequence
from typing import Any, Protocol

from trading.errors import ParameterError
from trading.research.grid import ParameterGrid
from trading.strategies.parameters import Value

METHODS = ("grid", "random", "bayes")
ROUND = 1_000
BAYES_ROUND = 10
_STARTUP = 20

Params = Mapping[str, Value]


class Sampler(Protocol):
    """A source of trials."""

    @property
    def name(self) -> str:
        """The name that the command line calls it."""

    def propose(self, count: int) -> list[Params]:
        """The next round of at most ``count`` combinations; empty when there are no more."""

    def learn(self, scores: Sequence[float]) -> None:
        """Scores of the last round, in its order; more is better, NaN is no score."""


def sampler_of(name: str, grid: ParameterGrid, seed: int) -> Sampler:
    """The method ``name`` over the combinations of ``grid``; `ParameterError` for another name."""
    if name == "grid":
        return GridSampler(grid)
    if name == "random":
        return RandomSampler(grid, seed)
    if name == "bayes":
        return BayesianSampler(grid, seed)
    raise ParameterError(f"search method '{name}' is not known; methods are {', '.join(METHODS)}")


class GridSampler:
    """Every combination in the order of the grid."""

    name = "grid"

    def __init__(self, grid: ParameterGrid) -> None:
        self._grid = grid
        self._next = 0

    def propose(self, count: int) -> list[Params]:
        """The combinations that follow."""
        first, self._next = self._next, min(self._next + min(count, ROUND), self._grid.size)
        return [self._grid.combination(place) for place in range(first, self._next)]

    def learn(self, scores: Sequence[float]) -> None:
        """Nothing is learned."""


class RandomSampler:
    """Combinations drawn evenly and without repetition."""

    name = "random"

    def __init__(self, grid: ParameterGrid, seed: int) -> None:
        self._grid = grid
        self._random = random.Random(seed)
        self._drawn: set[int] = set()
        self._rest: list[int] | None = None

    def propose(self, count: int) -> list[Params]:
        """Combinations that were not drawn before."""
        size = self._grid.size
        wanted = min(count, ROUND, size - len(self._drawn))
        return [self._grid.combination(self._draw(size)) for _ in range(wanted)]

    def _draw(self, size: int) -> int:
        # Once half of them are drawn, guessing would take long: the rest is shuffled instead.
        if self._rest is None and 2 * len(self._drawn) >= size:
            self._rest = [place for place in range(size) if place not in self._drawn]
            self._random.shuffle(self._rest)
        if self._rest is not None:
            place = self._rest.pop()
        else:
            place = self._random.randrange(size)
            while place in self._drawn:
                place = self._random.randrange(size)
        self._drawn.add(place)
        return place

    def learn(self, scores: Sequence[float]) -> None:
        """Nothing is learned."""


class BayesianSampler:
    """Combinations where good ones were found before: Optuna's tree-structured Parzen estimator
    (Bergstra and others, 2011).

    Numbers are searched by their place on the axis, so that neighbours are near each other. The
    same combination may be proposed again; it is a trial only once.
    """

    name = "bayes"

    def __init__(self, grid: ParameterGrid, seed: int) -> None:
        import optuna

        optuna.logging.set_verbosity(optuna.logging.WARNING)
        self._failed = optuna.trial.TrialState.FAIL
        sampler = optuna.samplers.TPESampler(seed=seed, n_startup_trials=_STARTUP)
        self._study = optuna.create_study(direction="maximize", sampler=sampler)
        self._axes = grid.axes
        self._space: dict[str, Any] = {
            axis.name: optuna.distributions.CategoricalDistribution(axis.values)
            if isinstance(axis.values[0], str)
            else optuna.distributions.IntDistribution(0, len(axis.values) - 1)
            for axis in grid.axes
        }
        self._asked: list[Any] = []

    def propose(self, count: int) -> list[Params]:
        """What the estimator expects most of."""
        asked = [self._study.ask(self._space) for _ in range(min(count, BAYES_ROUND))]
        self._asked = asked
        return [self._read(trial.params) for trial in asked]

    def _read(self, found: Mapping[str, Any]) -> Params:
        return {
            axis.name: found[axis.name]
            if isinstance(axis.values[0], str)
            else axis.values[found[axis.name]]
            for axis in self._axes
        }

    def learn(self, scores: Sequence[float]) -> None:
        """Tell the estimator how the last round did."""
        for trial, score in zip(self._asked, scores, strict=True):
            if score == score:
                self._study.tell(trial, score)
            else:
                self._study.tell(trial, state=self._failed)
