"""A lake of bundled candles with features, for the benchmarks of models."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from flows.steps.features.bars import build_bars
from flows.steps.features.cross_section import build_relative, build_universe
from flows.steps.features.features import build_features, feature_names, read_features
from flows.steps.models.dataset import Dataset, dataset_of
from lake.store import Lake
from lake.tables import CANDLES
from trading.candles import MINUTE_MS

SAMPLES = Path(__file__).parents[1] / "data_lake/sample/candles_1m/usdm"
VENUE = "binance_usdm"
DAY_ROWS = 1_440
TIME = pa.timestamp("ms", tz="UTC")


def candles_of(folder: Path, number: int) -> tuple[str, pa.Table]:
    """Return the name and the minutes of symbol ``number``.

    Beyond the files of the folder their prices come again under other names, begun a day later for
    each round.
    """
    files = sorted(folder.glob("*.parquet"))
    file, again = files[number % len(files)], number // len(files)
    table = pq.read_table(file)
    if not again:
        return file.stem, table
    shift = DAY_ROWS * again
    rows = [(row + shift) % table.num_rows for row in range(table.num_rows)]
    values = table.take(rows).drop_columns(["open_time"])
    return f"{file.stem}{again}", values.append_column("open_time", table["open_time"])


def lasting(table: pa.Table, days: int) -> pa.Table:
    """Return the first ``days`` of a table; beyond its end its prices come again and again."""
    rows = np.arange(days * DAY_ROWS)
    values = table.drop_columns(["open_time"]).take(rows % table.num_rows)
    start = int(table["open_time"].cast(pa.int64())[0].as_py())
    return values.append_column("open_time", pa.array(start + MINUTE_MS * rows))


def build(root: Path, folder: Path, symbols: int, days: int | None = None) -> tuple[Lake, datetime]:
    """Fill a lake with bars and features of ``symbols``; return it and the end of its candles."""
    lake = Lake(root)
    names = []
    end = datetime.min.replace(tzinfo=UTC)
    for number in range(symbols):
        name, table = candles_of(folder, number)
        if days is not None:
            table = lasting(table, days)
        kinds = {field.name: field.type for field in CANDLES.schema}
        opens = table["open_time"].cast(pa.int64()).cast(TIME)
        columns = {
            column: table[column].cast(kinds[column])
            for column in CANDLES.schema.names
            if column in table.column_names and column != "open_time"
        }
        steps = np.diff(opens.cast(pa.int64()).to_numpy()) // MINUTE_MS - 1
        gaps = pa.array([0, *steps], pa.int64())
        data = pa.table({"open_time": opens, **columns, "gap_before": gaps})
        for month in pc.unique(pc.strftime(opens, format="%Y-%m")).to_pylist():
            inside = pc.equal(pc.strftime(data["open_time"], format="%Y-%m"), month)
            lake.write(
                CANDLES, data.filter(inside), venue=VENUE, symbol=name, interval="1m", month=month
            )
        last = int(opens.cast(pa.int64())[-1].as_py()) + MINUTE_MS
        end = max(end, datetime.fromtimestamp(last / 1000, UTC))
        names.append(name)
    as_of = end + timedelta(minutes=1)
    build_bars(lake, as_of=as_of, symbols=names)
    build_features(lake, as_of=as_of, symbols=names)
    build_universe(lake, as_of=as_of)
    build_relative(lake, as_of=as_of, symbols=names)
    return lake, as_of


def load(lake: Lake, venue: str, symbol: str, as_of: datetime) -> Dataset:
    """Return the data set of one symbol."""
    features = read_features(lake, venue, symbol, as_of)
    return dataset_of(features, symbol, feature_names())
