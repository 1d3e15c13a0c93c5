"""Times in microseconds, for clients that send `X-MBX-TIME-UNIT` or `timeUnit` (spot only)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

HEADER = "x-mbx-time-unit"
MICROSECONDS = ("MICROSECOND", "microsecond")
# Fields that hold a time in responses and events.
TIMES = frozenset(
    [
        "serverTime", "time", "updateTime", "transactTime", "workingTime", "trailingTime",
        "transactionTime", "openTime", "closeTime", "E", "T", "W", "D", "O", "u", "t",
    ]
)  # fmt: skip
# Event fields of these names are times in some events only: below this they are none.
LEAST = 10**12
# A time from here on is one in microseconds: as milliseconds it is beyond the year 5000.
LEAST_MICROSECONDS = 10**14
KLINE_ROW = 12


def milliseconds(time: int) -> int:
    """Return a time of a request, which is in milliseconds or in microseconds, in milliseconds."""
    return time // 1_000 if time >= LEAST_MICROSECONDS else time


def wants_microseconds(fields: Mapping[str, str]) -> bool:
    """Whether header or query fields ask for microseconds."""
    return fields.get(HEADER, fields.get("timeUnit", "")) in MICROSECONDS


def in_microseconds(value: Any) -> Any:
    """Return a response or an event with its times in microseconds."""
    if isinstance(value, dict):
        return {name: _converted(name, inner) for name, inner in value.items()}
    if isinstance(value, list):
        if len(value) == KLINE_ROW and all(isinstance(value[i], int) for i in (0, 6)):
            return [value[0] * 1_000, *value[1:6], value[6] * 1_000 + 999, *value[7:]]
        return [in_microseconds(item) for item in value]
    return value


def _converted(name: str, value: Any) -> Any:
    if name in TIMES and isinstance(value, int) and not isinstance(value, bool):
        return value * 1_000 if value >= LEAST else value
    return in_microseconds(value)
