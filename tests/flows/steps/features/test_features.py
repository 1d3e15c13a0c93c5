"""Bars and features: equal to hand-made results, causal, described, and built only when needed."""

from __future__ import annotations

import re
import shutil
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pytest

from flows.steps.features.bars import build_bars
from flows.steps.features.cross_section import build_relative, build_universe
from flows.steps.features.features import (
    build_features,
    feature_descriptions,
    feature_names,
    read_features,
)
from lake.store import Lake
from lake.tables import BARS
from tests.flows.candle_lake import minutes, ms, put_checked, put_funding, sample_minutes, table
from trading.candles import interval_ms

ROOT = Path(__file__).resolve().parents[4]
SYMBOLS = ("BTCUSDT", "ETHUSDT")
START = datetime(2025, 5, 26, tzinfo=UTC)
END = datetime(2025, 6, 3, tzinfo=UTC)


def build(root: Path, until: datetime) -> Lake:
    """Build a lake of real minutes before ``until`` with bars and features."""
    lake = Lake(root)
    for symbol in SYMBOLS:
        put_checked(lake, symbol, sample_minutes(symbol, START, until))
        put_funding(lake, symbol)
    build_bars(lake, as_of=until, symbols=SYMBOLS)
    build_features(lake, as_of=until, symbols=SYMBOLS)
    build_universe(lake, as_of=until)
    build_relative(lake, as_of=until, symbols=SYMBOLS)
    return lake


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Lake:
    return build(tmp_path_factory.mktemp("lake"), END)


@pytest.fixture
def copied(built: Lake, tmp_path: Path) -> Lake:
    """Return a copy of the built lake that a test may change."""
    shutil.copytree(built.root, tmp_path / "copy")
    return Lake(tmp_path / "copy")


def rows_of(lake: Lake, symbol: str, as_of: datetime | None = None) -> pa.Table:
    """Return all features of a symbol, its own and those that compare it."""
    return read_features(lake, "binance_usdm", symbol, as_of or END)


def at(features: pa.Table, close: datetime, name: str) -> float:
    """Return one value of the row that closes at ``close``."""
    row = features.filter(pc.equal(features["open_time"], pa.scalar(close - timedelta(minutes=15))))
    return float(row[name][0].as_py())


def test_a_bar_is_made_of_its_minutes(tmp_path: Path) -> None:
    lake = Lake(tmp_path)
    columns = minutes(START, 31)
    columns["high"][4], columns["low"][9], columns["close"][14] = 107.0, 91.0, 101.5
    put_checked(lake, "BTCUSDT", table(columns))
    build_bars(lake, as_of=END, symbols=["BTCUSDT"])
    bars = lake.read(BARS, interval="15m").to_pylist()
    assert [bar["open_time"] for bar in bars] == [START, START + timedelta(minutes=15)]
    first = bars[0]
    assert [first[name] for name in ("open", "high", "low", "close")] == [100.0, 107.0, 91.0, 101.5]
    assert (first["volume"], first["quote_volume"], first["trades"]) == (180.0, 15_000.0, 300)
    assert first["candles"] == 15


def test_a_bar_with_a_missing_minute_or_still_open_is_left_out(tmp_path: Path) -> None:
    lake = Lake(tmp_path)
    columns = {name: v[:20] + v[21:] for name, v in minutes(START, 60).items()}
    put_checked(lake, "BTCUSDT", table(columns))
    build_bars(lake, as_of=START + timedelta(minutes=59), symbols=["BTCUSDT"])
    opens = lake.read(BARS, interval="15m")["open_time"].to_pylist()
    assert opens == [START, START + timedelta(minutes=30)]
    assert lake.read(BARS, interval="1h").num_rows == 0


def test_unknown_flow_columns_of_a_bar_stay_unknown(tmp_path: Path) -> None:
    lake = Lake(tmp_path)
    columns = minutes(START, 15)
    columns["quote_volume"][3] = None
    put_checked(lake, "BTCUSDT", table(columns))
    build_bars(lake, as_of=END, symbols=["BTCUSDT"])
    (bar,) = lake.read(BARS, interval="15m").to_pylist()
    assert bar["quote_volume"] is None
    assert bar["taker_buy_base"] == 75.0


@pytest.mark.parametrize("interval", ["3m", "5m", "15m", "1h", "4h", "1d"])
def test_bars_of_real_minutes_equal_a_plain_loop(built: Lake, interval: str) -> None:
    candles = sample_minutes("ETHUSDT", START, END).to_pylist()
    width = interval_ms(interval)
    expected: dict[int, list[float]] = {}
    for candle in candles:
        bar = ms(candle["open_time"]) // width * width
        known = expected.setdefault(bar, [candle["open"], -np.inf, np.inf, 0.0, 0.0])
        known[1] = max(known[1], candle["high"])
        known[2] = min(known[2], candle["low"])
        known[3] = candle["close"]
        known[4] += candle["volume"]
    bars = built.read(BARS, symbol="ETHUSDT", interval=interval)
    names = ("open", "high", "low", "close", "volume")
    times = bars["open_time"].cast(pa.int64()).to_pylist()
    values = [list(row) for row in zip(*(bars[name].to_pylist() for name in names), strict=True)]
    assert dict(zip(times, values, strict=True)) == expected


def test_features_equal_their_definitions_on_real_minutes(built: Lake) -> None:
    close = datetime(2025, 6, 2, 10, 15, tzinfo=UTC)
    candles = sample_minutes("BTCUSDT", START, close)
    price = candles["close"].to_numpy()
    quarter = price[14::15]
    moves = np.diff(np.log(price))
    bars = np.diff(quarter[-15:])
    features = rows_of(built, "BTCUSDT")
    gain, loss = np.log(quarter[-14:] / quarter[-15:-1]).clip(0), 0.0
    loss = (-np.log(quarter[-14:] / quarter[-15:-1])).clip(0).sum()
    hours = sample_minutes("BTCUSDT", START, close - timedelta(minutes=15))["close"].to_numpy()[
        59::60
    ]
    assert len(bars) == 14
    expected = {
        "ret_4": np.log(price[-1] / price[-61]),
        "log_rv_4": 0.5 * np.log(np.mean(moves[-60:] ** 2)),
        "log_rv_96": 0.5 * np.log(np.mean(moves[-1440:] ** 2)),
        "dist_sma_16": np.log(price[-1] / quarter[-16:].mean()),
        "band_place_20": (price[-1] - quarter[-20:].mean()) / (2 * quarter[-20:].std()),
        "rsi_14": gain.sum() / (gain.sum() + loss),
        "h1_ret_1": np.log(hours[-1] / hours[-2]),
    }
    for name, value in expected.items():
        assert at(features, close, name) == pytest.approx(value, rel=1e-9), name


def test_a_higher_time_frame_is_used_once_it_has_closed(built: Lake) -> None:
    features = rows_of(built, "BTCUSDT")
    ten = datetime(2025, 6, 2, 10, tzinfo=UTC)
    values = [at(features, ten + timedelta(minutes=15 * i), "h1_ret_1") for i in range(-1, 5)]
    assert values[1] == values[2] == values[3] == values[4]
    assert values[0] != values[1]
    assert values[4] != values[5]


def test_the_coming_hour_of_earlier_days_uses_the_same_time_of_day(built: Lake) -> None:
    features = rows_of(built, "BTCUSDT")
    close = datetime(2025, 6, 2, 10, 15, tzinfo=UTC)
    hours = [close - timedelta(days=day) + timedelta(hours=1) for day in range(1, 6)]
    mean = np.mean([at(features, hour, "log_rv_4") for hour in hours])
    assert at(features, close, "rv_same_hour_5d") == pytest.approx(mean, rel=1e-12)


def test_funding_counts_from_its_own_time(built: Lake) -> None:
    features = rows_of(built, "BTCUSDT")
    settled = datetime(2025, 6, 2, 8, tzinfo=UTC)
    before = at(features, settled, "funding_age_hours")
    after = at(features, settled + timedelta(minutes=15), "funding_age_hours")
    assert (before, after) == (pytest.approx(8.0, abs=1e-3), pytest.approx(0.25, abs=1e-3))


@pytest.mark.parametrize(
    "until",
    [
        pytest.param(datetime(2025, 5, 29, 7, 15, tzinfo=UTC), marks=pytest.mark.slow),
        datetime(2025, 5, 31, 23, 59, tzinfo=UTC),
        pytest.param(datetime(2025, 6, 2, 16, 8, tzinfo=UTC), marks=pytest.mark.slow),
    ],
)
def test_cutting_the_input_changes_no_row_before_the_cut(
    built: Lake, tmp_path: Path, until: datetime
) -> None:
    cut = build(tmp_path, until)
    for symbol in SYMBOLS:
        whole = rows_of(built, symbol, as_of=until)
        assert whole.num_rows > 100
        assert rows_of(cut, symbol).equals(whole)


def test_building_under_an_old_as_of_reads_and_changes_nothing_later(
    built: Lake, copied: Lake
) -> None:
    until = datetime(2025, 6, 2, 9, tzinfo=UTC)
    assert build_bars(copied, as_of=until, symbols=SYMBOLS).months == ("2025-06",)
    assert build_features(copied, as_of=until, symbols=SYMBOLS).months == ("2025-06",)
    assert build_universe(copied, as_of=until).written == 0
    assert build_relative(copied, as_of=until, symbols=SYMBOLS).months == ("2025-06",)
    for symbol in SYMBOLS:
        assert rows_of(copied, symbol).equals(rows_of(built, symbol))


def test_only_partitions_whose_inputs_changed_are_built(copied: Lake) -> None:
    lake = copied
    assert build_bars(lake, as_of=END, symbols=SYMBOLS).written == 0
    assert build_features(lake, as_of=END, symbols=SYMBOLS).written == 0
    more = END + timedelta(minutes=30)
    put_checked(lake, "BTCUSDT", sample_minutes("BTCUSDT", START, more))
    bars = build_bars(lake, as_of=more, symbols=SYMBOLS)
    features = build_features(lake, as_of=more, symbols=SYMBOLS)
    assert (bars.written, bars.months) == (6, ("2025-06",))
    # The funding at END is known now, of both symbols.
    assert (features.written, features.skipped, features.months) == (2, 2, ("2025-06",))


def test_symbols_may_be_built_in_any_order(built: Lake, copied: Lake) -> None:
    for name in ("features", "relative"):
        shutil.rmtree(copied.root / "features" / name)
    for symbol in reversed(SYMBOLS):
        build_features(copied, as_of=END, symbols=[symbol])
    for symbol in reversed(SYMBOLS):
        build_relative(copied, as_of=END, symbols=[symbol])
    for symbol in SYMBOLS:
        assert rows_of(copied, symbol).equals(rows_of(built, symbol))
    assert build_features(copied, as_of=END, symbols=SYMBOLS).written == 0
    assert build_relative(copied, as_of=END, symbols=SYMBOLS).written == 0


def test_a_missing_bar_makes_the_returns_over_it_unknown(tmp_path: Path) -> None:
    lake = Lake(tmp_path)
    data = sample_minutes("BTCUSDT", START, START + timedelta(hours=6))
    hole = START + timedelta(hours=3)
    kept = data.filter(pc.not_equal(data["open_time"], pa.scalar(hole)))
    put_checked(lake, "BTCUSDT", kept)
    build_bars(lake, as_of=END, symbols=["BTCUSDT"])
    build_features(lake, as_of=END, symbols=["BTCUSDT"])
    rows = {row["open_time"]: row for row in rows_of(lake, "BTCUSDT").to_pylist()}
    assert hole not in rows
    after = rows[hole + timedelta(minutes=15)]
    assert after["ret_1"] is None
    assert after["ret_2"] == pytest.approx(
        np.log(after_close(data, hole, 30) / after_close(data, hole, 0)), rel=1e-12
    )


def after_close(data: pa.Table, start: datetime, passed: int) -> float:
    """Return the close of the minute that ends ``passed`` minutes after ``start``."""
    opened = start + timedelta(minutes=passed - 1)
    return float(data.filter(pc.equal(data["open_time"], pa.scalar(opened)))["close"][0].as_py())


def test_columns_and_descriptions_match(built: Lake) -> None:
    columns = rows_of(built, "BTCUSDT").column_names
    assert sorted(columns) == sorted([*feature_names(), "open_time"])
    assert len(feature_names()) >= 60
    for name in feature_names():
        assert np.isfinite(rows_of(built, "BTCUSDT")[name].drop_null().to_numpy()).all(), name
    assert all(text and "\n" not in text for text in feature_descriptions().values())


def test_the_documentation_lists_every_feature() -> None:
    text = (ROOT / "docs" / "features.md").read_text(encoding="utf-8")
    listed = re.findall(r"^\| `(\w+)` \| (.+) \|$", text, re.MULTILINE)
    assert listed == list(feature_descriptions().items())
