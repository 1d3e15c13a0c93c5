"""Samplers of a grid: every combination, random ones, or a Bayesian choice.

A sampler proposes in rounds. Its proposals depend only on its seed and on the results of earlier
rounds, never on the number of workers or the order in which they finish. A request for more trials
continues the same sequence.
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
    """A source of parameter sets."""

    @property
    def name(self) -> str:
        """Return its name on the command line."""

    def propose(self, count: int) -> list[Params]:
        """Return the next round of at most ``count`` combinations; empty at the end."""

    def learn(self, scores: Sequence[float]) -> None:
        """Receive the scores of the last round, in its order; more is better, NaN is no score."""


def sampler_of(name: str, grid: ParameterGrid, seed: int) -> Sampler:
    """Make the sampler ``name`` over ``grid``; an unknown name is a `ParameterError`."""
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
        """Return the next combinations."""
        first, self._next = self._next, min(self._next + min(count, ROUND), self._grid.size)
        return [self._grid.combination(place) for place in range(first, self._next)]

    def learn(self, scores: Sequence[float]) -> None:
        """Ignore the scores."""


class RandomSampler:
    """Combinations drawn uniformly and without repetition."""

    name = "random"

    def __init__(self, grid: ParameterGrid, seed: int) -> None:
        self._grid = grid
        self._random = random.Random(seed)
        self._drawn: set[int] = set()
        self._rest: list[int] | None = None

    def propose(self, count: int) -> list[Params]:
        """Draw combinations that were not drawn before."""
        size = self._grid.size
        wanted = min(count, ROUND, size - len(self._drawn))
        return [self._grid.combination(self._draw(size)) for _ in range(wanted)]

    def _draw(self, size: int) -> int:
        # Once half of them are drawn, guessing would take long: shuffle the rest instead.
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
        """Ignore the scores."""


class BayesianSampler:
    """Combinations that a Bayesian model expects to be good.

    The model is Optuna's tree-structured Parzen estimator (Bergstra and others, 2011). It sees
    numbers by their place on the axis, so that neighbours are near each other. It may propose a
    combination again; that is one trial.
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
        """Return the combinations that the estimator prefers."""
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
        """Pass the scores of the last round to the estimator."""
        for trial, score in zip(self._asked, scores, strict=True):
            if score == score:
                self._study.tell(trial, score)
            else:
                self._study.tell(trial, state=self._failed)
