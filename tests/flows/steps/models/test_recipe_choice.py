"""A searched model counts its trials; errors that changed demote a model."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from pydantic import ValidationError

from flows.settings import ResearchSettings, TrainingSettings
from flows.steps.models.evaluation import Chosen, evaluate_target
from flows.steps.models.recipe_choice import choose
from flows.steps.models.settings import (
    LONGEST_SEARCH_S,
    TrainSettings,
    search_share,
    train_settings,
)
from flows.steps.models.split import SplitSettings
from flows.steps.models.superiority import superiority
from flows.tasks import TRAIN
from tests.flows.steps.models.made_data import noise
from trading.candles import DAY_MS
from trading.model_targets import MODEL_TARGETS
from trading.models.linear import HAR_FEATURES

SETTINGS = TrainSettings(split=SplitSettings(train_days=10, test_days=4))


def test_a_searched_model_names_its_recipe_and_counts_every_trial() -> None:
    ticks = iter(range(10_000))
    settings = replace(SETTINGS, search_seconds=12.0)
    data = noise()
    groups = {"volatility": HAR_FEATURES, "price": ("ret_4",), "noise": ("noise_0", "noise_5")}
    lines: list[str] = []
    chosen = choose(data, "volatility_1h", settings, groups, lambda: next(ticks) / 60, lines.append)
    assert chosen.tried > 2
    assert len(lines) == chosen.tried - chosen.broken_off
    assert "volatility_1h-BTCUSDT: recipe 1 is lightgbm, R² " in lines[0]
    evaluated = evaluate_target(data, "volatility_1h", settings, chosen)
    assert evaluated.scores["trials"] == chosen.tried
    assert evaluated.family == chosen.recipe.family
    alone = evaluate_target(data, "volatility_1h", settings, Chosen(chosen.recipe))
    assert evaluated.scores["r2"] == alone.scores["r2"]
    assert evaluated.final.text == alone.final.text
    assert (evaluated.scores["p_value"] or 0.0) >= (alone.scores["p_value"] or 0.0)


def test_the_best_of_many_recipes_is_tested_as_the_best_of_many() -> None:
    random = np.random.default_rng(11)
    trials = random.normal(size=(51, 60))
    best = int(np.argmax(trials.mean(axis=1) / trials.std(axis=1)))
    others = np.delete(trials, best, axis=0)
    opponents = {"flat": np.zeros(60)}
    assert superiority(trials[best], opponents, 0.05) < 0.05
    assert superiority(trials[best], opponents, 0.05, others) > 0.05
    assert superiority(trials[best] + 1.0, opponents, 0.05, others) < 0.01


def test_errors_of_the_last_day_are_in_the_drift_table_and_can_demote() -> None:
    settings = TrainSettings(split=SplitSettings(train_days=20, test_days=10))
    data = noise(60, features=2)
    level = data.column("log_rv_4")
    calm = replace(data, log_volatility=level + 0.3 * data.log_volatility)
    last = data.times > data.times[-1] - DAY_MS
    wild = replace(calm, log_volatility=calm.log_volatility + np.log(2.0) * last)
    for one, passed in ((calm, True), (wild, False)):
        evaluated = evaluate_target(one, "volatility_1h", settings)
        verdict = next(v for v in evaluated.verdicts if v.name == "drift")
        assert verdict.passed is passed
        assert evaluated.scores["drift"] == verdict.value
        assert "of the last day lies" in verdict.text


@pytest.mark.parametrize(
    ("minutes", "symbols", "at_a_time", "each"),
    [
        (60, 1, 1, 1_800.0),
        (60, 18, 2, 200.0),  # nine rounds of two, two models each
        (60, 3, 2, 900.0),  # two rounds; the second trains one symbol alone
        (60, 2, 8, 1_800.0),
        (0, 5, 2, 0.0),
    ],
)
def test_the_models_of_a_night_share_its_minutes(
    minutes: float, symbols: int, at_a_time: int, each: float
) -> None:
    assert search_share(minutes, symbols, at_a_time) == each
    training = TrainingSettings(search_minutes=minutes)
    settings = ResearchSettings(training=training, workers=at_a_time)
    assert train_settings(settings, symbols).search_seconds == each


def test_no_search_outlasts_the_step_of_the_training() -> None:
    longest = search_share(24 * 60.0, 1)
    assert longest == LONGEST_SEARCH_S
    assert len(MODEL_TARGETS) * longest < TRAIN.timeout_s
    with pytest.raises(ValidationError, match="less than or equal to 1440"):
        TrainingSettings(search_minutes=1_500)


class Clock:
    """A clock that moves by a fixed step at every reading."""

    def __init__(self, step: float) -> None:
        self.now, self.step = 0.0, step

    def __call__(self) -> float:
        self.now += self.step
        return self.now


def test_a_model_is_searched_until_it_is_due_and_a_late_one_has_the_default_recipe() -> None:
    settings = replace(SETTINGS, search_seconds=30.0)
    data, groups = noise(), {"volatility": HAR_FEATURES, "noise": ("noise_0", "noise_5")}
    clock = Clock(0.02)
    chosen = choose(data, "volatility_1h", settings, groups, clock, until=8.0)
    assert chosen.tried > 1
    assert 7.0 <= clock.now <= 8.04
    late = choose(data, "volatility_1h", settings, groups, Clock(9.0), until=8.0)
    assert (late.tried, late.recipe.family, late.recipe.params) == (1, "lightgbm", {})
