"""Files of candles and funding in every usual format, as frames with the lake's column names.

CSV (plain or gzipped, with a header or Binance's twelve columns without one), feather, Parquet and
JSON, each with the column names of Binance, freqtrade, TradingView, Upbit or KRX. Polars reads them
in its streaming engine. Times become milliseconds in UTC, a time without a zone is UTC; what is no
number becomes null. Nothing is checked here: see `lake.ingest.candle_rows`.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import polars as pl

from lake.ingest.formats.columns import CANDLES, FLOWS, FUNDING, PRICES, roles_of
from lake.ingest.formats.scans import first_line, scan
from lake.ingest.formats.times import times_of
from trading.candles import Integers
from trading.errors import DataError
from trading.market.candle_checks import enclosing

UNREADABLE = "unreadable"
"""Marks rows with a text where a number belongs; the column is there only if a file has texts."""


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
    roles = roles_of(_names(lazy), needed, optional)
    wanted = lazy.select(pl.col(name).alias(role) for role, name in roles.items())
    try:
        frame = wanted.collect(engine="streaming")
    except OSError as error:
        raise DataError(f"it cannot be read to its end: {first_line(error)}") from error
    time, *numbers = roles
    times = times_of(frame[time], roles[time])
    if frame.height and times.null_count() == frame.height:
        raise DataError(f"column '{roles[time]}' holds '{frame[time][0]}', which is no time")
    columns = [times, *(_numbers(frame[role], roles[role]) for role in numbers)]
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


def _numbers(column: pl.Series, name: str) -> pl.Series:
    kind = column.dtype
    if kind == pl.String:
        column = column.str.strip_chars().str.replace_all(",", "")
    elif not (kind.is_numeric() or kind == pl.Null):
        raise DataError(f"column '{name}' is {kind}; numbers are needed")
    column = column.cast(pl.Float64, strict=False)
    return column.cast(pl.Int64, strict=False) if column.name == "trades" else column


def _enclosed(frame: pl.DataFrame) -> pl.DataFrame:
    """Undo what a float32 rounded off: high and low enclose open and close again."""
    opens, highs, lows, closes = (frame[name].to_numpy() for name in PRICES)
    highs, lows = enclosing(opens, highs, lows, closes)
    return frame.with_columns(pl.Series("high", highs), pl.Series("low", lows))
