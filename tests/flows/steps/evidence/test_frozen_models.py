"""A frozen model on days that it never saw: its own forecasts, whole days, never the future."""

from __future__ import annotations

from dataclasses import asdict
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import pytest

from flows.steps.evidence.frozen_models import keep_frozen, model_returns
from flows.steps.evidence.hypotheses import Look
from flows.steps.features.bars import build_bars
from flows.steps.features.cross_section import build_relative, build_universe
from flows.steps.features.features import build_features, feature_names, read_features
from flows.steps.models.dataset import Dataset, dataset_of
from flows.steps.models.results import ModelResult
from lake.store import Lake
from tests.flows.candle_lake import put_checked, put_funding, sample_minutes
from tests.flows.steps.evidence.hypothesis_lake import SETTINGS
from trading.candles import DAY_MS, HOUR_MS
from trading.models.linear import LinearModel, fit_har

START = datetime(2025, 6, 1, tzinfo=UTC)
FROZEN_AT = datetime(2025, 6, 7, tzinfo=UTC)
END = datetime(2025, 6, 11, tzinfo=UTC)
BEGIN = round(FROZEN_AT.timestamp() * 1000) // DAY_MS


@pytest.fixture(scope="module")
def lake(tmp_path_factory: pytest.TempPathFactory) -> Lake:
    lake = Lake(tmp_path_factory.mktemp("lake"))
    put_checked(lake, "BTCUSDT", sample_minutes("BTCUSDT", START, END))
    put_funding(lake, "BTCUSDT")
    build_bars(lake, as_of=END, symbols=["BTCUSDT"])
    build_features(lake, as_of=END, symbols=["BTCUSDT"])
    build_universe(lake, as_of=END)
    build_relative(lake, as_of=END, symbols=["BTCUSDT"])
    return lake


def rows(lake: Lake, as_of: datetime) -> Dataset:
    features = read_features(lake, "binance_usdm", "BTCUSDT", as_of)
    return dataset_of(features, "BTCUSDT", feature_names())


def frozen(lake: Lake, target: str, linear: LinearModel, symbol: str = "BTCUSDT") -> Look:
    """Keep a linear model; its opponent is HAR, fitted before the look."""
    before = rows(lake, FROZEN_AT)
    har = fit_har(before.x, before.log_volatility, before.features)
    model = ModelResult(
        model=target,
        symbol=symbol,
        features=before.features,
        params={},
        offset=None,
        text=linear.to_text(),
        rows=len(before.times),
        train_from=int(before.times[0]),
        train_to=int(before.times[-1]),
        scores={},
        folds=(),
        importance={},
        verdicts=(),
        family="ridge",
        opponent={"name": "har", "model": asdict(har)},
    )
    keep_frozen(lake, f"{target}-00000000", FROZEN_AT, model)
    members = {symbol: {"sha256": model.sha256, "symbols": ["BTCUSDT"], "verdicts": []}}
    return Look(
        hypothesis=f"{target}-00000000",
        as_of=FROZEN_AT,
        kind="model",
        name=target,
        rules="4",
        grid="g",
        look=1,
        share=0.04,
        alpha=0.02,
        trials=1,
        days=40,
        symbols=(symbol,),
        passed=True,
        reason="",
        envelope=0.2,
        findings={"members": members, "stakes": [1.0]},
    )


def followed(lake: Lake, look: Look, as_of: datetime, symbol: str = "BTCUSDT") -> dict[int, float]:
    return dict(model_returns(lake, look, symbol, BEGIN, as_of, SETTINGS))


def hours_of(data: Dataset, day: int) -> np.ndarray:
    return np.flatnonzero((data.times // DAY_MS == day) & (data.times % HOUR_MS == 0))


FLAT = LinearModel(-7.5, {}, {})


def test_a_model_of_volatility_earns_what_its_errors_are_smaller_by_than_its_opponents(
    lake: Lake,
) -> None:
    found = followed(lake, frozen(lake, "volatility_1h", FLAT), END)
    assert sorted(found) == [BEGIN, BEGIN + 1, BEGIN + 2, BEGIN + 3]
    known, before = rows(lake, END), rows(lake, FROZEN_AT)
    har = fit_har(before.x, before.log_volatility, before.features)
    for day, value in found.items():
        hours = hours_of(known, day)
        assert len(hours) == 24
        actual = known.log_volatility[hours]
        own = np.mean((actual + 7.5) ** 2)
        other = np.mean((actual - har.predict(known.x[hours], known.features)) ** 2)
        assert value == pytest.approx(0.25 * (other - own) / (other + own), rel=1e-12)
        assert -0.25 <= value <= 0.25


@pytest.mark.parametrize(("forecast", "side"), [(0.01, 1), (-0.01, -1), (0.0017, 0)])
def test_a_model_of_direction_trades_beyond_the_cost_filter_and_pays(
    lake: Lake, forecast: float, side: int
) -> None:
    """The filter is 1.5 round trips of 12 basis points: 0.18 %."""
    found = followed(lake, frozen(lake, "direction_1h", LinearModel(forecast, {}, {})), END)
    known = rows(lake, END)
    for day, value in found.items():
        hours = hours_of(known, day)
        earned = side * np.expm1(known.log_return[hours]) - abs(side) * 0.0012
        assert value == pytest.approx(float(np.sum(earned)), abs=1e-12)


def test_a_day_counts_when_it_is_over_and_no_later_row_changes_it(lake: Lake) -> None:
    look = frozen(lake, "volatility_1h", FLAT)
    whole = followed(lake, look, END)
    assert followed(lake, look, FROZEN_AT + timedelta(hours=23, minutes=59)) == {}
    for days in (1, 2, 3):
        until = FROZEN_AT + timedelta(days=days)
        expected = {day: value for day, value in whole.items() if day < BEGIN + days}
        assert followed(lake, look, until) == expected
        assert followed(lake, look, until + timedelta(hours=9)) == expected


def test_a_pool_earns_the_mean_of_its_symbols(lake: Lake) -> None:
    look = frozen(lake, "volatility_1h", FLAT, "POOL")
    alone = followed(lake, frozen(lake, "volatility_1h", FLAT), END)
    look.findings["members"]["POOL"]["symbols"].append("NOWHERE")
    pooled = followed(lake, look, END, "POOL")
    assert pooled == pytest.approx({day: value / 2 for day, value in alone.items()})


def test_an_empty_lake_has_no_day(lake: Lake, tmp_path: Path) -> None:
    look = frozen(lake, "volatility_1h", FLAT)
    other = Lake(tmp_path)
    (tmp_path / "research").symlink_to(lake.root / "research")
    assert followed(other, look, END) == {}
