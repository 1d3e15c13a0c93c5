"""Drift of the features is measured against the days before, and stored for every run."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest

from flows.steps.features.drift import NOTABLE, stability_index, write_drift
from flows.steps.features.features import feature_names
from lake.catalog import query
from lake.store import Lake
from lake.tables import DRIFT, FEATURES

AS_OF = datetime(2025, 6, 29, tzinfo=UTC)
DAYS = 28
QUARTER = timedelta(minutes=15)


def put(lake: Lake, **columns: np.ndarray) -> None:
    """Write 28 days of features that end at AS_OF, all within June."""
    times = [AS_OF - QUARTER * n for n in range(DAYS * 96, 0, -1)]
    table = pa.table({"open_time": pa.array(times, pa.timestamp("ms", "UTC")), **columns})
    lake.write(
        FEATURES, table, venue="binance_usdm", symbol="BTCUSDT", interval="15m", month="2025-06"
    )


def scores(lake: Lake) -> dict[str, float]:
    rows = query(lake, "select feature, score from drift where symbol = 'BTCUSDT'").to_pylist()
    return {row["feature"]: row["score"] for row in rows}


@pytest.mark.parametrize("seed", range(20))
def test_a_shift_of_the_last_week_is_found_and_noise_is_not(tmp_path: Path, seed: int) -> None:
    rng = np.random.default_rng(seed)
    still, moved = feature_names()[:2]
    values = rng.normal(size=DAYS * 96)
    shifted = values.copy()
    shifted[-7 * 96 :] += 1.0 if seed % 2 else -1.0
    lake = Lake(tmp_path)
    put(lake, **{still: values, moved: shifted})
    assert write_drift(lake, as_of=AS_OF, symbols=("BTCUSDT",), venue="binance_usdm") == 1
    found = scores(lake)
    assert found[moved] > NOTABLE > 0.1 > found[still]


def test_the_same_run_writes_the_same_rows_and_nothing_later_is_read(tmp_path: Path) -> None:
    lake = Lake(tmp_path)
    name = feature_names()[0]
    values = np.random.default_rng(1).normal(size=DAYS * 96)
    put(lake, **{name: values})
    early = AS_OF - timedelta(days=5)
    write_drift(lake, as_of=early, symbols=("BTCUSDT",), venue="binance_usdm")
    before = lake.read(DRIFT).to_pylist()
    values[-4 * 96 :] += 9.0
    put(lake, **{name: values})
    write_drift(lake, as_of=early, symbols=("BTCUSDT",), venue="binance_usdm")
    assert lake.read(DRIFT).to_pylist() == before
    assert before[0]["as_of"].replace(tzinfo=UTC) == early
    assert before[0]["run"] == "drift-BTCUSDT-20250624T000000Z"


def test_a_feature_without_values_has_no_row_and_a_constant_one_does_not_drift(
    tmp_path: Path,
) -> None:
    lake = Lake(tmp_path)
    empty, constant = feature_names()[:2]
    nothing = np.full(DAYS * 96, np.nan)
    put(lake, **{empty: nothing, constant: np.ones(DAYS * 96)})
    assert write_drift(lake, as_of=AS_OF, symbols=("BTCUSDT",), venue="binance_usdm") == 0
    assert scores(lake) == {constant: 0.0}


def test_the_index_is_that_of_its_definition() -> None:
    before = np.arange(1000.0)
    recent = np.arange(500.0)  # all in the lower five deciles
    expected = 5 * (0.2 - 0.1) * np.log(2.0) + 5 * (1e-4 - 0.1) * np.log(1e-4 / 0.1)
    assert stability_index(before, recent) == pytest.approx(expected, rel=0.02)


def test_what_was_measured_on_the_same_features_is_kept(tmp_path: Path) -> None:
    lake = Lake(tmp_path)
    still, moved = feature_names()[:2]
    values = np.random.default_rng(2).normal(size=DAYS * 96)
    shifted = values.copy()
    shifted[-7 * 96 :] += 1.0
    put(lake, **{still: values, moved: shifted})
    first = write_drift(lake, as_of=AS_OF, symbols=("BTCUSDT",), venue="binance_usdm")
    (part,) = lake.partitions(DRIFT)
    written = part.path.stat().st_mtime_ns
    again = write_drift(lake, as_of=AS_OF, symbols=("BTCUSDT",), venue="binance_usdm")
    assert (first, again) == (1, 1)
    assert part.path.stat().st_mtime_ns == written
    put(lake, **{still: values, moved: values})
    assert write_drift(lake, as_of=AS_OF, symbols=("BTCUSDT",), venue="binance_usdm") == 0
    assert scores(lake)[moved] < NOTABLE
