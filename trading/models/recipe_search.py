"""Search for a recipe: family, parameters and groups of features, inside a time budget.

Optuna proposes (tree-structured Parzen estimators: Bergstra and others, 2011), the caller evaluates
out-of-sample, and every trial is kept: a gate has to know how many there were. The recipe with the
default parameters is always the first trial.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from trading.candles import Floats
from trading.errors import ParameterError
from trading.models.families import Recipe, Task, families_of
from trading.models.linear import HAR_FEATURES
from trading.models.trees import OutOfTime, Stop

if TYPE_CHECKING:
    import optuna

_SEED = 7
_START_UP = 8
"""Trials at random before the sampler learns from them."""


@dataclass(frozen=True)
class Scored:
    """What a recipe is worth out-of-sample: a score (more is better), and its daily results."""

    score: float
    daily: Floats


@dataclass(frozen=True)
class RecipeTrial:
    """One recipe that was evaluated to its end."""

    number: int
    recipe: Recipe
    found: Scored


@dataclass(frozen=True)
class SearchedRecipes:
    """All trials in their order, and how many more were broken off because time was over."""

    trials: tuple[RecipeTrial, ...]
    broken_off: int

    @property
    def best(self) -> RecipeTrial:
        """The trial with the highest score, the first of equals."""
        return max(self.trials, key=lambda trial: (trial.found.score, -trial.number))

    @property
    def others(self) -> tuple[RecipeTrial, ...]:
        """All trials but the best."""
        best = self.best
        return tuple(trial for trial in self.trials if trial is not best)


Evaluate = Callable[[Recipe, Stop], Scored]
Tell = Callable[[RecipeTrial, RecipeTrial, float], None]
"""Receives the trial that ended, the best so far and the seconds that have passed."""


@dataclass(frozen=True)
class Budget:
    """How long a search may last: ``seconds`` of ``clock``.

    ``kept`` × the time of the first trial is left for what follows the search.
    """

    seconds: float
    clock: Callable[[], float]
    kept: float = 0.0


def search_recipes(
    task: Task,
    groups: Mapping[str, Sequence[str]],
    evaluate: Evaluate,
    budget: Budget,
    tell: Tell | None = None,
) -> SearchedRecipes:
    """Try recipes until the ``budget`` is spent; the first is always finished.

    ``groups`` names features that are used or left out together. ``evaluate`` gets a function that
    says when time is over, and raises `OutOfTime` then. For one number of trials the search is
    deterministic; how many fit into the time is up to the machine.
    """
    import optuna

    clock = budget.clock
    if budget.seconds <= 0.0:
        raise ParameterError(
            f"a search of {budget.seconds:g} seconds finds nothing; give more than 0"
        )
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    sampler = optuna.samplers.TPESampler(seed=_SEED, n_startup_trials=_START_UP)
    study = optuna.create_study(direction="maximize", sampler=sampler)
    begin = clock()
    first = Recipe(features=tuple(name for names in groups.values() for name in names))
    trials = [RecipeTrial(0, first, evaluate(first, lambda: False))]
    end = begin + budget.seconds - budget.kept * (clock() - begin)
    broken_off = 0
    best = trials[0]

    def over() -> bool:
        return clock() >= end

    if tell:
        tell(best, best, clock() - begin)
    while not over():
        asked = study.ask()
        recipe = _proposed(asked, task, groups)
        try:
            found = evaluate(recipe, over)
        except OutOfTime:
            broken_off += 1
            break
        study.tell(asked, found.score if math.isfinite(found.score) else -1e9)
        trials.append(RecipeTrial(len(trials), recipe, found))
        best = max(best, trials[-1], key=lambda trial: trial.found.score)
        if tell:
            tell(trials[-1], best, clock() - begin)
    return SearchedRecipes(tuple(trials), broken_off)


def _proposed(trial: optuna.Trial, task: Task, groups: Mapping[str, Sequence[str]]) -> Recipe:
    family = trial.suggest_categorical("family", list(families_of(task)))
    chosen = [
        name
        for group, names in groups.items()
        if trial.suggest_categorical(f"use_{group}", [True, False])
        for name in names
    ]
    known = [name for names in groups.values() for name in names]
    if task == "level":  # HAR is under the trees, and a family of its own
        chosen = [name for name in known if name in chosen or name in HAR_FEATURES]
    return Recipe(family, _params(trial, family), tuple(chosen or known))


def _params(trial: optuna.Trial, family: str) -> dict[str, Any]:
    if family in ("ridge", "logistic"):
        return {"penalty": trial.suggest_float(f"{family}_penalty", 1e-3, 10.0, log=True)}
    if family == "lightgbm":
        return {
            "rounds": trial.suggest_int("rounds", 40, 300, log=True),
            "learning_rate": trial.suggest_float("learning_rate", 0.01, 0.1, log=True),
            "num_leaves": trial.suggest_int("num_leaves", 4, 24, log=True),
            "min_data_in_leaf": trial.suggest_int("min_data_in_leaf", 20, 300, log=True),
            "feature_fraction": trial.suggest_float("feature_fraction", 0.2, 1.0),
            "lambda_l2": trial.suggest_float("lambda_l2", 0.1, 100.0, log=True),
        }
    if family == "forest":
        return {
            "rounds": trial.suggest_int("forest_rounds", 40, 150, log=True),
            "num_leaves": trial.suggest_int("forest_leaves", 16, 96, log=True),
            "min_data_in_leaf": trial.suggest_int("forest_data", 10, 200, log=True),
            "feature_fraction_bynode": trial.suggest_float("forest_features", 0.1, 1.0),
        }
    return {}
