"""Models are evaluated on data after their training; noise and leaks are refused."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace
from typing import cast

import numpy as np
import pyarrow as pa
import pytest

from flows.steps.features.bars import build_bars
from flows.steps.features.cross_section import build_relative, build_universe
from flows.steps.features.features import (
    build_features,
    feature_names,
    features_known_at,
    read_features,
    relative_names,
)
from flows.steps.models import recipe_choice, scores
from flows.steps.models import train as training
from flows.steps.models.dataset import BAR_MS, HORIZON_MS, dataset_of
from flows.steps.models.evaluation import Chosen, evaluate_target
from flows.steps.models.gate import ModelThresholds, Superiority, volatility_verdicts
from flows.steps.models.results import ModelResult, TrainResult
from flows.steps.models.settings import ModelLook, TrainSettings
from flows.steps.models.split import (
    SplitSettings,
    check_split,
    rolling_window_folds,
    walk_forward,
)
from flows.steps.models.train import train
from flows.steps.models.walk import fit_target
from lake.store import Lake
from lake.tables import DRIFT, MODELS
from tests.flows.candle_lake import put_checked, put_funding, sample_minutes
from tests.flows.steps.models.made_data import noise, planted
from trading.candles import DAY_MS, HOUR_MS
from trading.errors import DataError, ParameterError
from trading.model_targets import MODEL_TARGETS, ModelTarget
from trading.models.families import Recipe, families_of, read_model
from trading.models.linear import LinearModel
from trading.models.ranks import auc

START = datetime(2025, 5, 20, tzinfo=UTC)
AS_OF = datetime(2025, 6, 14, tzinfo=UTC)
SETTINGS = TrainSettings(split=SplitSettings(train_days=10, test_days=4))


@pytest.fixture(scope="module")
def lake(tmp_path_factory: pytest.TempPathFactory) -> Lake:
    lake = Lake(tmp_path_factory.mktemp("lake"))
    put_checked(lake, "BTCUSDT", sample_minutes("BTCUSDT", START, AS_OF))
    put_funding(lake, "BTCUSDT")
    build_bars(lake, as_of=AS_OF, symbols=["BTCUSDT"])
    build_features(lake, as_of=AS_OF, symbols=["BTCUSDT"])
    build_universe(lake, as_of=AS_OF)
    build_relative(lake, as_of=AS_OF, symbols=["BTCUSDT"])
    return lake


@pytest.fixture(scope="module")
def trained(lake: Lake) -> TrainResult:
    return train(lake, as_of=AS_OF, symbols=["BTCUSDT", "NONEUSDT"], settings=SETTINGS)


def test_the_label_of_a_row_is_the_outcome_of_the_hour_after_its_close(lake: Lake) -> None:
    features = read_features(lake, "binance_usdm", "BTCUSDT", AS_OF)
    data = dataset_of(features, "BTCUSDT", feature_names())
    close = datetime(2025, 6, 2, 10, 15, tzinfo=UTC)
    row = int(np.flatnonzero(data.times == round(close.timestamp() * 1000))[0])
    after = sample_minutes("BTCUSDT", START, AS_OF)
    prices = after["close"].to_numpy()
    opens = after["open_time"].cast(pa.int64()).to_numpy()
    first = int(np.searchsorted(opens, data.times[row])) - 1
    hour = prices[first : first + 61]
    moves = np.diff(np.log(hour))
    assert data.log_return[row] == pytest.approx(np.log(hour[-1] / hour[0]), rel=1e-9)
    assert data.log_volatility[row] == pytest.approx(0.5 * np.log(np.mean(moves**2)), rel=1e-9)
    assert data.times[-1] == round(AS_OF.timestamp() * 1000) - HORIZON_MS
    assert data.times[0] == round(START.timestamp() * 1000) + 3 * DAY_MS + BAR_MS


def test_no_training_label_reaches_into_the_test() -> None:
    data = noise()
    splits = walk_forward(data, SplitSettings(train_days=10, test_days=3, embargo_hours=2))
    assert len(splits) == 3
    for split in splits:
        last_label = data.times[split.train][-1] + HORIZON_MS
        assert data.times[split.test][0] - last_label >= 2 * HOUR_MS
    assert data.times[splits[-1].test][-1] == data.times[-1]


@pytest.mark.parametrize("days", [300.0, 365.0, 1000.0])
def test_training_rolls_so_that_its_cost_is_linear_in_days(days: float) -> None:
    settings = SplitSettings()

    def cost(history: float) -> int:
        folds = rolling_window_folds(0, round(history * DAY_MS), settings)
        return sum(fold.train_end - fold.train_start for fold in folds)

    assert cost(2 * days) / cost(days) == pytest.approx(2.0, rel=0.15)
    folds = rolling_window_folds(0, round(days * DAY_MS), settings)
    longest = max(fold.train_end - fold.train_start for fold in folds)
    assert longest == settings.window_ms
    ends = [fold.test_end for fold in folds[:-1]]
    assert ends == [fold.test_start for fold in folds[1:]]
    assert folds[-1].test_end == round(days * DAY_MS)


def test_a_longer_history_keeps_every_fold_but_the_last() -> None:
    settings = SplitSettings()
    before = rolling_window_folds(0, 400 * DAY_MS, settings)
    after = rolling_window_folds(0, 401 * DAY_MS, settings)
    assert after[: len(before) - 1] == before[:-1]


def test_a_hole_costs_only_the_folds_inside_it() -> None:
    data = noise(days=40)
    hole = (data.times >= data.times[0] + 16 * DAY_MS) & (data.times < data.times[0] + 25 * DAY_MS)
    settings = SplitSettings(train_days=10, test_days=4)
    splits = walk_forward(data.take(~hole), settings)
    assert 1 < len(splits) < len(walk_forward(data, settings))
    ends = (data.times < data.times[0] + DAY_MS) | (data.times > data.times[-1] - DAY_MS)
    with pytest.raises(DataError, match="every fold lies in a hole"):
        walk_forward(data.take(ends), settings)


@pytest.mark.parametrize(
    ("train_rows", "test_rows", "reason"),
    [
        (np.random.default_rng(0).permutation(1000), np.arange(1100, 1200), "are shuffled"),
        (np.arange(0, 1000, 2), np.arange(1, 1000, 2), "training labels end"),
        (np.arange(1000), np.arange(1002, 1200), "training labels end 15 minutes after"),
        (np.arange(0), np.arange(5), "are empty"),
    ],
)
def test_a_split_that_leaks_the_future_is_refused(
    train_rows: np.ndarray, test_rows: np.ndarray, reason: str
) -> None:
    with pytest.raises(DataError, match=reason):
        check_split(noise(), train_rows, test_rows)


def test_a_split_with_a_purge_is_accepted() -> None:
    check_split(noise(), np.arange(1000), np.arange(1003, 1200))


def test_scores_agree_with_scikit_learn() -> None:
    from sklearn.metrics import r2_score, roc_auc_score  # takes seconds, and only here

    random = np.random.default_rng(3)
    actual, forecast = random.normal(size=400), np.round(random.normal(size=400), 1)
    up = actual > 0.2
    assert auc(up, forecast) == pytest.approx(roc_auc_score(up, forecast), abs=1e-12)
    assert scores.r_squared(actual, forecast) == pytest.approx(r2_score(actual, forecast))


def test_a_trade_starts_at_a_full_hour_lasts_one_and_pays_its_costs() -> None:
    times = np.arange(8) * BAR_MS + DAY_MS
    side = np.array([1, 1, 1, 1, -1, 1, 1, 1])
    returns = np.log1p(np.array([0.002, 9.0, 9.0, 9.0, 0.001, 9.0, 9.0, 9.0]))
    result = scores.trade(side, returns, times, cost_bp=10.0)
    assert result.net.tolist() == pytest.approx([0.001, -0.002])
    assert (result.trades, result.net_bp) == (2, pytest.approx(-5.0))
    assert result.daily.tolist() == pytest.approx([-0.001])


def test_volatility_is_forecast_better_than_the_baselines(trained: TrainResult) -> None:
    model = next(m for m in trained.models if m.model == "volatility_1h")
    assert model.scores["r2"] > model.scores["r2_last"]
    assert model.scores["r2"] > 0.2
    assert [fold.fold for fold in model.folds] == [0, 1]
    assert all(fold.train_to < fold.test_from for fold in model.folds)
    assert not model.leaks


def test_direction_is_not_proven_on_the_bundled_weeks(trained: TrainResult) -> None:
    model = next(m for m in trained.models if m.model == "direction_1h")
    assert not model.proven
    assert model.scores["auc"] < 0.56
    # None: the later part of every training showed that no forecast comes true.
    assert model.scores["net_bp_every_hour"] is None or model.scores["net_bp_every_hour"] < 0
    assert "out_of_sample_trades" in {v.name for v in model.verdicts if not v.passed}
    assert "direction_1h-BTCUSDT unproven, not passed: " in trained.sentence


def test_a_symbol_without_features_is_left_out_with_the_reason(trained: TrainResult) -> None:
    assert trained.left_out == {
        "NONEUSDT": "NONEUSDT: there are no features in the lake; build the features first"
    }


def test_a_history_that_is_too_short_is_left_out_with_the_reason(lake: Lake) -> None:
    early = datetime(2025, 5, 26, tzinfo=UTC)
    result = train(lake, as_of=early, symbols=["BTCUSDT"], settings=SETTINGS)
    assert result.models == ()
    assert "too short for one walk-forward fold" in result.left_out["BTCUSDT"]


def test_the_same_inputs_give_the_same_bytes(lake: Lake, trained: TrainResult) -> None:
    data = dataset_of(
        read_features(lake, "binance_usdm", "BTCUSDT", AS_OF), "BTCUSDT", feature_names()
    )
    again = evaluate_target(data, "volatility_1h", SETTINGS).final
    model = next(m for m in trained.models if m.model == "volatility_1h")
    assert again.text == model.text
    assert model.files()["volatility_1h-BTCUSDT.txt"] == again.text.encode()


def test_the_files_alone_reproduce_the_forecasts(lake: Lake, trained: TrainResult) -> None:
    model = next(m for m in trained.models if m.model == "volatility_1h")
    files = model.files()
    card = json.loads(files["volatility_1h-BTCUSDT.json"])
    text = files[card["file"]].decode()
    assert ModelResult.of_card(card, text) == model
    data = dataset_of(
        read_features(lake, "binance_usdm", "BTCUSDT", AS_OF), "BTCUSDT", feature_names()
    )
    read = read_model(
        card["family"],
        text,
        [f["name"] for f in card["features"]],
        LinearModel(**card["offset"]),
    )
    assert read.predict(data.x).std() > 0.1
    assert np.array_equal(model.forecaster().predict(data.x), read.predict(data.x))
    assert card["train_to"] == "2025-06-14T00:00:00Z"
    assert [entry["name"] for entry in card["features"]] == list(feature_names())


def test_training_is_repeated_only_for_new_inputs_or_a_damaged_file(
    lake: Lake, trained: TrainResult
) -> None:
    second = train(lake, as_of=AS_OF, symbols=["BTCUSDT"], settings=SETTINGS)
    assert second.skipped == ("BTCUSDT",)
    assert second.models == trained.models
    file = next(lake.root.glob("research/models/*/volatility_1h-BTCUSDT.txt"))
    file.write_text("damaged")
    third = train(lake, as_of=AS_OF, symbols=["BTCUSDT"], settings=SETTINGS)
    assert third.skipped == ()
    assert third.files == trained.files


def test_trained_models_are_in_the_research_table(lake: Lake, trained: TrainResult) -> None:
    rows = lake.read(MODELS).to_pylist()
    assert [(row["model"], row["fold"]) for row in rows] == [
        ("direction_1h", -1),
        ("direction_1h", 0),
        ("direction_1h", 1),
        ("volatility_1h", -1),
        ("volatility_1h", 0),
        ("volatility_1h", 1),
    ]
    model = next(m for m in trained.models if m.model == "direction_1h")
    assert rows[0]["sha256"] == model.sha256
    assert (lake.root / rows[0]["file"]).read_bytes() == model.text.encode()
    assert rows[0]["verdict"].startswith("unproven: ")
    assert {ref.table for ref in trained.fingerprint} == {
        "features",
        "relative",
        "candles",
        "funding",
    }
    assert all(ref.last is not None and ref.last < AS_OF for ref in trained.fingerprint)


def test_a_planted_leak_raises_the_alarm() -> None:
    data = noise()
    x = data.x.copy()
    x[:, -1] = data.log_return + np.random.default_rng(5).normal(0, 0.01, len(x))
    some = np.arange(500, 520)
    # What was known at their time had nothing of the hour to come.
    leaky = replace(data, x=x, recompute=lambda: (some, data.x[some]))
    evaluated = evaluate_target(leaky, "direction_1h", SETTINGS)
    alarm = evaluated.verdicts[0]
    assert (alarm.name, alarm.passed) == ("leak_alarm", False)
    assert alarm.value is not None
    assert alarm.value > 0.56


LONG = TrainSettings(split=SplitSettings(train_days=40, test_days=30))


def test_an_honest_edge_answers_the_questions_of_the_alarm_and_is_proven() -> None:
    evaluated = evaluate_target(planted(), "direction_1h", LONG)
    failed = [verdict.text for verdict in evaluated.verdicts if not verdict.passed]
    assert failed == []
    alarm = evaluated.verdicts[0]
    assert alarm.value is not None
    assert alarm.value > 0.56
    assert "0 of 25 recomputed rows differ" in alarm.text


def test_an_alarm_that_cannot_be_asked_about_refuses() -> None:
    silent = replace(planted(), recompute=None)
    alarm = evaluate_target(silent, "direction_1h", LONG).verdicts[0]
    assert not alarm.passed
    assert "no feature was recomputed" in alarm.text


@pytest.mark.parametrize("family", families_of("return"))
def test_a_forecast_is_in_units_of_the_return(family: str) -> None:
    data = planted(60)
    model = fit_target(data, "direction_1h", Recipe(family))
    sign = np.sign(data.column("noise_5"))
    assert float(model.predict(data.x)[sign > 0].mean()) == pytest.approx(0.003, rel=0.25)
    assert float(model.predict(data.x)[sign < 0].mean()) == pytest.approx(-0.003, rel=0.25)


def test_the_rows_that_are_recomputed_equal_those_of_the_lake(lake: Lake) -> None:
    stored = read_features(lake, "binance_usdm", "BTCUSDT", AS_OF)
    moment = datetime(2025, 6, 5, 7, 30, tzinfo=UTC)
    known = features_known_at(lake, "binance_usdm", "BTCUSDT", moment)
    last = known.slice(known.num_rows - 1).to_pylist()[0]
    assert last["open_time"] == moment - timedelta(minutes=15)
    row = next(r for r in stored.to_pylist() if r["open_time"] == last["open_time"])
    for name in set(feature_names()) - set(relative_names()):
        found, kept = last[name], row[name]
        assert (found is None) == (kept is None), name
        if kept is not None:
            assert found == pytest.approx(kept, rel=1e-12, nan_ok=True), name


def test_between_looks_the_p_value_of_the_last_one_holds() -> None:
    data = planted()
    for p_value, passed in ((0.001, True), (0.2, False)):
        look = ModelLook(0.004, {"BTCUSDT": p_value}, "2025-06-01")
        kept = evaluate_target(data, "direction_1h", replace(LONG, looks={"direction_1h": look}))
        found = next(v for v in kept.verdicts if v.name == "superior_ability")
        assert (found.value, found.threshold, found.passed) == (p_value, 0.004, passed)
        assert "at the look of 2025-06-01" in found.text
    late = ModelLook(0.004, {}, "2025-06-01")
    unknown = evaluate_target(data, "direction_1h", replace(LONG, looks={"direction_1h": late}))
    found = next(v for v in unknown.verdicts if v.name == "superior_ability")
    assert not found.passed


@pytest.mark.parametrize("target", ["volatility_1h", "direction_1h"])
def test_noise_is_not_proven(target: str) -> None:
    for seed in range(3):
        evaluated = evaluate_target(noise(seed=seed), target, SETTINGS)
        assert not all(verdict.passed for verdict in evaluated.verdicts)


def test_an_unknown_target_is_refused() -> None:
    with pytest.raises(ParameterError, match="there is no model target 'price'"):
        evaluate_target(noise(), "price", SETTINGS)


def test_a_score_that_cannot_be_measured_does_not_pass() -> None:
    verdicts = volatility_verdicts(
        r2=0.5,
        best_baseline=0.4,
        baseline="har",
        better_folds=1.0,
        superiority=Superiority(float("nan"), 0.05, 0.0),
        rows=10_000,
        limits=ModelThresholds(),
    )
    assert [verdict.passed for verdict in verdicts] == [True, True, True, True, False, True]
    assert verdicts[4].value is None


def test_the_shares_of_a_models_gain_add_up_to_one() -> None:
    data = planted(60)
    model = fit_target(data, "direction_1h", Recipe())
    assert abs(sum(model.importance().values()) - 1) < 1e-4


def test_the_drift_of_a_trained_model_is_written(lake: Lake) -> None:
    settings = TrainSettings(split=SplitSettings(train_days=8, test_days=4))
    found = train(lake, as_of=AS_OF, symbols=["BTCUSDT"], settings=settings)
    rows = lake.read(DRIFT, run=f"drift-errors-BTCUSDT-{AS_OF:%Y%m%dT%H%M%SZ}").to_pylist()
    assert [row["feature"] for row in rows] == ["errors of volatility_1h"]
    assert rows[0]["score"] == found.models[0].scores["drift"]
    assert rows[0]["limit"] > 1.0


def test_what_one_model_takes_too_long_is_taken_from_the_next(
    lake: Lake, monkeypatch: pytest.MonkeyPatch
) -> None:
    now, asked = [0.0], []

    def chosen(*given: object) -> Chosen:
        asked.append((given[-1], now[0]))
        now[0] += 130.0
        return Chosen(Recipe("ridge"))

    monkeypatch.setattr(recipe_choice, "choose", chosen)
    monkeypatch.setattr(training, "time", SimpleNamespace(monotonic=lambda: now[0]))
    settings = replace(SETTINGS, search_seconds=100.0)
    train(lake, as_of=AS_OF - timedelta(days=1), symbols=["BTCUSDT"], settings=settings)
    assert asked == [(100.0, 0.0), (200.0, 130.0)]


def test_a_target_of_the_registry_is_walked_gated_and_fitted(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    calm = ModelTarget("calm_1h", "level", "log_volatility", "Calm", logarithmic=True)
    monkeypatch.setitem(cast("dict[str, ModelTarget]", MODEL_TARGETS), calm.name, calm)
    data = planted()
    known, other = (evaluate_target(data, name, LONG) for name in ("calm_1h", "volatility_1h"))
    assert known.scores == other.scores
    assert known.final.text == other.final.text
