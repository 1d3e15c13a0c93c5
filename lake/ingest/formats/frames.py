"""Files of candles and funding in every usual format, as frames with the lake's column names.

CSV (plain or gzipped, with a header or Binance's twelve columns without one), feather, Parquet and
JSON, each with the column names of Binance, freqtrade, TradingView, Upbit or KRX. Polars reads them
in its streaming engine. Times become milliseconds in UTC, a time without a zone is UTC; what is no
number becomes null. Nothing is checked here: see `lake.ingest.candle_rows`.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import polars as pl

from lake.ingest.formats.columns import (
    CANDLES,
    FLOWS,
    FUNDING,
    PRICES,
    date_and_time,
    roles_of,
)
from lake.ingest.formats.scans import first_line, scan
from lake.ingest.formats.times import times_of
from trading.candles import Integers
from trading.errors import DataError
from trading.market.candle_checks import enclosing

UNREADABLE = "unreadable"
"""Marks rows with a text where a number belongs; the column is there only if a file has texts."""

# 1,234.5 and 1234.50; then 1.234,5 and 1234,50. Only 1,234 could be either: thousands.
_ENGLISH = r"^-?([1-9]\d{0,2}(,\d{3})+(\.\d+)?|\d+\.(\d{1,2}|\d{4,}))$"
_CONTINENTAL = r"^-?([1-9]\d{0,2}(\.\d{3})+,\d+|[1-9]\d{0,2}(\.\d{3}){2,}|\d+,\d+)$"


def read_candle_frame(path: Path) -> pl.DataFrame:
    """Read candles: `CANDLES` and those of `FLOWS` that the file has, in the order of the file."""
    return _read(path, CANDLES, FLOWS)


def read_candle_csv(text: bytes) -> pl.DataFrame:
    """Read candles from the text of a CSV."""
    return _read(text, CANDLES, FLOWS)


def read_funding_frame(path: Path) -> pl.DataFrame:
    """Read funding rates: ``funding_time``, ``funding_rate`` and, if there is one, ``mark_price``.

    The milliseconds by which the times jitter are kept.
    """
    return _read(path, FUNDING[:2], FUNDING[2:])


def read_funding_csv(text: bytes) -> pl.DataFrame:
    """Read funding rates from the text of a CSV."""
    return _read(text, FUNDING[:2], FUNDING[2:])


def read_times(path: Path) -> Integers:
    """Read the open times (ms) alone, in the order of the file."""
    frame = _read(path, CANDLES[:1], ())
    times: Integers = frame["open_time"].drop_nulls().to_numpy()
    return times


def columns_of(path: Path) -> tuple[str, ...]:
    """Return the names of a file's columns as they stand in it; nothing else is read."""
    return tuple(_names(scan(path)))


def _read(source: Path | bytes, needed: Sequence[str], optional: Sequence[str]) -> pl.DataFrame:
    try:
        return _frame(scan(source), needed, optional)
    except pl.exceptions.ComputeError:  # a CSV with something that is no number
        pass
    try:
        return _frame(scan(source, numbers=False), needed, optional)
    except pl.exceptions.PolarsError as error:
        raise DataError(f"it cannot be read to its end: {first_line(error)}") from error


def _frame(lazy: pl.LazyFrame, needed: Sequence[str], optional: Sequence[str]) -> pl.DataFrame:
    names = _names(lazy)
    roles = roles_of(names, needed, optional)
    wanted = lazy.select(pl.col(name).alias(role) for role, name in roles.items())
    apart = date_and_time(names)
    if apart is not None:
        day, clock = (pl.col(name).cast(pl.String).str.strip_chars() for name in apart)
        both = pl.when(clock.str.contains(r"^\d{1,2}:\d{2}")).then(day + " " + clock)
        wanted = lazy.select(
            both.otherwise(pl.col(roles[needed[0]]).cast(pl.String)).alias(needed[0]),
            *(pl.col(name).alias(role) for role, name in roles.items() if role != needed[0]),
        )
    try:
        frame = wanted.collect(engine="streaming")
    except OSError as error:
        raise DataError(f"it cannot be read to its end: {first_line(error)}") from error
    time, *numbers = roles
    frame = _without_blank_rows(frame)
    decimal_comma = _has_decimal_comma(frame, numbers)
    times = times_of(frame[time], roles[time])
    if frame.height and times.null_count() == frame.height:
        raise DataError(f"column '{roles[time]}' holds '{frame[time][0]}', which is no time")
    columns = [times, *(_numbers(frame[role], roles[role], decimal_comma) for role in numbers)]
    result = pl.DataFrame(columns)
    texts = [role for role in numbers if frame[role].dtype == pl.String]
    if texts:
        lost = [(frame[role].str.strip_chars() != "") & result[role].is_null() for role in texts]
        result = result.with_columns(
            pl.DataFrame(dict(zip(texts, lost, strict=True)))
            .select(pl.any_horizontal(pl.all().fill_null(False)).alias(UNREADABLE))
            .to_series()
        )
    rounded = any(frame[role].dtype == pl.Float32 for role in numbers if role in PRICES)
    return _enclosed(result) if rounded else result


def _names(lazy: pl.LazyFrame) -> list[str]:
    return lazy.collect_schema().names()


def _without_blank_rows(frame: pl.DataFrame) -> pl.DataFrame:
    """Drop what empty lines at the end of a file leave behind."""
    if not frame.height or frame.row(-1)[0] is not None:
        return frame
    filled = frame.select(pl.any_horizontal(pl.all().is_not_null())).to_series().to_numpy()
    return frame.head(int(np.flatnonzero(filled)[-1]) + 1) if filled.any() else frame


def _has_decimal_comma(frame: pl.DataFrame, numbers: Sequence[str]) -> bool:
    """Tell whether the texts write 1234.5 as 1234,5; `DataError` if some do and some do not."""
    comma = point = ""
    for role in numbers:
        if frame[role].dtype != pl.String:
            continue
        texts = frame[role].str.strip_chars()
        english = texts.str.contains(_ENGLISH).fill_null(False)
        continental = texts.str.contains(_CONTINENTAL).fill_null(False)
        comma = comma or next(iter(texts.filter(continental & ~english)), "")
        point = point or next(iter(texts.filter(english & ~continental)), "")
    if comma and point:
        raise DataError(
            f"it writes numbers as '{comma}' and as '{point}'; write all of them with a point"
        )
    return bool(comma)


def _numbers(column: pl.Series, name: str, decimal_comma: bool) -> pl.Series:
    kind = column.dtype
    if kind == pl.String:
        column = column.str.strip_chars()
        if decimal_comma:
            column = column.str.replace_all(".", "", literal=True).str.replace(",", ".")
        column = column.str.replace_all(",", "")
    elif not (kind.is_numeric() or kind == pl.Null):
        raise DataError(f"column '{name}' is {kind}; numbers are needed")
    column = column.cast(pl.Float64, strict=False)
    return column.cast(pl.Int64, strict=False) if column.name == "trades" else column


def _enclosed(frame: pl.DataFrame) -> pl.DataFrame:
    """Undo what a float32 rounded off: high and low enclose open and close again."""
    opens, highs, lows, closes = (frame[name].to_numpy() for name in PRICES)
    highs, lows = enclosing(opens, highs, lows, closes)
    return frame.with_columns(pl.Series("high", highs), pl.Series("low", lows))
