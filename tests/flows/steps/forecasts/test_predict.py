"""Forecasts are causal, equal to the model's own, and published so that repeating is safe."""

from __future__ import annotations

import json
from dataclasses import asdict
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import pytest

from flows.steps.features.bars import build_bars
from flows.steps.features.features import build_features, features_known_at, read_features
from flows.steps.forecasts import predict
from flows.steps.forecasts.predict import (
    LEAST_ROWS,
    drift_of,
    due_at,
    feature_rows,
    make_forecasts,
)
from flows.steps.forecasts.publish import publish_forecasts
from flows.steps.models.dataset import HORIZON_MS, dataset_of
from lake.files import sha256_bytes
from lake.releases import (
    Candidate,
    FlowRun,
    NewFile,
    StrategyEntry,
    publish,
    read_forecasts,
)
from lake.store import Lake
from tests.flows.candle_lake import put_checked, sample_minutes
from trading.model_targets import VOLATILITY
from trading.models.families import FittedModel, Recipe, Sample, fit
from trading.models.linear import HAR_FEATURES
from trading.strategies.registry import get_strategy

START = datetime(2025, 6, 9, tzinfo=UTC)
MADE = datetime(2025, 6, 13, tzinfo=UTC)
AS_OF = datetime(2025, 6, 13, 9, 20, tzinfo=UTC)
DUE = datetime(2025, 6, 13, 9, 15, tzinfo=UTC)
NAMES = (*HAR_FEATURES, "ret_4")
VENUE = "binance_usdm"


@pytest.fixture(scope="module")
def lake(tmp_path_factory: pytest.TempPathFactory) -> Lake:
    lake = Lake(tmp_path_factory.mktemp("lake"))
    put_checked(lake, "BTCUSDT", sample_minutes("BTCUSDT", START, AS_OF))
    build_bars(lake, as_of=AS_OF, symbols=["BTCUSDT"])
    build_features(lake, as_of=AS_OF, symbols=["BTCUSDT"])
    return lake


@pytest.fixture(scope="module")
def model(lake: Lake) -> FittedModel:
    data = dataset_of(read_features(lake, VENUE, "BTCUSDT", MADE), "BTCUSDT", NAMES)
    sample = Sample(NAMES, data.x, data.log_volatility, data.times, HORIZON_MS)
    return fit(Recipe(), "level", sample)


def released(lake: Lake, model: FittedModel | None, symbol: str = "BTCUSDT") -> str:
    """Publish a release at `MADE` with one strategy and, if given, a model; return its id."""
    strategy = get_strategy("breakout")
    entry = StrategyEntry(strategy="breakout", symbol="BTCUSDT", params=strategy.resolve({}))
    files: tuple[NewFile, ...] = ()
    if model is not None:
        name, text = f"{VOLATILITY}-{symbol}", model.text.encode()
        card = {
            "model": VOLATILITY,
            "symbol": symbol,
            "file": f"{name}.txt",
            "sha256": sha256_bytes(text),
            "proven": True,
            "features": [{"name": feature} for feature in model.features],
            "offset": asdict(model.offset) if model.offset else None,
        }
        files = (
            NewFile(f"models/{name}.txt", "model", text),
            NewFile(f"models/{name}.json", "model", json.dumps(card).encode()),
        )
    made = Candidate(MADE, (), FlowRun(id="r", name="nightly"), strategies=(entry,), files=files)
    return publish(lake.published, made, MADE).release_id


@pytest.fixture
def published(lake: Lake, model: FittedModel, tmp_path: Path) -> Lake:
    """Return a lake of its own with the features and a release."""
    own = Lake(tmp_path / "lake")
    own.root.mkdir()
    for folder in lake.root.iterdir():
        if folder.name != "published":
            (own.root / folder.name).symlink_to(folder)
    released(own, model)
    return own


def test_every_forecast_is_the_models_own_on_what_was_known_then(
    published: Lake, model: FittedModel
) -> None:
    made = make_forecasts(published, as_of=DUE, symbols=["BTCUSDT"], venue=VENUE)
    assert made.forecasts is not None
    (series,) = made.forecasts.series
    step = timedelta(minutes=15)
    expected = [MADE + n * step for n in range(1 + (DUE - MADE) // step)]
    assert [datetime.fromtimestamp(ms / 1000, UTC) for ms in series.made_at] == expected
    for place in (0, 17, len(expected) - 1):
        known = features_known_at(published, VENUE, "BTCUSDT", expected[place])
        times, x = feature_rows(known, NAMES)
        assert times[-1] == series.made_at[place]
        assert series.values[place] == float(np.exp(model.predict(x[-1:]))[0])
    before = [n for n, ms in enumerate(feature_times(published)) if ms <= MADE.timestamp() * 1000]
    _, x = feature_rows(read_features(published, VENUE, "BTCUSDT", DUE), NAMES)
    assert len(before) > LEAST_ROWS
    usual = float(np.median(np.exp(model.predict(x[before]))))
    assert series.usual == pytest.approx(usual, rel=1e-5)


def test_the_usual_volatility_is_that_of_the_last_days_before_the_release(
    published: Lake, model: FittedModel, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(predict, "USUAL_OVER", timedelta(days=2))
    made = make_forecasts(published, as_of=DUE, symbols=["BTCUSDT"], venue=VENUE)
    assert made.forecasts is not None
    times, x = feature_rows(read_features(published, VENUE, "BTCUSDT", MADE), NAMES)
    last = times > (MADE - timedelta(days=2)).timestamp() * 1000
    assert int(last.sum()) == 192
    expected = float(np.median(np.exp(model.predict(x[last]))))
    assert made.forecasts.series[0].usual == pytest.approx(expected, rel=1e-5)


def feature_times(lake: Lake) -> list[int]:
    times, _ = feature_rows(read_features(lake, VENUE, "BTCUSDT", DUE), NAMES)
    return [int(time) for time in times]


def test_a_later_run_repeats_what_an_earlier_one_forecast(published: Lake) -> None:
    early, late = (
        make_forecasts(published, as_of=as_of, symbols=["BTCUSDT"], venue=VENUE).forecasts
        for as_of in (DUE - timedelta(hours=2), DUE)
    )
    assert early is not None
    assert late is not None
    ours, theirs = early.series[0], late.series[0]
    assert theirs.values[: len(ours.values)] == ours.values
    assert theirs.usual == ours.usual


def test_what_the_night_said_of_drift_travels_with_the_forecasts() -> None:
    calm = {"name": "drift", "passed": True, "text": "the mean lies 0.4 × as far off"}
    wild = {"name": "drift", "passed": False, "text": "the mean lies 3.1 × as far off"}
    other = {"name": "leak_alarm", "passed": False, "text": "leaks"}
    assert drift_of({"verdicts": [other, wild]}) == wild["text"]
    assert drift_of({"verdicts": [other, calm]}) == drift_of({}) == ""


def test_publishing_is_safe_to_repeat(published: Lake) -> None:
    first = publish_forecasts(published, as_of=AS_OF, symbols=["BTCUSDT"], venue=VENUE)
    assert "1 forecasts of 2025-06-13 09:15" in first.sentence
    assert first.sentence.endswith("valid until 2025-06-13T09:45:00Z")
    again = publish_forecasts(published, as_of=AS_OF, symbols=["BTCUSDT"], venue=VENUE)
    assert again.sentence.endswith(": unchanged")
    found = read_forecasts(published.published)
    assert found is not None
    assert found.as_of == DUE


def test_symbols_without_a_model_or_features_are_named(published: Lake) -> None:
    made = publish_forecasts(published, as_of=AS_OF, symbols=["BTCUSDT", "ETHUSDT"], venue=VENUE)
    ((symbol, why),) = made.left_out
    assert symbol == "ETHUSDT"
    assert why.endswith("has no model of it")


def test_a_pooled_model_forecasts_every_symbol(
    lake: Lake, model: FittedModel, tmp_path: Path
) -> None:
    own = Lake(tmp_path / "lake")
    own.root.mkdir()
    for folder in lake.root.iterdir():
        if folder.name != "published":
            (own.root / folder.name).symlink_to(folder)
    released(own, model, "POOL")
    made = make_forecasts(own, as_of=DUE, symbols=["BTCUSDT"], venue=VENUE)
    assert made.forecasts is not None
    assert [one.model for one in made.forecasts.series] == [f"{VOLATILITY}-POOL"]


@pytest.mark.parametrize("later", [timedelta(hours=36), timedelta(days=3)])
def test_an_expired_model_forecasts_nothing(published: Lake, later: timedelta) -> None:
    made = publish_forecasts(published, as_of=MADE + later, symbols=["BTCUSDT"], venue=VENUE)
    assert made.sentence.startswith("no forecast: the models of 20250613T000000Z-")
    assert made.sentence.endswith("expired at 2025-06-14 12:00")
    assert read_forecasts(published.published) is None


def test_without_a_release_or_a_model_the_reason_is_said(tmp_path: Path) -> None:
    lake = Lake(tmp_path / "lake")
    none = publish_forecasts(lake, as_of=AS_OF, symbols=["BTCUSDT"], venue=VENUE)
    assert none.sentence.startswith("no forecast: ")
    release = released(lake, None)
    bare = publish_forecasts(lake, as_of=AS_OF, symbols=["BTCUSDT"], venue=VENUE)
    assert bare.sentence == f"no forecast: release {release} has no model"


def test_a_quarter_of_an_hour_is_due_when_it_is_over() -> None:
    assert due_at(AS_OF) == DUE
    assert due_at(DUE) == DUE
