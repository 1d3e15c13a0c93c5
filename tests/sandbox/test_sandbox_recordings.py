"""What a replay can be fed with beside a folder of candles."""

from __future__ import annotations

from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from sandbox_helpers import MINUTE, START, calm, write_candles

from sandbox.loading import load_feeds
from sandbox.settings import Settings
from trading.errors import DataError

DAY = 1_440


def write_lake(root: Path, layer: str, venue: str, symbol: str, price: float) -> None:
    """June and July 2025, a day of candles each."""
    series = root / layer / "candles" / f"venue={venue}" / f"symbol={symbol}" / "interval=1m"
    for month, begin in (("2025-06", START), ("2025-07", START + 31 * DAY * MINUTE)):
        folder = series / f"month={month}"
        write_candles(folder, "part", calm(price, DAY), begin)


@pytest.fixture
def lake(tmp_path: Path) -> Path:
    """Checked futures, raw spot, funding of futures."""
    write_lake(tmp_path, "checked", "binance_usdm", "BTCUSDT", 100_000.0)
    write_lake(tmp_path, "raw", "binance_usdm", "BTCUSDT", 1.0)
    write_lake(tmp_path, "raw", "binance_spot", "ETHUSDT", 2_500.0)
    folder = tmp_path / "raw" / "funding" / "venue=binance_usdm" / "symbol=BTCUSDT"
    folder.mkdir(parents=True)
    times = pa.array([START + 480 * MINUTE], pa.timestamp("ms", "UTC"))
    pq.write_table(
        pa.table({"funding_time": times, "funding_rate": [0.0001]}), folder / "part.parquet"
    )
    return tmp_path


def test_lake_is_read_month_by_month_and_checked_before_raw(lake: Path) -> None:
    feeds = load_feeds(Settings(lake), "usdm")
    assert list(feeds) == ["BTCUSDT"]
    series = feeds["BTCUSDT"].series
    assert (len(series.open_time), series.open_time[0]) == (2 * DAY, START)
    assert set(series.open) == {100_000.0}
    assert feeds["BTCUSDT"].funding.times == (START + 480 * MINUTE,)
    assert list(load_feeds(Settings(lake, venue="spot"), "spot")) == ["ETHUSDT"]


def test_lake_is_read_no_further_than_the_replay_needs(lake: Path) -> None:
    feeds = load_feeds(Settings(lake, end=START + DAY * MINUTE), "usdm")
    assert len(feeds["BTCUSDT"].series.open_time) == DAY


def test_what_a_lake_does_not_hold_is_named(lake: Path) -> None:
    with pytest.raises(DataError, match="no 1m candles of XRPUSDT; there are BTCUSDT"):
        load_feeds(Settings(lake, symbols=("XRPUSDT",)), "usdm")
    with pytest.raises(DataError, match="no month of candles from"):
        load_feeds(Settings(lake, end=START - 60 * DAY * MINUTE), "usdm")
