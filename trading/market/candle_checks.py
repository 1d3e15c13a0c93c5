"""Checks of raw candles that every reader shares: the unit of times, and what a row may hold."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from trading.candles import MINUTE_MS, Floats, Integers
from trading.errors import DataError

Prices = tuple[Floats, Floats, Floats, Floats]
"""Open, high, low and close."""

# Units by magnitude: first value, end, factor to and from milliseconds. Each spans 1973 to 2286.
_UNITS = (
    (10**8, 10**10, 1_000, 1),
    (10**11, 10**13, 1, 1),
    (10**14, 10**16, 1, 1_000),
    (10**17, 9 * 10**18, 1, 1_000_000),
)
# The year 2286; as microseconds it is April 1970.
_LARGEST_MS = 10_000_000_000_000
# A float32 holds 24 bits: rounding moves a price by less than this share.
_FLOAT32_STEP = 2.0**-23


def to_milliseconds(times: Integers) -> Integers:
    """Return times since 1970 in milliseconds; seconds to nanoseconds show in their size.

    Small values whose spacing is whole minutes of milliseconds are milliseconds of the early
    seventies. Raises `DataError` without the name of the file when the unit is not clear.
    """
    if not len(times) or _early_milliseconds(times):
        return times
    first = int(times[0])
    for low, end, factor, divisor in _UNITS:
        if not low <= first < end:
            continue
        other = (times < low) | (times >= end)
        if other.any():
            row = int(np.argmax(other))
            raise DataError(
                f"open_time in row {row} is {times[row]}, in row 0 {first}: the unit changes;"
                " one unit since 1970 is needed"
            )
        if np.any(times % divisor):
            raise DataError(
                "open_time holds times finer than a millisecond, which no candle opens at"
            )
        result: Integers = times * factor // divisor
        return result
    raise DataError(
        f"open_time in row 0 is {first}, whose unit is not clear; seconds, milliseconds,"
        " microseconds or nanoseconds since 1970 are needed"
    )


def _early_milliseconds(times: Integers) -> bool:
    if int(times.min()) < 0 or int(times.max()) >= 10**11:
        return False
    steps = np.diff(times)
    if np.any(steps % MINUTE_MS):
        return False
    return bool(steps.any()) if len(steps) else int(times[0]) < 10**8


def impossible_rows(
    opens: Floats, highs: Floats, lows: Floats, closes: Floats
) -> npt.NDArray[np.bool_]:
    """Mark rows whose high or low does not enclose open and close."""
    outside: npt.NDArray[np.bool_] = (highs < np.maximum(opens, closes)) | (
        lows > np.minimum(opens, closes)
    )
    return outside


def describe_impossible(row: int, opens: Any, highs: Any, lows: Any, closes: Any) -> str:
    """Say what is wrong with an impossible row."""
    high, low = float(highs[row]), float(lows[row])
    if high < low:
        return f"row {row}: high {high:g} is below low {low:g}"
    top, bottom = max(opens[row], closes[row]), min(opens[row], closes[row])
    if high < top:
        return f"row {row}: high {high:g} is below open or close, {float(top):g}"
    return f"row {row}: low {low:g} is above open or close, {float(bottom):g}"


def refuse_impossible(opens: Floats, highs: Floats, lows: Floats, closes: Floats) -> None:
    """Raise `DataError`, without the name of the file, for the first impossible row."""
    outside = impossible_rows(opens, highs, lows, closes)
    if outside.any():
        row = int(np.argmax(outside))
        raise DataError(describe_impossible(row, opens, highs, lows, closes))


def checked_candles(
    times: Integers, prices: Prices, volumes: Floats
) -> tuple[Integers, Prices, Floats]:
    """Return ascending candles; ``times`` are ms, ``prices`` open, high, low and close.

    Raises `DataError`, without the name of the file, for the first row that is wrong: a time out of
    range, a price that is not above 0, a volume below 0, what is no number, a high or low that does
    not enclose its candle, two candles of one time. Rows count from 0 as in the file.
    """
    strange = (times < 0) | (times >= _LARGEST_MS)
    if strange.any():
        row = int(np.argmax(strange))
        raise DataError(f"open_time in row {row} is {times[row]}, no time since 1970")
    for name, column in zip(("open", "high", "low", "close"), prices, strict=True):
        _refuse(name, column, ~(column > 0.0), "a price above 0")
    _refuse("volume", volumes, ~(volumes >= 0.0), "a volume of 0 or more")
    opens, highs, lows, closes = prices
    refuse_impossible(opens, highs, lows, closes)
    if np.any(np.diff(times) <= 0):
        order = np.argsort(times, kind="stable")
        times, volumes = times[order], volumes[order]
        prices = (opens[order], highs[order], lows[order], closes[order])
        _refuse_duplicates(times, order)
    return times, prices, volumes


def _refuse(name: str, values: Floats, bad: npt.NDArray[np.bool_], needed: str) -> None:
    bad = bad | ~np.isfinite(values)
    if bad.any():
        row = int(np.argmax(bad))
        raise DataError(f"{name} in row {row} is {values[row]}; {needed} is needed")


def _refuse_duplicates(times: Integers, rows: npt.NDArray[Any]) -> None:
    same = np.flatnonzero(np.diff(times) == 0)
    if same.size:
        first = int(same[0])
        moment = np.datetime64(int(times[first]), "ms")
        raise DataError(
            f"rows {rows[first]} and {rows[first + 1]} both open at {moment}Z; remove the duplicate"
        )


def enclosing(opens: Floats, highs: Floats, lows: Floats, closes: Floats) -> tuple[Floats, Floats]:
    """Return highs and lows that enclose open and close where only a float32 rounded them off."""
    top, bottom = np.maximum(opens, closes), np.minimum(opens, closes)
    near_top = (highs < top) & (top - highs <= _FLOAT32_STEP * np.abs(top))
    near_bottom = (lows > bottom) & (lows - bottom <= _FLOAT32_STEP * np.abs(lows))
    return np.where(near_top, top, highs), np.where(near_bottom, bottom, lows)
