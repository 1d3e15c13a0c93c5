"""Bars of weeks and months, and the days of a venue that are not those of UTC."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import duckdb
import pyarrow as pa
import pytest

from flows.settings import ResearchSettings
from flows.steps.features.long_bars import build_all_bars, build_long_bars
from lake.store import Lake
from lake.tables import BARS, CANDLES
from lake.views import view_statements

FIRST = datetime(2025, 4, 28, tzinfo=UTC)  # a Monday
LAST = datetime(2025, 7, 3, tzinfo=UTC)
MINUTE, HOUR, DAY = timedelta(minutes=1), timedelta(hours=1), timedelta(days=1)


def price(time: datetime) -> float:
    """Return a price that says how many hours after `FIRST` it was."""
    return 1.0 + (time - FIRST) / HOUR


def put(lake: Lake, begin: datetime, end: datetime, without: tuple[datetime, ...] = ()) -> None:
    """Write checked minutes, but one an hour only: bars need not know it of a venue with gaps."""
    times = []
    time = begin
    while time < end:
        if time not in without:
            times.append(time)
        time += HOUR
    for month in sorted({f"{time:%Y-%m}" for time in times}):
        own = [time for time in times if f"{time:%Y-%m}" == month]
        values = [price(time) for time in own]
        data = {
            "open_time": pa.array(own, pa.timestamp("ms", "UTC")),
            "open": pa.array(values),
            "high": pa.array([value + 0.5 for value in values]),
            "low": pa.array([value - 0.5 for value in values]),
            "close": pa.array([value + 0.25 for value in values]),
            "volume": pa.array([1.0] * len(own)),
            "gap_before": pa.array([0] * len(own)),
        }
        lake.write(
            CANDLES, pa.table(data), venue="upbit", symbol="KRW-BTC", interval="1m", month=month
        )


def bars(lake: Lake, interval: str, as_of: datetime | None = None) -> dict[datetime, float]:
    """Return the close of each bar by the time at which it opens."""
    rows = lake.read(BARS, as_of=as_of, venue="upbit", interval=interval).to_pylist()
    return {row["open_time"]: row["close"] for row in rows}


def build(lake: Lake, as_of: datetime = LAST, offset: int = 0) -> None:
    """Build the long bars of the only symbol."""
    build_long_bars(
        lake, as_of=as_of, symbols=["KRW-BTC"], venue="upbit", sparse=True, day_offset=offset
    )


def close_at(end: datetime) -> float:
    """Return the close of the last candle before ``end``."""
    return price(end - HOUR) + 0.25


def test_weeks_start_on_monday_and_cross_months(tmp_path: Path) -> None:
    lake = Lake(tmp_path)
    put(lake, FIRST, LAST)
    build(lake)
    mondays = [FIRST + n * 7 * DAY for n in range(9)]
    assert bars(lake, "1w") == {monday: close_at(monday + 7 * DAY) for monday in mondays}
    (first, *_) = lake.read(BARS, venue="upbit", interval="1w").to_pylist()
    highest = price(FIRST + 167 * HOUR) + 0.5
    assert (first["open"], first["high"], first["low"]) == (1.0, highest, 0.5)
    assert (first["candles"], first["volume"]) == (168, 168.0)


def test_months_start_on_the_first_and_one_that_the_series_begins_in_is_left_out(
    tmp_path: Path,
) -> None:
    lake = Lake(tmp_path)
    put(lake, FIRST, LAST)
    build(lake)
    may, june, july = (datetime(2025, month, 1, tzinfo=UTC) for month in (5, 6, 7))
    assert bars(lake, "1mo") == {may: close_at(june), june: close_at(july)}


def test_a_hole_leaves_the_bar_of_a_week_and_its_candles_say_so(tmp_path: Path) -> None:
    lake = Lake(tmp_path)
    put(lake, FIRST, LAST, without=(FIRST + 5 * HOUR, FIRST + 6 * HOUR))
    build(lake)
    (first, *_) = lake.read(BARS, venue="upbit", interval="1w").to_pylist()
    assert first["candles"] == 166


@pytest.mark.parametrize("offset", [9, -5])
def test_days_weeks_and_months_follow_the_day_of_the_venue(tmp_path: Path, offset: int) -> None:
    lake = Lake(tmp_path)
    begin = FIRST - offset * HOUR
    put(lake, begin, LAST)
    build(lake, offset=offset)
    found = bars(lake, "1d")
    assert found == {
        begin + n * DAY: close_at(begin + (n + 1) * DAY) for n in range((LAST - begin) // DAY)
    }
    assert next(iter(bars(lake, "1w"))) == begin
    june = datetime(2025, 6, 1, tzinfo=UTC) - offset * HOUR
    assert bars(lake, "1mo")[june] == close_at(datetime(2025, 7, 1, tzinfo=UTC) - offset * HOUR)


def test_the_settings_decide_who_builds_the_days(tmp_path: Path) -> None:
    lake = Lake(tmp_path)
    put(lake, FIRST, LAST)
    midnight, seoul = FIRST, FIRST + 15 * HOUR
    for offsets, first in (({}, midnight), ({"upbit": 9}, seoul), ({}, midnight)):
        settings = ResearchSettings(venue="upbit", day_offsets=offsets)
        build_all_bars(lake, LAST, "KRW-BTC", settings)
        days = list(bars(lake, "1d"))
        assert days[0] == first
        assert {day.hour for day in days} == {first.hour}


def test_a_bar_is_built_and_read_only_once_it_has_closed(tmp_path: Path) -> None:
    lake = Lake(tmp_path)
    put(lake, FIRST, LAST)
    build(lake)
    monday = FIRST + 7 * DAY
    for as_of, seen in ((monday - MINUTE, []), (monday, [FIRST])):
        assert list(bars(lake, "1w", as_of)) == seen
        with duckdb.connect() as database:
            for statement in view_statements(lake, as_of):
                database.execute(statement)
            query = "select epoch_ms(open_time) from bars where \"interval\" = '1w'"
            found = [row[0] for row in database.sql(query).fetchall()]
        assert found == [round(time.timestamp() * 1000) for time in seen]
    june = datetime(2025, 6, 1, tzinfo=UTC)
    assert list(bars(lake, "1mo", june - MINUTE)) == []
    assert list(bars(lake, "1mo", june)) == [datetime(2025, 5, 1, tzinfo=UTC)]
    early = Lake(tmp_path / "early")
    put(early, FIRST, monday - HOUR)
    build(early, as_of=monday)
    assert bars(early, "1w") == {}


def test_a_second_build_writes_nothing_and_a_new_day_the_month_alone(tmp_path: Path) -> None:
    lake = Lake(tmp_path)
    put(lake, FIRST, LAST)
    arguments = {"as_of": LAST, "symbols": ["KRW-BTC"], "venue": "upbit", "sparse": True}
    first = build_long_bars(lake, **arguments)  # type: ignore[arg-type]
    again = build_long_bars(lake, **arguments)  # type: ignore[arg-type]
    assert (first.skipped, again.written) == (0, 0)
    later = build_long_bars(lake, **{**arguments, "as_of": LAST - DAY})  # type: ignore[arg-type]
    assert set(later.months) <= {"2025-06", "2025-07"}


@pytest.mark.parametrize("offset", [0, 9])
@pytest.mark.parametrize(
    "month", [datetime(2025, 2, 1, tzinfo=UTC), datetime(2024, 2, 1, tzinfo=UTC)]
)
def test_a_month_of_fewer_than_31_days_is_built_day_after_day(
    tmp_path: Path, month: datetime, offset: int
) -> None:
    lake = Lake(tmp_path)
    begin = month - offset * HOUR - DAY
    after = datetime(month.year, 3, 1, tzinfo=UTC) - offset * HOUR
    for hours in (1, 24, 30, 48, 72, 120):
        put(lake, begin, after + hours * HOUR)
        build(lake, as_of=after + hours * HOUR, offset=offset)
        assert list(bars(lake, "1mo")) == [month - offset * HOUR]
    build(lake, as_of=after - DAY, offset=offset)  # a replay: what was built later stays
    assert list(bars(lake, "1mo")) == [month - offset * HOUR]
