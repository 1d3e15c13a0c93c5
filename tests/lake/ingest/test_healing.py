"""What was imported wrongly and corrected at the source heals at the next import."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as pq
import pytest

from flows.steps.data.validate import validate_symbol
from lake.ingest.additions import add_candles
from lake.ingest.importer import import_folder
from lake.store import Lake
from lake.tables import CANDLES, RAW_CANDLES
from tests.flows.candle_lake import minutes, table
from tests.lake.ingest.test_bad_rows import write

START = datetime(2025, 6, 1, tzinfo=UTC)
END = datetime(2025, 6, 20, tzinfo=UTC)


def without(columns: dict[str, list[Any]], row: int) -> dict[str, list[Any]]:
    return {name: values[:row] + values[row + 1 :] for name, values in columns.items()}


@pytest.mark.parametrize("seed", range(20))
def test_a_corrected_source_replaces_its_rows(tmp_path: Path, seed: int) -> None:
    row = int(np.random.default_rng(seed).integers(1, 99))
    lake, source = Lake(tmp_path / "lake"), tmp_path / "source"
    wrong = minutes(START, 100)
    wrong["close"][row] = wrong["high"][row] = 104.0
    write(source, wrong)
    import_folder(lake, source, END)
    right = minutes(START, 100) if seed % 2 else without(minutes(START, 100), row)
    write(source, right)
    import_folder(lake, source, END)
    assert lake.read(RAW_CANDLES)["close"].to_pylist() == right["close"]
    assert import_folder(lake, source, END).partitions_written == 0


def test_a_source_that_vanished_keeps_its_rows(tmp_path: Path) -> None:
    lake, source = Lake(tmp_path / "lake"), tmp_path / "source"
    first = write(source, {name: values[:50] for name, values in minutes(START, 100).items()})
    import_folder(lake, source, END)
    first.rename(tmp_path / "gone.parquet")
    write(source / "later", {name: values[50:] for name, values in minutes(START, 100).items()})
    import_folder(lake, source, END)
    assert lake.read(RAW_CANDLES).num_rows == 100


def test_rows_that_came_over_the_wire_stay(tmp_path: Path) -> None:
    lake, source = Lake(tmp_path / "lake"), tmp_path / "source"
    columns = minutes(START, 100)
    write(source, without(columns, 40))
    import_folder(lake, source, END)
    rows = table(columns).select(RAW_CANDLES.schema.names).cast(RAW_CANDLES.schema)
    add_candles(lake, "binance_usdm", "BTCUSDT", rows, "rest", END.date())
    for row in (60, 61):
        write(source, without(columns, row))
        import_folder(lake, source, END)
        assert lake.read(RAW_CANDLES).num_rows == 100


@pytest.mark.parametrize("seed", range(20))
def test_a_month_that_the_source_no_longer_has_goes_with_what_was_made_of_it(
    tmp_path: Path, seed: int
) -> None:
    folder, lake = tmp_path / "source", Lake(tmp_path / "lake")
    path = folder / "candles_1m" / "usdm" / "BTCUSDT.parquet"
    path.parent.mkdir(parents=True)
    columns = minutes(datetime(2025, 5, 31, 20, tzinfo=UTC) - timedelta(minutes=seed), 600)
    wrong = {**columns, "open_time": [60_000 * row for row in range(600)]}  # of 1970
    now = datetime(2025, 6, 2, tzinfo=UTC)
    for rows in (wrong, columns):
        pq.write_table(table(rows), path)
        import_folder(lake, folder, now)
        validate_symbol(lake, "binance_usdm", "BTCUSDT", now)
    for contract in (RAW_CANDLES, CANDLES):
        months = [part.values["month"] for part in lake.partitions(contract)]
        assert months == ["2025-05", "2025-06"]
    assert validate_symbol(lake, "binance_usdm", "BTCUSDT", now).ok


def test_a_file_of_the_same_name_elsewhere_removes_nothing(tmp_path: Path) -> None:
    lake, now = Lake(tmp_path / "lake"), datetime(2025, 7, 1, tzinfo=UTC)
    for number in (5, 6):
        folder = tmp_path / str(number)
        folder.mkdir()
        rows = minutes(datetime(2025, number, 1, tzinfo=UTC), 60)
        pq.write_table(table(rows), folder / "BTCUSDT.parquet")
        import_folder(lake, folder, now)
    months = [part.values["month"] for part in lake.partitions(RAW_CANDLES)]
    assert months == ["2025-05", "2025-06"]
