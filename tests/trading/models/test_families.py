"""Every family fits, forecasts, explains itself and becomes a file that forecasts the same."""

from __future__ import annotations

import numpy as np
import pytest

from trading.errors import ParameterError
from trading.models import families
from trading.models.families import Recipe, Sample, Task, families_of, fit, log_odds, read_model
from trading.models.linear import HAR_FEATURES, fit_ridge
from trading.models.trees import OutOfTime, TreeModel

NAMES = (*HAR_FEATURES, "edge", "noise", "gaps")
CASES = [(task, family) for task in ("level", "return", "chance") for family in families_of(task)]


def sample(task: Task, rows: int = 4_000, seed: int = 2) -> Sample:
    """Return rows whose outcome depends on ``edge`` and, for a level, on the first HAR feature."""
    random = np.random.default_rng(seed)
    x = random.normal(size=(rows, len(NAMES)))
    edge = x[:, 4]
    x[random.random(rows) < 0.1, 6] = np.nan
    noise = random.normal(size=rows)
    y = {
        "level": -7.0 + 0.8 * x[:, 0] + 0.4 * edge + 0.5 * noise,
        "return": 0.002 * edge + 0.004 * noise,
        "chance": (edge + noise > 0.0).astype(float),
    }[task]
    return Sample(NAMES, x, y, np.arange(rows) * 900_000, 3_600_000)


@pytest.mark.parametrize(("task", "family"), CASES)
def test_a_model_finds_what_is_there_on_rows_it_has_not_seen(task: Task, family: str) -> None:
    model = fit(Recipe(family), task, sample(task))
    unseen = sample(task, seed=3)
    forecast = log_odds(model, unseen.x) if task == "chance" else model.predict(unseen.x)
    assert np.isfinite(forecast).all()
    assert np.corrcoef(forecast, unseen.y)[0, 1] > 0.35


@pytest.mark.parametrize("family", families_of("level"))
def test_a_level_is_forecast_in_its_own_units(family: str) -> None:
    model = fit(Recipe(family), "level", sample("level"))
    unseen = sample("level", seed=3)
    errors = unseen.y - model.predict(unseen.x)
    assert float(np.mean(errors**2)) < 0.6 * float(unseen.y.var())


def test_a_forest_forecasts_the_mean_of_its_trees() -> None:
    data = sample("level")
    model = fit(Recipe("forest"), "level", data)
    assert isinstance(model, TreeModel)
    assert model.offset is not None
    trees = model.predict(data.x) - model.offset.predict(data.x, model.features)
    assert trees == pytest.approx(model.booster.predict(data.x), abs=1e-9)


@pytest.mark.parametrize(("task", "family"), CASES)
def test_the_file_alone_forecasts_the_same_to_the_last_bit(task: Task, family: str) -> None:
    data = sample(task)
    model = fit(Recipe(family), task, data)
    again = fit(Recipe(family), task, data)
    assert again.text == model.text
    read = read_model(family, model.text, model.features, model.offset)
    assert np.array_equal(read.predict(data.x), model.predict(data.x))
    for opening in (b"\x80", b"PK", b"\x93NUMPY"):
        assert not model.text.encode().startswith(opening)


@pytest.mark.parametrize(("task", "family"), CASES)
def test_a_model_names_the_feature_that_moves_it(task: Task, family: str) -> None:
    data = sample(task)
    model = fit(Recipe(family), task, data)
    shares = model.importance()
    assert sum(shares.values()) == pytest.approx(1.0, abs=1e-4)
    values = model.attributions(data.x[:100])
    assert values.shape == (100, len(NAMES))
    moved = NAMES[int(np.abs(values).mean(axis=0).argmax())]
    expected = {"har": "log_rv_4", "ridge": "log_rv_4"} if task == "level" else {}
    assert moved == expected.get(family, "edge")
    assert next(iter(shares)) == moved


@pytest.mark.filterwarnings("ignore::PendingDeprecationWarning")  # shap colours its charts
def test_attributions_of_trees_are_the_shap_values_of_the_shap_library() -> None:
    import shap  # takes seconds, and only here

    data = sample("level")
    model = fit(Recipe("lightgbm"), "level", data)
    assert isinstance(model, TreeModel)
    explained = shap.TreeExplainer(model.booster).shap_values(data.x[:50])
    assert model.attributions(data.x[:50]) == pytest.approx(np.asarray(explained), abs=1e-9)


def test_ridge_and_logistic_are_those_of_scikit_learn_on_standardised_features() -> None:
    from sklearn.linear_model import Ridge
    from sklearn.preprocessing import StandardScaler

    data = sample("level")
    x = np.nan_to_num(data.x)
    own = fit_ridge(x, data.y, NAMES, 0.05)
    theirs = Ridge(alpha=0.05 * len(x)).fit(StandardScaler().fit_transform(x), data.y)
    expected = theirs.predict(StandardScaler().fit_transform(x))
    assert own.predict(x, NAMES) == pytest.approx(expected, abs=1e-9)


@pytest.mark.parametrize("family", families_of("return"))
def test_without_anything_to_find_the_forecast_of_a_return_is_small(family: str) -> None:
    data = sample("return")
    shuffled = np.random.default_rng(4).permutation(data.y)
    model = fit(Recipe(family), "return", Sample(NAMES, data.x, shuffled, data.times, 3_600_000))
    assert np.abs(model.predict(data.x)).mean() < 0.0008
    still = Sample(NAMES, data.x, np.zeros(len(data.y)), data.times, 3_600_000)
    assert (fit(Recipe(family), "return", still).predict(data.x) == 0.0).all()


def test_a_model_uses_the_features_of_its_recipe_alone() -> None:
    data = sample("return")
    model = fit(Recipe("lightgbm", features=("edge", "noise")), "return", data)
    assert model.features == ("edge", "noise")
    assert model.predict(data.x[:, 4:6]).std() > 0


@pytest.mark.parametrize(("task", "family"), CASES)
def test_a_feature_that_is_missing_everywhere_weighs_nothing(task: Task, family: str) -> None:
    data = sample(task)
    x = data.x.copy()
    x[:, 5] = np.nan
    model = fit(Recipe(family), task, Sample(NAMES, x, data.y, data.times, 3_600_000))
    assert np.isfinite(model.predict(x)).all()
    assert "noise" not in model.importance()


def test_fitting_stops_when_its_time_is_over() -> None:
    left = iter([False, False, True])
    with pytest.raises(OutOfTime):
        fit(Recipe("lightgbm"), "level", sample("level"), stop=lambda: next(left))


@pytest.mark.parametrize(
    ("recipe", "task", "reason"),
    [
        (Recipe("lstm"), "level", "there is no model family 'lstm'; choose from har, ridge"),
        (Recipe("logistic"), "level", "the family 'logistic' fits no level; choose from har"),
        (Recipe("ridge", {"alpha": 1}), "level", "has no parameter 'alpha'; it has penalty"),
    ],
)
def test_a_recipe_that_cannot_be_fitted_is_refused(recipe: Recipe, task: Task, reason: str) -> None:
    with pytest.raises(ParameterError, match=reason):
        fit(recipe, task, sample(task))
    with pytest.raises(ParameterError, match="there is no model family 'pickle'"):
        read_model("pickle", "", NAMES, None)


def test_every_family_fits_something() -> None:
    fitted = {family for _, family in CASES}
    assert fitted == set(families.FAMILIES)
