"""A chance of 0.3 comes true in three of ten cases, or it is the base rate."""

from __future__ import annotations

import numpy as np
import pytest

from trading.errors import DataError
from trading.models.calibration import (
    ChanceModel,
    expected_calibration_error,
    fit_calibration,
    fit_chance,
    log_loss,
)
from trading.models.families import Recipe, Sample, families_of


def cases(rows: int, seed: int, edge: float = 1.0) -> Sample:
    random = np.random.default_rng(seed)
    x = random.normal(size=(rows, 3))
    chance = 1.0 / (1.0 + np.exp(-(edge * x[:, 0] - 0.4)))
    y = (random.random(rows) < chance).astype(float)
    return Sample(("edge", "a", "b"), x, y, np.arange(rows) * 900_000, 3_600_000)


def test_the_error_is_the_mean_distance_of_chance_and_frequency() -> None:
    chance = np.array([0.1, 0.1, 0.1, 0.1, 0.9, 0.9])
    outcome = np.array([0.0, 0.0, 1.0, 0.0, 1.0, 1.0])
    # 4 rows say 0.1 where 0.25 came, 2 say 0.9 where 1 came.
    expected = (4 * 0.15 + 2 * 0.1) / 6
    assert expected_calibration_error(chance, outcome) == pytest.approx(expected)
    assert np.isnan(expected_calibration_error(np.empty(0), np.empty(0)))
    assert expected_calibration_error(np.ones(3), np.ones(3)) == 0.0


@pytest.mark.parametrize("family", families_of("chance"))
@pytest.mark.parametrize("edge", [0.0, 0.3, 1.5])
def test_chances_of_unseen_rows_are_calibrated(family: str, edge: float) -> None:
    model = fit_chance(Recipe(family), cases(20_000, 1, edge))
    unseen = cases(20_000, 2, edge)
    chance = model.predict(unseen.x)
    assert expected_calibration_error(chance, unseen.y) <= 0.02
    base = np.full(len(chance), unseen.y.mean())
    assert log_loss(chance, unseen.y) <= log_loss(base, unseen.y) + 1e-3


def test_scores_that_say_nothing_become_the_base_rate() -> None:
    random = np.random.default_rng(3)
    outcome = (random.random(4_000) < 0.3).astype(float)
    found = fit_calibration(random.normal(size=4_000), outcome)
    assert found.kind == "base rate"
    assert found.chance_of(np.array([-9.0, 9.0])).tolist() == [outcome.mean()] * 2


def test_few_rows_are_calibrated_by_a_line_and_too_few_not_at_all() -> None:
    data = cases(400, 4, 2.0)
    found = fit_calibration(data.x[:, 0], data.y)
    assert found.kind == "platt"
    rising = found.chance_of(np.linspace(-5, 5, 50))
    assert (np.diff(rising) >= 0).all()
    assert (rising[0], rising[-1]) == (found.chances[0], found.chances[-1])
    with pytest.raises(DataError, match="30 outcomes are too few to calibrate"):
        fit_calibration(data.x[:30, 0], data.y[:30])


@pytest.mark.parametrize("family", families_of("chance"))
def test_a_model_read_from_its_text_gives_the_same_chances(family: str) -> None:
    data = cases(6_000, 5)
    model = fit_chance(Recipe(family), data)
    read = ChanceModel.of_text(model.to_text())
    assert np.array_equal(read.predict(data.x), model.predict(data.x))
    assert fit_chance(Recipe(family), data).to_text() == model.to_text()
