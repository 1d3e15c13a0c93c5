"""A small sample for the tests of the flows: weeks of real candles, grids of a few points."""

from __future__ import annotations

import json
import shutil
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

PROJECT = Path(__file__).resolve().parents[2]
SAMPLE = PROJECT / "data_lake" / "sample"
AS_OF = datetime(2025, 6, 19, tzinfo=UTC)
DAYS = 24

SETTINGS = """
recent_days = 7
symbols = ["BTCUSDT"]
strategies = ["breakout"]
models = {models}
work = "{work}"

[walk_forward]
train_days = 10
test_days = 4
purge_days = 1

[grids.breakout.long]
k = "0.4:0.6:0.1"
stop_loss = "0.01,0.03"

[grids.breakout.recent]
k = "0.4:0.6:0.05"
stop_loss = "0.01,0.02,0.03"

[grids.breakout.fixed]
filters = "off"
signal_tf = "15m"
take_profit = 0.05
"""


def write_sample(folder: Path, symbols: tuple[str, ...] = ("BTCUSDT",)) -> Path:
    """Write the last days before `AS_OF` of the bundled candles."""
    target = folder / "candles_1m" / "usdm"
    target.mkdir(parents=True)
    for symbol in symbols:
        rows = pq.read_table(SAMPLE / "candles_1m" / "usdm" / f"{symbol}.parquet")
        first = pa.scalar(AS_OF - timedelta(days=DAYS), rows.schema.field("open_time").type)
        kept = rows.filter(pc.greater_equal(rows["open_time"], first))
        pq.write_table(kept, target / f"{symbol}.parquet")
    shutil.copy(SAMPLE / "instruments.json", folder)
    return folder


def break_prices(folder: Path, symbol: str) -> None:
    """Put the high of a tenth of a symbol's rows below their low."""
    path = folder / "candles_1m" / "usdm" / f"{symbol}.parquet"
    rows = pq.read_table(path)
    count = rows.num_rows
    bad = pa.array([index % 10 == 0 for index in range(count)])
    high = pc.if_else(bad, pc.multiply(rows["low"], 0.5), rows["high"])
    index = rows.schema.get_field_index("high")
    pq.write_table(rows.set_column(index, "high", high), path)


def write_settings(folder: Path, *, models: bool = False) -> Path:
    """Write a settings file beside its work folder; training is off unless a test needs it."""
    path = folder / "research.toml"
    path.write_text(SETTINGS.format(work=folder / "work", models=str(models).lower()))
    return path


def lake_state(root: Path) -> dict[str, str]:
    """Return the hash of every file of a lake, but of what names a run and its wall time."""
    return {
        path.relative_to(root).as_posix(): _state_of(path)
        for path in sorted(root.rglob("*"))
        if path.is_file() and path.name != ".lock"
    }


def _state_of(path: Path) -> str:
    if path.name == "current":
        return str(json.loads(path.read_text())["release_id"])
    if path.name == "manifest.json" or path.suffix == ".html":
        # Both name the run and its wall time; the release's id in the path is the hash of the rest.
        return "named by its content"
    return sha256(path.read_bytes()).hexdigest()
