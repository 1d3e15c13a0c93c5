"""Columns of times, in every form, as milliseconds since 1970 in UTC."""

from __future__ import annotations

from typing import Literal

import numpy as np
import polars as pl

from trading.candles import MINUTE_MS
from trading.errors import DataError
from trading.market.candle_checks import to_milliseconds

_CLOCKS = (
    *("%Y-%m-%d %H:%M:%S%.f", "%Y-%m-%d %H:%M", "%Y-%m-%d"),
    *("%Y%m%d %H:%M:%S%.f", "%Y%m%d %H:%M", "%Y%m%d %H%M%S", "%Y%m%d"),
)
_IN_A_MS = {"us": 1_000, "ns": 1_000_000}


def times_of(column: pl.Series, name: str) -> pl.Series:
    """Return milliseconds since 1970 (int64); null where a text is no time."""
    kind = column.dtype
    if isinstance(kind, pl.Categorical | pl.Enum):
        column, kind = column.cast(pl.String), pl.String()
    if kind == pl.Date:
        return column.cast(pl.Datetime("ms")).dt.timestamp("ms")
    if isinstance(kind, pl.Datetime):
        unit: Literal["us", "ns"] = "ns" if kind.time_unit == "ns" else "us"
        raw, factor = column.dt.timestamp(unit), _IN_A_MS[unit]
        if ((raw % factor) != 0).any():
            raise DataError(
                f"column '{name}' holds times finer than a millisecond, which no candle opens at"
            )
        return raw // factor
    if kind == pl.String:
        return _parsed(column.str.strip_chars(), name)
    if not kind.is_numeric():
        raise DataError(
            f"column '{name}' is {kind}; a timestamp or a whole number since 1970 is needed"
        )
    return _scaled(column.cast(pl.Int64, strict=False))


def _scaled(numbers: pl.Series) -> pl.Series:
    filled = numbers.fill_null(strategy="forward").fill_null(strategy="backward")
    if filled.null_count():
        return numbers
    times = pl.Series(numbers.name, to_milliseconds(np.asarray(filled.to_numpy())))
    return times.zip_with(numbers.is_not_null(), numbers)


def _parsed(texts: pl.Series, name: str) -> pl.Series:
    if texts.str.contains(r"^\d{9,}(\.0*)?$").any():
        return _scaled(texts.str.replace(r"\.0*$", "").cast(pl.Int64, strict=False))
    rounded = texts.filter(texts.str.contains(r"^\d(\.\d+)?[eE]\+?\d+$").fill_null(False))
    if len(rounded):
        raise DataError(
            f"column '{name}' holds '{rounded[0]}', a number that a spreadsheet rounded; "
            "get the file again and do not save it in a spreadsheet"
        )
    if texts.str.contains(r"^\d{1,2}[./-]\d{1,2}[./-]\d{4}").any():
        raise DataError(
            f"column '{name}' holds '{texts[0]}', whose day and month are not clear; "
            "write for example 2024-01-31 00:00"
        )
    text, offset = pl.col("text"), pl.col("offset")
    plain = (
        text.str.replace(r"^(\d{4})[./](\d{2})[./](\d{2})", "$1-$2-$3")
        .str.replace(r"(\d)T(\d)", "$1 $2")
        .str.replace(r"\s*(Z|UTC|[+-]\d{2}:?\d{2})$", "")
        .str.replace(r"(:\d{2}(?:\.\d+)?)\s*[+-]\d{2}$", "$1")
    )
    rest = offset.str.slice(3, 2).cast(pl.Int64, strict=False).fill_null(0)
    minutes = offset.str.slice(1, 2).cast(pl.Int64) * 60 + rest
    shift = pl.when(offset.str.starts_with("-")).then(-minutes).otherwise(minutes).fill_null(0)
    moments = pl.coalesce(
        plain.str.to_datetime(form, time_unit="ms", strict=False) for form in _CLOCKS
    )
    frame = texts.to_frame("text").with_columns(
        pl.coalesce(
            text.str.extract(r"([+-]\d{2}:?\d{2})$").str.replace(":", ""),
            text.str.extract(r":\d{2}(?:\.\d+)?\s*([+-]\d{2})$"),
        ).alias("offset")
    )
    return (
        frame.select(moments.dt.timestamp("ms") - shift * MINUTE_MS).to_series().alias(texts.name)
    )
