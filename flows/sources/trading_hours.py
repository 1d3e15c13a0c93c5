"""When a venue is open, read from ``config/trading_hours.toml``: only open minutes can be missing.

Times are milliseconds since the epoch, UTC.
"""

from __future__ import annotations

import tomllib
from collections.abc import Mapping, Sequence
from datetime import UTC, date, datetime, time, timedelta
from functools import cached_property
from pathlib import Path
from typing import Literal
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import numpy as np
import numpy.typing as npt
from pydantic import BaseModel, Field, ValidationError, field_validator

from lake.content import milliseconds, moment_of
from trading.candles import MINUTE_MS
from trading.errors import SettingsError

Times = npt.NDArray[np.int64]

_WEEKDAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
_FIRST_DAY, _LAST_DAY = date(2000, 1, 1), date(2050, 12, 31)
"""The days whose sessions are known; outside of them a venue that closes is closed."""


class DaysWithOtherHours(BaseModel, frozen=True, extra="forbid"):
    """Days whose session differs from the usual one, and why."""

    dates: tuple[date, ...] = Field(min_length=1)
    hours: tuple[str, ...]
    reason: str

    @field_validator("hours")
    @classmethod
    def _readable(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        return _checked(value)


class VenueHours(BaseModel, frozen=True, extra="forbid"):
    """The sessions of a venue in its local time; see ``config/trading_hours.toml``."""

    time_zone: str
    weekdays: tuple[Literal["mon", "tue", "wed", "thu", "fri", "sat", "sun"], ...]
    hours: tuple[str, ...] = Field(min_length=1)
    holidays: tuple[date, ...] = ()
    days: tuple[DaysWithOtherHours, ...] = ()
    source: str
    noted: date

    @field_validator("hours")
    @classmethod
    def _readable(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        return _checked(value)

    @field_validator("time_zone")
    @classmethod
    def _known(cls, value: str) -> str:
        try:
            ZoneInfo(value)
        except (ZoneInfoNotFoundError, ValueError) as error:
            raise ValueError(f"'{value}' is no time zone") from error
        return value


class TradingHours:
    """The open minutes of a venue, which can be counted; without sessions it never closes."""

    def __init__(self, sessions: VenueHours | None = None) -> None:
        self._sessions = sessions

    @property
    def always(self) -> bool:
        """Whether the venue never closes."""
        return self._sessions is None

    @property
    def recipe(self) -> str:
        """The sessions as a text; empty if the venue never closes."""
        return "" if self._sessions is None else self._sessions.model_dump_json()

    def elapsed(self, times: Times) -> Times:
        """Count the open minutes before each time."""
        if self.always:
            return times // MINUTE_MS
        starts, minutes, before = self._spans
        place = np.clip(np.searchsorted(starts, times, side="right") - 1, 0, None)
        inside = np.clip((times - starts[place]) // MINUTE_MS, 0, minutes[place])
        return np.asarray(before[place] + inside, dtype=np.int64)

    def open_minutes(self, begin: int, end: int) -> int:
        """Count the open minutes from ``begin`` up to ``end``."""
        first, last = self.elapsed(np.array([begin, end], np.int64))
        return max(0, int(last - first))

    def minute(self, begin: int, number: int = 0) -> int:
        """Return the open minute that comes ``number`` after the first at or after ``begin``."""
        if self.always:
            return begin + number * MINUTE_MS
        starts, _, before = self._spans
        count = int(self.elapsed(np.array([begin], np.int64))[0]) + number
        place = int(np.searchsorted(before, count, side="right")) - 1
        return int(starts[place] + (count - before[place]) * MINUTE_MS)

    def closes_in(self, open_times: Times, length_ms: int) -> npt.NDArray[np.bool_] | None:
        """Whether a day's last session ends in each candle; None for a venue that never closes."""
        if self.always:
            return None
        ends = self._ends
        place = np.searchsorted(ends, open_times, side="right")
        following = ends[np.clip(place, None, len(ends) - 1)]
        return np.asarray((place < len(ends)) & (following <= open_times + length_ms))

    def closed_days(self, times: Times) -> list[date]:
        """Return the local days of ``times`` that have no session."""
        if self._sessions is None:
            return []
        zone = ZoneInfo(self._sessions.time_zone)
        hours = np.unique(times // (60 * MINUTE_MS)) * (60 * MINUTE_MS)
        days = {moment_of(int(hour)).astimezone(zone).date() for hour in hours}
        return sorted(day for day in days if not self._of_day(day))

    @cached_property
    def _other(self) -> Mapping[date, tuple[str, ...]]:
        sessions = self._sessions
        if sessions is None:
            return {}
        found: dict[date, tuple[str, ...]] = dict.fromkeys(sessions.holidays, ())
        for days in sessions.days:
            found |= dict.fromkeys(days.dates, days.hours)
        return found

    def _of_day(self, day: date) -> tuple[str, ...]:
        assert self._sessions is not None
        usual = _WEEKDAYS[day.weekday()] in self._sessions.weekdays
        return self._other.get(day, self._sessions.hours if usual else ())

    @cached_property
    def _ends(self) -> Times:
        """The end (ms) of the last stretch of each day with a session."""
        assert self._sessions is not None
        starts, minutes, _ = self._spans
        ends = starts + minutes * MINUTE_MS
        zone = ZoneInfo(self._sessions.time_zone)
        days = np.array([moment_of(int(t)).astimezone(zone).toordinal() for t in starts])
        return ends[np.append(np.diff(days) > 0, True)] if len(ends) else ends

    @cached_property
    def _spans(self) -> tuple[Times, Times, Times]:
        """Starts (ms), lengths and minutes before each stretch of all sessions."""
        assert self._sessions is not None
        zone = ZoneInfo(self._sessions.time_zone)
        starts, minutes = [], []
        for number in range((_LAST_DAY - _FIRST_DAY).days + 1):
            day = _FIRST_DAY + timedelta(days=number)
            for text in self._of_day(day):
                first, length = _span(text)
                midnight = datetime(day.year, day.month, day.day, tzinfo=zone)
                local = midnight.replace(hour=first // 60, minute=first % 60)
                starts.append(milliseconds(local.astimezone(UTC)))
                minutes.append(length)
        lengths = np.array(minutes, np.int64)
        return np.array(starts, np.int64), lengths, np.cumsum(lengths) - lengths


ALWAYS_OPEN = TradingHours()


def load_trading_hours(path: Path, venue: str) -> TradingHours:
    """Read the hours of ``venue``; `SettingsError` names what is wrong with the file."""
    try:
        content = tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise SettingsError(
            f"trading hours {path} cannot be read ({error.strerror}); see the setting "
            "'trading_hours'"
        ) from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise SettingsError(f"trading hours {path} is not TOML: {error}") from error
    if venue not in content:
        return ALWAYS_OPEN
    try:
        return TradingHours(VenueHours.model_validate(content[venue]))
    except ValidationError as error:
        first = error.errors()[0]
        place = ".".join(str(part) for part in first["loc"])
        message = first["msg"].removeprefix("Value error, ")
        raise SettingsError(
            f"trading hours {path}: {venue}.{place}: {message[0].lower()}{message[1:]}"
        ) from error


def _checked(hours: Sequence[str]) -> tuple[str, ...]:
    """Return ``hours`` if each is a stretch of a day, and they follow each other."""
    end = 0
    for text in hours:
        first, length = _span(text)
        if first < end or length <= 0:
            raise ValueError(f"'{text}' begins before the last minute ended")
        end = first + length
    return tuple(hours)


def _span(text: str) -> tuple[int, int]:
    """Return first minute of the day and length of ``09:00-15:20``."""
    try:
        first, end = (time.fromisoformat(part) for part in text.split("-"))
    except ValueError:
        raise ValueError(f"'{text}' is not a time span such as 09:00-15:20") from None
    start = first.hour * 60 + first.minute
    return start, end.hour * 60 + end.minute - start
