"""Hours and holidays of venues that close, as data: which minutes are open, and how many."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta, timezone
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from flows.settings import PROJECT
from flows.sources.trading_hours import ALWAYS_OPEN, load_trading_hours
from lake.content import milliseconds, moment_of
from trading.candles import DAY_MS, MINUTE_MS
from trading.errors import SettingsError

FILE = PROJECT / "config" / "trading_hours.toml"
KRX = load_trading_hours(FILE, "krx")
KOREA = timezone(timedelta(hours=9))
SESSION = 381  # 09:00 to 15:19, and the closing price of 15:30


def at(text: str) -> int:
    """Return milliseconds of a time in Korea, or of a day's midnight."""
    return milliseconds(datetime.fromisoformat(text).replace(tzinfo=KOREA))


def sessions(first: date, days: int) -> list[date]:
    """Return the days of a stretch that have open minutes."""
    found = [first + timedelta(days=number) for number in range(days)]
    return [day for day in found if KRX.open_minutes(at(f"{day}"), at(f"{day}") + DAY_MS)]


@pytest.mark.parametrize(
    ("day", "first", "last", "count"),
    [
        ("2026-11-30", "09:00", "15:30", SESSION),
        ("2026-01-02", "10:00", "15:30", SESSION - 60),  # the first session of the year
        ("2025-01-02", "10:00", "15:30", SESSION - 60),
        ("2025-11-13", "10:00", "16:30", SESSION),  # the university entrance examination
        ("2026-11-19", "10:00", "16:30", SESSION),
        ("2020-12-03", "10:00", "16:30", SESSION),
    ],
)
def test_a_session_has_its_first_and_last_minute(
    day: str, first: str, last: str, count: int
) -> None:
    begin = at(day)
    assert KRX.open_minutes(begin, begin + DAY_MS) == count
    assert KRX.minute(begin) == at(f"{day} {first}")
    assert KRX.minute(begin, count - 1) == at(f"{day} {last}")


@pytest.mark.parametrize(
    "day",
    [
        *("2026-11-28", "2026-11-29"),  # a weekend
        *("2025-01-27", "2025-10-08", "2026-02-17"),  # around the lunar new year, Chuseok
        *("2022-03-09", "2025-06-03", "2026-06-03"),  # elections
        *("2023-12-29", "2022-12-30", "2025-12-31"),  # the last weekday of a year
        *("2020-08-17", "2024-10-01"),  # holidays made for one year
    ],
)
def test_a_day_off_has_no_open_minute(day: str) -> None:
    begin = at(day)
    assert KRX.open_minutes(begin, begin + DAY_MS) == 0
    assert KRX.closed_days(np.array([begin + 10 * 60 * MINUTE_MS], np.int64)) == [
        date.fromisoformat(day)
    ]


def test_years_have_as_many_sessions_as_the_exchange_held() -> None:
    # Counted in the daily candles of ten stocks, 2023-12-05 to 2025-06-17.
    assert len(sessions(date(2023, 12, 5), 561)) == 370
    assert len(sessions(date(2024, 1, 1), 366)) == 244


@given(begin=st.integers(at("2025-09-25"), at("2026-03-10")), length=st.integers(0, 12 * 1440))
def test_open_minutes_are_counted_one_by_one(begin: int, length: int) -> None:
    begin -= begin % MINUTE_MS
    times = begin + MINUTE_MS * np.arange(length, dtype=np.int64)
    each = np.diff(KRX.elapsed(np.append(times, begin + length * MINUTE_MS)))
    assert set(each.tolist()) <= {0, 1}
    assert KRX.open_minutes(begin, begin + length * MINUTE_MS) == each.sum()
    opened = times[each == 1].tolist()
    assert [KRX.minute(begin, number) for number in range(0, len(opened), 97)] == opened[::97]
    for moment in map(moment_of, opened[:: max(1, len(opened) // 20)]):
        local = moment + timedelta(hours=9)
        assert local.weekday() < 5
        assert 9 <= local.hour <= 16


def test_a_venue_that_is_not_named_never_closes() -> None:
    hours = load_trading_hours(FILE, "binance_usdm")
    assert hours.always
    assert hours.open_minutes(0, 7 * DAY_MS) == 7 * 1440
    assert hours.minute(MINUTE_MS, 3) == 4 * MINUTE_MS
    assert ALWAYS_OPEN.closed_days(np.array([0], np.int64)) == []


def test_daylight_saving_moves_a_session_in_utc(tmp_path: Path) -> None:
    path = tmp_path / "hours.toml"
    path.write_text(GOOD.replace("Asia/Seoul", "America/New_York"))
    hours = load_trading_hours(path, "krx")
    firsts = [hours.minute(milliseconds(datetime(2026, month, 3, tzinfo=UTC))) for month in (2, 7)]
    assert [moment_of(first).hour for first in firsts] == [14, 13]


GOOD = """
[krx]
time_zone = "Asia/Seoul"
weekdays = ["mon", "tue", "wed", "thu", "fri"]
hours = ["09:00-15:20"]
source = "here"
noted = 2026-11-30
"""
BAD = {
    "no zone": ("Asia/Seoul", "Asia/Soul", "krx.time_zone: 'asia/Soul' is no time zone"),
    "no time": ("09:00-15:20", "nine to five", "'nine to five' is not a time span"),
    "one end": ("09:00-15:20", "09:00", "'09:00' is not a time span"),
    "turned over": ("09:00-15:20", "15:20-09:00", "begins before the last minute ended"),
    "no weekday": ('"mon"', '"monday"', "krx.weekdays.0"),
    "no source": ('source = "here"', "", "krx.source: field required"),
    "unknown": ("noted", "note = 1\nnoted", "krx.note: extra inputs are not permitted"),
    "no hours": ('["09:00-15:20"]', "[]", "krx.hours: tuple should have at least 1 item"),
    "not TOML": ("[krx]", "[krx", "is not TOML"),
}


@pytest.mark.parametrize("name", BAD)
def test_a_wrong_file_is_refused_with_one_sentence(tmp_path: Path, name: str) -> None:
    old, new, said = BAD[name]
    path = tmp_path / "hours.toml"
    path.write_text(GOOD.replace(old, new, 1))
    with pytest.raises(SettingsError) as refused:
        load_trading_hours(path, "krx")
    assert said.casefold() in str(refused.value).casefold()
    assert "\n" not in str(refused.value)


def test_a_missing_file_names_its_setting(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="see the setting 'trading_hours'"):
        load_trading_hours(tmp_path / "absent.toml", "krx")


def test_hours_that_differ_have_another_recipe() -> None:
    assert KRX.recipe != ALWAYS_OPEN.recipe == ""


@pytest.mark.parametrize(
    ("open_time", "length", "closes"),
    [
        ("2025-06-17T06:29Z", MINUTE_MS, False),
        ("2025-06-17T06:30Z", MINUTE_MS, True),  # the closing auction ends the day
        ("2025-06-17T06:00Z", 60 * MINUTE_MS, True),
        ("2025-06-17T06:19Z", MINUTE_MS, False),  # before the auction
        ("2025-11-13T06:30Z", MINUTE_MS, False),  # the entrance examination: an hour later
        ("2025-11-13T07:30Z", MINUTE_MS, True),
        ("2025-06-16T00:00Z", 1_440 * MINUTE_MS, True),
        ("2025-06-14T00:00Z", 1_440 * MINUTE_MS, False),  # a Saturday
        ("2051-06-14T00:00Z", MINUTE_MS, False),  # beyond the calendar
    ],
)
def test_a_candle_knows_whether_the_trading_day_ends_in_it(
    open_time: str, length: int, closes: bool
) -> None:
    times = np.array([milliseconds(datetime.fromisoformat(open_time))], np.int64)
    found = KRX.closes_in(times, length)
    assert found is not None
    assert found.tolist() == [closes]


def test_a_venue_that_never_closes_ends_no_day() -> None:
    assert ALWAYS_OPEN.closes_in(np.array([0], np.int64), MINUTE_MS) is None
