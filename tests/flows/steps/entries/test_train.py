"""A model of real entries is recorded once, published for its symbols, and followed when frozen."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest

from flows.settings import ResearchSettings
from flows.steps.entries.rows import load_entries
from flows.steps.entries.train import changed_features, train_entries
from flows.steps.entries.unseen_days import entry_days
from flows.steps.features.bars import build_bars
from flows.steps.features.cross_section import build_relative, build_universe
from flows.steps.features.features import build_features
from flows.steps.forecasts.predict import make_forecasts
from flows.steps.models.results import TrainResult
from flows.steps.models.settings import TrainSettings
from flows.steps.models.split import SplitSettings
from lake.releases import Candidate, FlowRun, NewFile, StrategyEntry, publish
from lake.store import Lake
from lake.tables import FORECASTS, MODELS
from tests.flows.candle_lake import put_checked, put_funding, sample_minutes
from trading.candles import DAY_MS, MINUTE_MS
from trading.errors import DataError
from trading.models.calibration import ChanceModel
from trading.strategies.registry import get_strategy

START = datetime(2025, 5, 20, tzinfo=UTC)
AS_OF = datetime(2025, 6, 14, tzinfo=UTC)
LATER = datetime(2025, 6, 20, tzinfo=UTC)
STRATEGY, TARGET = "bb_breakout", "entry_bb_breakout"
OWN = {"filters": "off", "signal_tf": "5m", "stop_loss": 0.01, "take_profit": 0.01}
PARAMS = {"BTCUSDT": get_strategy(STRATEGY).resolve(OWN)}
RESEARCH = ResearchSettings(strategies=(STRATEGY,), training={"entries": True})  # type: ignore[arg-type]
SETTINGS = TrainSettings(
    split=SplitSettings(train_days=10, test_days=4), families={TARGET: "logistic"}
)


@pytest.fixture(scope="module")
def lake(tmp_path_factory: pytest.TempPathFactory) -> Lake:
    lake = Lake(tmp_path_factory.mktemp("lake"))
    put_checked(lake, "BTCUSDT", sample_minutes("BTCUSDT", START, LATER))
    put_funding(lake, "BTCUSDT")
    build_bars(lake, as_of=LATER, symbols=["BTCUSDT"])
    build_features(lake, as_of=LATER, symbols=["BTCUSDT"])
    build_universe(lake, as_of=LATER)
    build_relative(lake, as_of=LATER, symbols=["BTCUSDT"])
    return lake


@pytest.fixture(scope="module")
def trained(lake: Lake) -> TrainResult:
    return train_entries(lake, STRATEGY, PARAMS, as_of=AS_OF, settings=RESEARCH, chosen=SETTINGS)


def test_a_model_of_entries_is_recorded_and_not_trained_again(
    lake: Lake, trained: TrainResult
) -> None:
    (model,) = trained.models
    assert (model.name, model.params["strategy"]) == (f"{TARGET}-POOL", STRATEGY)
    assert set(model.params["entries"]) == {"BTCUSDT"}
    assert 0.0 < model.params["usual"] < 1.0
    names = [verdict.name for verdict in model.verdicts]
    assert {"leak_alarm", "out_of_sample_trades", "beats_baseline", "positive_folds"} <= set(names)
    assert {"superior_ability", "loss_probability"} <= set(names)
    again = train_entries(lake, STRATEGY, PARAMS, as_of=AS_OF, settings=RESEARCH, chosen=SETTINGS)
    assert again.skipped == ("POOL",)
    assert again.files == trained.files
    run = f"train-{TARGET}-20250614T000000Z"
    rows = lake.read(MODELS, ["model", "fold"], run=run).to_pylist()
    assert {row["fold"] for row in rows} == {-1, *range(len(model.folds))}
    other = train_entries(
        lake,
        STRATEGY,
        PARAMS,
        as_of=AS_OF,
        settings=RESEARCH,
        chosen=replace(SETTINGS, edge=2.0),
    )
    assert other.skipped == ()
    assert other.files == trained.files  # equal inputs give equal bytes


def test_no_entry_or_feature_of_the_future_teaches(lake: Lake) -> None:
    rows = load_entries(lake, STRATEGY, PARAMS, as_of=AS_OF, settings=RESEARCH)
    assert rows.known_at.max() <= AS_OF.timestamp() * 1000
    whole = load_entries(lake, STRATEGY, PARAMS, as_of=LATER, settings=RESEARCH)
    early = whole.take(np.arange(len(rows)))
    assert early.decided_at.tolist() == rows.decided_at.tolist()
    assert early.net.tobytes() == rows.net.tobytes()
    assert early.x.tobytes() == rows.x.tobytes()
    assert changed_features(lake, "binance_usdm", rows)[0] == 0
    rows.bars[0].x[:, 0] += 1.0
    differ, asked, named = changed_features(lake, "binance_usdm", rows)
    assert (differ, named) == (asked, (rows.features[0],))


def test_the_chance_of_every_tested_bar_is_kept_for_back_tests(
    lake: Lake, trained: TrainResult
) -> None:
    where = {"venue": "binance_usdm", "symbol": "BTCUSDT", "target": TARGET}
    kept = lake.read(FORECASTS, ["made_at", "value", "usual"], **where)
    made = kept["made_at"].cast(pa.int64()).to_numpy()
    (model,) = trained.models
    assert made[0] >= model.folds[0].test_from
    assert (np.diff(made) == 15 * MINUTE_MS).mean() > 0.99
    assert ((kept["value"].to_numpy() >= 0) & (kept["value"].to_numpy() <= 1)).all()


def published(lake: Lake, root: Path, trained: TrainResult) -> Lake:
    own = Lake(root / "lake")
    own.root.mkdir()
    for folder in lake.root.iterdir():
        if folder.name != "published":
            (own.root / folder.name).symlink_to(folder)
    entry = StrategyEntry(strategy=STRATEGY, symbol="BTCUSDT", params=PARAMS["BTCUSDT"])
    files = tuple(NewFile(f"models/{name}", "model", data) for name, data in trained.files.items())
    run = FlowRun(id="r", name="nightly")
    publish(own.published, Candidate(AS_OF, (), run, strategies=(entry,), files=files), AS_OF)
    return own


def test_the_chances_are_published_for_the_symbols_that_the_release_trades(
    lake: Lake, trained: TrainResult, tmp_path: Path
) -> None:
    own, due = published(lake, tmp_path, trained), AS_OF.replace(hour=6)
    made = make_forecasts(own, as_of=due, symbols=["BTCUSDT", "ETHUSDT"], venue="binance_usdm")
    assert made.forecasts is not None
    (series,) = made.forecasts.series
    (model,) = trained.models
    assert (series.symbol, series.target, series.model) == ("BTCUSDT", TARGET, f"{TARGET}-POOL")
    assert series.usual == model.params["usual"]
    assert series.proven is model.proven
    assert min(series.made_at) >= AS_OF.timestamp() * 1000
    chances = made.forecasts.chances_of("binance_usdm", "BTCUSDT", STRATEGY)
    assert chances is not None
    assert (chances.valid_until - chances.known_from == 27 * MINUTE_MS).all()


def test_a_frozen_model_earns_what_its_taken_entries_earn(lake: Lake, trained: TrainResult) -> None:
    (model,) = trained.models
    begin = round(AS_OF.timestamp() * 1000) // DAY_MS
    found = entry_days(lake, model, "BTCUSDT", begin, LATER, RESEARCH)
    assert list(found) == [begin, begin + 1, begin + 2]  # three days settle
    rows = load_entries(lake, STRATEGY, PARAMS, as_of=LATER, settings=RESEARCH)
    chance = ChanceModel.of_text(model.text).predict(rows.x)
    for day, value in found.items():
        own = (rows.decided_at // DAY_MS == day) & (chance >= model.params["usual"])
        assert value == pytest.approx(rows.net[own].sum(), abs=1e-12)


def test_too_few_entries_leave_the_strategy_out(lake: Lake) -> None:
    rare = {"BTCUSDT": get_strategy(STRATEGY).resolve({**OWN, "signal_tf": "1d"})}
    with pytest.raises(DataError, match="import a longer history"):
        train_entries(lake, STRATEGY, rare, as_of=AS_OF, settings=RESEARCH, chosen=SETTINGS)


def test_the_card_is_data() -> None:
    model = ChanceModel.of_text
    with pytest.raises(json.JSONDecodeError):
        model("cos\nsystem\n(S'true'\ntR.")
