"""Which recipe a model is made from: the one of the settings, or the best that a search finds."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace

import numpy as np

from flows.steps.models.dataset import Dataset
from flows.steps.models.evaluation import Chosen, daily_results, skill
from flows.steps.models.settings import TrainSettings
from flows.steps.models.walk import Forecast, walk
from trading.model_targets import target_of
from trading.models.families import Recipe
from trading.models.recipe_search import Budget, RecipeTrial, Scored, search_recipes
from trading.models.trees import Stop

Progress = Callable[[str], None]

_MOMENT = 1e-3
_EVALUATION = 0.25
"""Time to fit the chosen model once more and to test it, by that of the first recipe's folds."""


def choose(
    data: Dataset,
    target: str,
    settings: TrainSettings,
    groups: Mapping[str, Sequence[str]],
    clock: Callable[[], float],
    progress: Progress | None = None,
    until: float | None = None,
) -> Chosen:
    """Search for ``settings.search_seconds`` of ``clock``, or take the family of the settings.

    All recipes are evaluated on the same folds; their daily results count in the gate. With
    ``until`` the search ends so early that the chosen model is evaluated by that reading of the
    clock; when it has passed already, only the default recipe is tried.
    """
    seconds = settings.search_seconds
    if seconds <= 0.0:
        return Chosen(settings.recipe(target))
    if until is not None:
        seconds = max(until - clock(), _MOMENT)
    forecasts: dict[str, Sequence[Forecast]] = {}
    named = f"{target}-{data.symbol}"

    def evaluate(recipe: Recipe, stop: Stop) -> Scored:
        found: Sequence[Forecast] = walk(
            data, target, recipe, settings, stop=stop, compare=not forecasts
        )
        known = forecasts.setdefault("baselines", found)
        found = [replace(f, baselines=k.baselines) for f, k in zip(found, known, strict=True)]
        score = skill(found, target)
        if "best" not in forecasts or score > skill(forecasts["best"], target):
            forecasts["best"] = found
        return Scored(score, daily_results(found, target, settings))

    def tell(trial: RecipeTrial, best: RecipeTrial, spent: float) -> None:
        if progress:
            progress(
                f"{named}: recipe {trial.number + 1} is {trial.recipe.family},"
                f" R² {trial.found.score:.4f}; best {best.found.score:.4f} by"
                f" {best.recipe.family}; {spent:.0f} s of {seconds:.0f} s"
            )

    present = {
        group: [name for name in names if name in data.features] for group, names in groups.items()
    }
    budget = Budget(seconds, clock, 0.0 if until is None else _EVALUATION)
    searched = search_recipes(target_of(target).task, present, evaluate, budget, tell)
    others = [trial.found.daily for trial in searched.others]
    return Chosen(
        recipe=searched.best.recipe,
        trials=np.vstack(others) if others else None,
        broken_off=searched.broken_off,
        forecasts=forecasts["best"],
    )
