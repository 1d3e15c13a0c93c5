"""What the report says of the candles of a series, read one month at a time."""

from __future__ import annotations

import weakref
from datetime import UTC, datetime
from pathlib import Path

import pyarrow as pa
import pytest

from flows.report.lake_reader import read_series
from flows.report.sections.quality import SeriesQuality
from lake.store import Lake, Partition
from tests.flows.candle_lake import MINUTE_MS, minutes, ms, put_checked, table

START = datetime(2025, 5, 31, 12, tzinfo=UTC)
END = datetime(2025, 7, 2, tzinfo=UTC)
DAY = 1440


def filled(lake: Lake, symbol: str, count: int, absent: tuple[int, ...] = ()) -> None:
    columns = minutes(START, count)
    kept = {
        name: [value for row, value in enumerate(values) if row not in absent]
        for name, values in columns.items()
    }
    put_checked(lake, symbol, table(kept))


def test_the_months_of_a_series_are_counted_together(tmp_path: Path) -> None:
    lake = Lake(tmp_path)
    filled(lake, "BTCUSDT", 31 * DAY, (5, 6, 7, DAY, 31 * DAY - 300))
    filled(lake, "ETHUSDT", DAY)
    begin = ms(START)
    assert read_series(lake, None, END) == [
        SeriesQuality(
            *("binance_usdm", "BTCUSDT", "1m"),
            rows=31 * DAY - 5,
            first=begin,
            last=begin + (31 * DAY - 1) * MINUTE_MS,
            gaps=3,
            missing=5,
            longest=3,
        ),
        SeriesQuality(
            *("binance_usdm", "ETHUSDT", "1m"),
            rows=DAY,
            first=begin,
            last=begin + (DAY - 1) * MINUTE_MS,
            gaps=0,
            missing=0,
            longest=0,
        ),
    ]


def test_no_more_than_a_month_is_in_memory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    lake = Lake(tmp_path)
    for number in range(4):
        filled(lake, f"SYM{number}USDT", 31 * DAY)
    tables: list[weakref.ref[pa.Table]] = []
    alive: list[int] = []
    read = Lake.read_partition

    def counted(self: Lake, partition: Partition, *arguments: object) -> pa.Table:
        data = read(self, partition, *arguments)  # type: ignore[arg-type]
        assert data.column_names == ["open_time", "gap_before"]
        tables.append(weakref.ref(data))
        alive.append(sum(table() is not None for table in tables))
        return data

    monkeypatch.setattr(Lake, "read_partition", counted)
    assert len(read_series(lake, None, END)) == 4
    assert len(alive) == 12
    assert max(alive) <= 2
