"""A search keeps its time, counts its trials, and finds the recipe that is better."""

from __future__ import annotations

import numpy as np
import pytest

from trading.errors import ParameterError
from trading.models.families import Recipe
from trading.models.linear import HAR_FEATURES
from trading.models.recipe_search import Budget, Scored, search_recipes
from trading.models.trees import OutOfTime, Stop

GROUPS = {"volatility": HAR_FEATURES, "price": ("ret_1", "ret_4"), "noise": ("n1", "n2")}
NONE = np.zeros(3)


class Clock:
    """A clock that an evaluation moves."""

    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


def test_a_search_ends_within_a_step_of_its_budget() -> None:
    clock = Clock()

    def evaluate(recipe: Recipe, stop: Stop) -> Scored:
        del recipe
        for _ in range(70):  # as trees do, a trial asks after each of its steps
            clock.now += 0.1
            if stop():
                raise OutOfTime
        return Scored(0.0, NONE)

    found = search_recipes("level", GROUPS, evaluate, Budget(60.0, clock))
    assert 60.0 <= clock.now - 100.0 <= 60.2
    assert (len(found.trials), found.broken_off) == (8, 1)


def test_time_for_what_follows_the_search_is_kept() -> None:
    clock = Clock()

    def evaluate(recipe: Recipe, stop: Stop) -> Scored:
        del recipe, stop
        clock.now += 2.0
        return Scored(0.0, NONE)

    found = search_recipes("level", GROUPS, evaluate, Budget(60.0, clock, kept=5.0))
    assert clock.now - 100.0 == 50.0
    assert len(found.trials) == 25


def test_the_first_trial_is_the_default_and_is_finished_whatever_it_takes() -> None:
    clock = Clock()

    def evaluate(recipe: Recipe, stop: Stop) -> Scored:
        del recipe
        clock.now += 50.0
        assert not stop()
        return Scored(0.4, NONE)

    found = search_recipes("return", GROUPS, evaluate, Budget(5.0, clock))
    assert found.best.recipe == Recipe(features=tuple(n for g in GROUPS.values() for n in g))
    assert found.others == ()


def test_the_better_family_and_features_are_found() -> None:
    clock = Clock()

    def evaluate(recipe: Recipe, stop: Stop) -> Scored:
        del stop
        clock.now += 1.0
        worth = 0.3 * (recipe.family == "ridge") - 0.1 * ("n1" in recipe.features)
        return Scored(worth, NONE)

    found = search_recipes("level", GROUPS, evaluate, Budget(40.0, clock))
    assert (found.best.recipe.family, "n1" in found.best.recipe.features) == ("ridge", False)
    assert len(found.trials) == 40
    assert len(found.others) == 39
    for trial in found.trials:
        assert set(HAR_FEATURES) <= set(trial.recipe.features)


def test_the_same_number_of_trials_tries_the_same_recipes() -> None:
    def run() -> list[Recipe]:
        clock = Clock()

        def evaluate(recipe: Recipe, stop: Stop) -> Scored:
            del stop
            clock.now += 1.0
            return Scored(float(len(recipe.features)), NONE)

        searched = search_recipes("return", GROUPS, evaluate, Budget(20.0, clock))
        return [trial.recipe for trial in searched.trials]

    assert run() == run()


def test_a_search_without_time_is_refused() -> None:
    with pytest.raises(ParameterError, match="of 0 seconds finds nothing"):
        search_recipes("level", GROUPS, lambda *_: Scored(0.0, NONE), Budget(0.0, Clock()))
