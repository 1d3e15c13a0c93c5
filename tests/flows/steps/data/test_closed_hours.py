"""Nights, weekends and holidays of a venue that closes are no gaps; what an open day lacks is."""

from __future__ import annotations

import random
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from flows.settings import PROJECT, ValidationSettings, load_settings
from flows.sources.trading_hours import load_trading_hours
from flows.steps.data.known_events import KnownEvent
from flows.steps.data.validate import ExpectedCandles, SymbolReport, validate_symbol
from flows.steps.features.bars import build_bars
from flows.steps.release.universe import scan
from flows.steps.search.optimize import optimize
from lake.content import milliseconds, moment_of
from lake.store import Lake
from lake.tables import BARS, CANDLES, GAPS
from tests.flows.candle_lake import MINUTE_MS, minutes, ms, put_checked, put_raw, table
from trading.errors import DataError

KRX = load_trading_hours(PROJECT / "config" / "trading_hours.toml", "krx")
SESSION = 381
EVERY_HOLE = ValidationSettings(sparse_gap_minutes=0, max_missing_share=1)


def open_times(first: date, days: int) -> list[int]:
    """Return the open minutes (ms) of a stretch of days."""
    begin = milliseconds(datetime(first.year, first.month, first.day, tzinfo=UTC))
    times = begin + MINUTE_MS * np.arange(days * 1440 + 1, dtype=np.int64)
    return [int(time) for time in times[:-1][np.diff(KRX.elapsed(times)) == 1]]


def stock(times: list[int]) -> dict[str, list[Any]]:
    """Return quiet minutes that open at ``times``."""
    columns = minutes(datetime(2026, 1, 1, tzinfo=UTC), len(times))
    return columns | {"open_time": times}


def check(
    lake: Lake,
    times: list[int],
    settings: ValidationSettings = EVERY_HOLE,
    *,
    as_of: datetime | None = None,
    known: tuple[KnownEvent, ...] = (),
) -> SymbolReport:
    """Check a stock whose minutes are ``times``."""
    put_raw(lake, "005930", table(stock(times)), venue="krx")
    end = as_of or moment_of(times[-1] + MINUTE_MS)
    return validate_symbol(
        lake,
        "krx",
        "005930",
        end,
        settings=settings,
        known=known,
        expected=ExpectedCandles(hours=KRX),
    )


def gaps(lake: Lake) -> list[tuple[int, int, int]]:
    """Return first and last missing minute (ms) and the count of the stored gaps."""
    rows = lake.read(GAPS, venue="krx").to_pylist()
    return [(ms(row["first"]), ms(row["last"]), row["minutes"]) for row in rows]


@pytest.mark.parametrize(
    ("first", "days"),
    [
        (date(2025, 10, 1), 20),  # Chuseok: seven days without a session
        (date(2026, 1, 1), 31),  # an hour less on the first day
        (date(2025, 11, 1), 30),  # the day of the examination ends at 16:30
        (date(2026, 6, 1), 30),  # an election
        (date(2025, 12, 20), 40),  # over the end of a year
    ],
)
def test_a_stock_with_all_of_its_minutes_has_no_gap(tmp_path: Path, first: date, days: int) -> None:
    lake = Lake(tmp_path)
    report = check(lake, open_times(first.replace(day=1), days + first.day - 1))
    assert (report.status, report.gaps, report.oddities) == ("passed", 0, ())
    assert set(lake.read(CANDLES)["gap_before"].to_pylist()) == {0}
    assert lake.partitions(GAPS) == ()


@pytest.mark.parametrize("seed", range(20))
def test_missing_open_minutes_are_one_gap_over_nights_and_months(tmp_path: Path, seed: int) -> None:
    rng = random.Random(seed)
    lake = Lake(tmp_path)
    times = open_times(date(2025, 9, 1), 61)
    at, count = rng.randint(1, len(times) // 2), rng.choice([1, 2, 30, 381, 400, 1000, 4000])
    held = times[:at] + times[at + count :]
    report = check(lake, held)
    assert (report.status, report.gaps) == ("passed", 1)
    assert gaps(lake) == [(times[at], times[at + count - 1], count)]
    marks = lake.read(CANDLES)["gap_before"].to_pylist()
    assert (marks[at], sum(marks)) == (count, count)
    assert all(month.skipped for month in check(lake, held).months)


@pytest.mark.parametrize("seed", range(20))
def test_limits_count_open_minutes_alone(tmp_path: Path, seed: int) -> None:
    rng = random.Random(seed)
    lake = Lake(tmp_path)
    times = open_times(date(2026, 3, 3), 20)
    at, count = rng.randint(1, 2000), rng.randint(2, 800)
    held = times[:at] + times[at + count :]
    share = (count - 0.5) / len(times)
    strict = check(lake, held, EVERY_HOLE.model_copy(update={"max_missing_share": share}))
    assert f"{count} of {len(times)} minutes are absent" in strict.reasons[0]
    short = check(lake, held, EVERY_HOLE.model_copy(update={"max_gap_minutes": count - 1}))
    assert f"{count} minutes absent from {moment_of(times[at]):%Y-%m-%d %H:%M}" in short.reasons[0]


@pytest.mark.parametrize("days", range(1, 12))
def test_days_after_the_last_candle_are_a_gap_only_if_the_venue_was_open(
    tmp_path: Path, days: int
) -> None:
    lake = Lake(tmp_path)
    times = open_times(date(2025, 9, 1), 32)  # up to Thursday 2 October; then come seven days off
    as_of = datetime(2025, 10, 2, 15, tzinfo=UTC) + timedelta(days=days)
    check(lake, times, as_of=as_of)
    begin = milliseconds(datetime(2025, 10, 10, tzinfo=UTC))
    missing = KRX.open_minutes(begin, milliseconds(as_of))
    assert sum(count for _, _, count in gaps(lake)) == missing
    assert (missing > 0) == (days >= 8)


def test_an_event_explains_a_hole_with_a_night_in_it(tmp_path: Path) -> None:
    lake = Lake(tmp_path)
    times = open_times(date(2026, 3, 3), 10)
    halt = KnownEvent.model_validate(
        {
            "venue": "krx",
            "symbol": "005930",
            "cause": "maintenance",
            "first": moment_of(times[300]),
            "minutes": 2 * 1440,
            "reason": "trading was halted",
            "source": "disclosure",
            "noted": "2026-03-09",
        }
    )
    check(lake, times[:300] + times[600:], known=(halt,))
    assert lake.read(GAPS, venue="krx")["cause"].to_pylist() == ["maintenance"]


def test_candles_of_a_day_off_are_said(tmp_path: Path) -> None:
    saturday = milliseconds(datetime(2026, 3, 7, 1, tzinfo=UTC))
    times = [*open_times(date(2026, 3, 3), 4), saturday, saturday + MINUTE_MS]
    report = check(Lake(tmp_path), times)
    assert report.ok
    assert report.oddities == (
        "005930: candles of 2026-03-07, days without a session by the trading hours",
    )


def test_minutes_without_trades_are_normal_up_to_the_setting(tmp_path: Path) -> None:
    lake = Lake(tmp_path)
    times = open_times(date(2026, 3, 3), 5)
    thin = [time for place, time in enumerate(times) if place % 10 == 0]
    assert check(lake, thin, ValidationSettings()).ok
    assert lake.partitions(GAPS) == ()


def test_bars_of_a_stock_need_no_minute_of_the_night(tmp_path: Path) -> None:
    lake = Lake(tmp_path)
    check(lake, open_times(date(2026, 3, 3), 4))
    end = datetime(2026, 3, 7, tzinfo=UTC)
    build_bars(lake, as_of=end, symbols=["005930"], venue="krx", sparse=True)
    hours = lake.read(BARS, venue="krx", interval="1h").to_pylist()
    assert [row["candles"] for row in hours[:7]] == [60, 60, 60, 60, 60, 60, 21]
    days = lake.read(BARS, venue="krx", interval="1d").to_pylist()
    assert [row["candles"] for row in days] == [SESSION] * 3


@pytest.mark.parametrize(
    ("as_of", "stale"),
    [
        (datetime(2026, 3, 7, 12, tzinfo=UTC), False),  # Saturday
        (datetime(2026, 3, 9, tzinfo=UTC), False),  # Monday, before the session
        (datetime(2026, 3, 10, 7, tzinfo=UTC), True),  # a whole session is missing
    ],
)
def test_a_search_after_a_weekend_finds_the_candles_of_a_stock_fresh(
    tmp_path: Path, as_of: datetime, stale: bool
) -> None:
    lake = Lake(tmp_path)
    check(lake, open_times(date(2026, 3, 3), 4))
    settings = load_settings(lake=tmp_path, venue="krx", symbols=("005930",))
    with pytest.raises(DataError) as refused:
        optimize(lake, as_of=as_of, strategy="breakout", symbol="005930", settings=settings)
    assert ("before the run's as-of time" in str(refused.value)) == stale
    assert ("use more data or shorter folds" in str(refused.value)) != stale


@pytest.mark.parametrize(
    ("as_of", "volumes"),
    [
        (datetime(2026, 3, 6, 7, tzinfo=UTC), 1),  # Friday, after the session
        (datetime(2026, 3, 7, 12, tzinfo=UTC), 1),  # Saturday
        (datetime(2026, 3, 8, 23, 59, tzinfo=UTC), 1),  # Monday, before the session
        (datetime(2026, 3, 6, 1, tzinfo=UTC), 0),  # Friday, the session has begun without candles
    ],
)
def test_the_universe_of_a_monday_is_that_of_the_last_session(
    tmp_path: Path, as_of: datetime, volumes: int
) -> None:
    lake, symbols = Lake(tmp_path), ("000660", "005930")
    first = date(2026, 3, 6) if volumes else date(2026, 3, 4)
    for number, symbol in enumerate(symbols, 1):
        columns = stock(open_times(first, 1))
        columns["quote_volume"] = [100.0 * number] * len(columns["open_time"])
        put_checked(lake, symbol, table(columns), venue="krx")
    found = scan(lake, as_of=as_of, venue="krx", size=10, hours=KRX)
    assert [member.symbol for member in found] == ["005930", "000660"][: 2 * volumes]
    assert [member.quote_volume for member in found] == [
        SESSION * 200.0,
        SESSION * 100.0,
    ][: 2 * volumes]
