"""ICT structures in the lake: causal, equal to those of the whole series, built when needed."""

from __future__ import annotations

import shutil
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pytest

from flows.steps.features.bars import build_bars
from flows.steps.features.ict_columns import (
    SETTINGS,
    candles_of,
    known_after_bars,
    structure_events,
)
from flows.steps.features.structures import build_structures
from lake.store import Lake
from lake.tables import BARS, STRUCTURES
from tests.flows.candle_lake import minutes, put_checked, sample_minutes, table
from trading.candles import HOUR_MS, CandleColumns
from trading.ict.batch import find_structures
from trading.ict.step import VIEW_NAMES

START = datetime(2025, 5, 22, tzinfo=UTC)
END = datetime(2025, 6, 5, tzinfo=UTC)


def build(root: Path, until: datetime) -> Lake:
    lake = Lake(root)
    put_checked(lake, "BTCUSDT", sample_minutes("BTCUSDT", START, until))
    build_bars(lake, as_of=until, symbols=["BTCUSDT"])
    build_structures(lake, as_of=until, symbols=["BTCUSDT"])
    return lake


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Lake:
    return build(tmp_path_factory.mktemp("lake"), END)


def events(lake: Lake, interval: str, as_of: datetime | None = None) -> list[tuple[object, ...]]:
    rows = lake.read(STRUCTURES, as_of=as_of, interval=interval).sort_by(
        [(name, "ascending") for name in STRUCTURES.key]
    )
    return [tuple(row[name] for name in STRUCTURES.schema.names) for row in rows.to_pylist()]


def test_a_gap_is_found_touched_and_filled_at_the_closes_that_show_it(tmp_path: Path) -> None:
    lake = Lake(tmp_path)
    columns = minutes(START, 15 * 6)
    for i in range(15, 90):  # the second bar rises by 10, the fourth comes back halfway, the fifth
        level = 110.0 if i < 45 else 105.0 if i < 60 else 99.0
        for name in ("open", "high", "low", "close"):
            columns[name][i] = level
    columns["open"][15], columns["low"][15] = 100.0, 100.0
    put_checked(lake, "BTCUSDT", table(columns))
    build_bars(lake, as_of=END, symbols=["BTCUSDT"])
    build_structures(lake, as_of=END, symbols=["BTCUSDT"])
    found = [row for row in events(lake, "15m") if row[2] == "gap" and row[4] == 1]
    third, fourth, fifth = (START + timedelta(minutes=15 * n) for n in (2, 3, 4))
    quarter = timedelta(minutes=15)
    assert [(row[0], row[1], row[3]) for row in found] == [
        (third, third + quarter, "found"),
        (fourth, fourth + quarter, "touched"),
        (fifth, fifth + quarter, "filled"),
    ]
    assert {row[5] for row in found} == {START + quarter}
    top, bottom = found[0][7:]
    assert top == 110.0
    assert bottom == pytest.approx(100.07)


@pytest.mark.parametrize("interval", SETTINGS)
def test_the_months_together_hold_the_events_of_the_whole_series(
    built: Lake, interval: str
) -> None:
    bars = built.read(BARS, symbol="BTCUSDT", interval=interval)
    whole = structure_events(candles_of(bars, interval), SETTINGS[interval])
    assert len(built.partitions(STRUCTURES, interval=interval)) == 2
    wanted = [tuple(row[name] for name in STRUCTURES.schema.names) for row in whole.to_pylist()]
    assert events(built, interval) == wanted
    kinds = {row[2] for row in wanted}
    assert {"swing", "break", "change_of_character", "gap", "block"} <= kinds


def test_past_events_are_what_was_known_then(built: Lake, tmp_path: Path) -> None:
    for cut in (END - timedelta(days=2, hours=5), END - timedelta(days=6, minutes=15)):
        short = build(tmp_path / f"{cut:%d}", cut)
        for interval in SETTINGS:
            known = events(built, interval, as_of=cut)
            assert known == events(short, interval)
            assert max(row[1] for row in known) <= cut


def test_only_months_whose_bars_changed_are_built(built: Lake, tmp_path: Path) -> None:
    shutil.copytree(built.root, tmp_path / "copy")
    lake = Lake(tmp_path / "copy")
    again = build_structures(lake, as_of=END, symbols=["BTCUSDT"])
    assert (again.written, again.skipped) == (0, 4)
    put_checked(lake, "BTCUSDT", sample_minutes("BTCUSDT", START, END + timedelta(hours=2)))
    build_bars(lake, as_of=END + timedelta(hours=2), symbols=["BTCUSDT"])
    later = build_structures(lake, as_of=END + timedelta(hours=2), symbols=["BTCUSDT"])
    assert (later.written, later.skipped, later.months) == (2, 2, ("2025-06",))


def test_what_is_known_after_a_bar_equals_the_executors_view(built: Lake) -> None:
    bars = built.read(BARS, symbol="BTCUSDT", interval="1h")
    views = known_after_bars(bars, ["BTCUSDT"])
    candles = candles_of(bars, "1h")
    found = find_structures(candles, SETTINGS["1h"], views=True, compiled=False)
    assert found.views is not None
    columns = [views[name].to_numpy(zero_copy_only=False) for name in VIEW_NAMES]
    shown = np.array(columns, dtype=float).T
    assert np.array_equal(shown, found.views, equal_nan=True)
    gaps = pc.subtract(views["known_at"].cast(pa.int64()), views["open_time"].cast(pa.int64()))
    assert set(gaps.to_pylist()) == {HOUR_MS}


@pytest.mark.parametrize("seed", range(12))
def test_no_event_appears_twice_however_often_structures_share_a_bar(seed: int) -> None:
    """Prices on a coarse grid make equal swings, and one candle that breaks two of them."""
    rng = np.random.default_rng(seed)
    steps = rng.integers(-3, 4, size=(3_000, 4))
    close = 100.0 + np.cumsum(steps[:, 0]) * 0.5
    opens = np.concatenate(([100.0], close[:-1]))
    high = np.maximum(opens, close) + np.abs(steps[:, 1]) * 0.5
    low = np.minimum(opens, close) - np.abs(steps[:, 2]) * 0.5
    times = np.arange(3_000, dtype=np.int64) * 15 * 60_000
    lift = 1_000.0 - min(0.0, float(low.min()))
    candles = CandleColumns.of(
        times,
        opens + lift,
        high + lift,
        low + lift,
        close + lift,
        np.ones(3_000),
        interval_ms=15 * 60_000,
    )
    found = structure_events(candles, SETTINGS["15m"])
    keys = list(zip(*(found[name].to_pylist() for name in STRUCTURES.key), strict=True))
    assert len(keys) > 1_000
    assert len(set(keys)) == len(keys)
