"""The one validation of candles that were read from a file: what is left out of them, and why.

The importer leaves bad rows out and goes on (`usable_rows`); a command that is given one file
refuses it at the first (`strict_columns`). Rows count from 0 as in the file.
"""

from __future__ import annotations

import json
from typing import NamedTuple

import numpy as np
import polars as pl
import pyarrow as pa

from lake.contract import TIME
from lake.ingest.formats.columns import CANDLES, PRICES
from lake.ingest.formats.frames import UNREADABLE
from trading.candles import CandleColumns
from trading.errors import DataError
from trading.market.candle_checks import checked_candles, describe_impossible, impossible_rows

_REFUSED_KEY = b"nocturne.refused"
_OHLCV = CANDLES[1:]


class Refused(NamedTuple):
    """A candle that raw cannot hold, with the reason; ``values`` are open to volume."""

    time: int
    reason: str
    values: tuple[float | None, ...]


def refused_rows(table: pa.Table) -> list[Refused]:
    """Return the candles that were left out of a table of `usable_rows`."""
    text = (table.schema.metadata or {}).get(_REFUSED_KEY, b"[]")
    return [Refused(time, reason, tuple(values)) for time, reason, *values in json.loads(text)]


def usable_rows(frame: pl.DataFrame) -> pa.Table:
    """Return sorted rows; those that cannot be stored are listed in the schema's metadata.

    Of two different candles of one minute neither is trusted. Raises `DataError` when a row has no
    time, when no row is left, or when most are impossible.
    """
    _refuse_untimed(frame)
    refused: list[Refused] = []
    frame = _without_unreadable(frame, refused)
    frame = _without_empty(frame, refused)
    frame = _without_contradictions(frame, refused)
    if frame.height:
        _refuse_mostly_impossible(frame)
    elif refused:
        moment = np.datetime64(refused[0].time, "ms").item()
        raise DataError(f"{refused[0].reason}: {moment:%Y-%m-%d %H:%M}")
    table = frame.with_columns(pl.col("open_time").cast(pl.Datetime("ms", "UTC"))).to_arrow()
    table = table.set_column(0, "open_time", table["open_time"].cast(TIME))
    if refused:
        rows = [[row.time, row.reason, *row.values] for row in sorted(set(refused))]
        table = table.replace_schema_metadata({_REFUSED_KEY: json.dumps(rows)})
    return table


def strict_columns(frame: pl.DataFrame) -> CandleColumns:
    """Return ascending candles, or raise `DataError` for the first row that is wrong."""
    if not frame.height:
        raise DataError("it has no rows; give a file with candles")
    for name in CANDLES:
        missing = frame[name].is_null()
        if missing.any():
            row = missing.arg_max()
            raise DataError(f"column '{name}' has no value in row {row} that can be read")
    if UNREADABLE in frame.columns and frame[UNREADABLE].any():
        raise DataError(f"a value in row {frame[UNREADABLE].arg_max()} is no number")
    times = frame["open_time"].to_numpy(writable=True)
    columns = {name: frame[name].to_numpy(writable=True) for name in _OHLCV}
    prices = (columns["open"], columns["high"], columns["low"], columns["close"])
    times, (opens, highs, lows, closes), volumes = checked_candles(times, prices, columns["volume"])
    return CandleColumns.of(times, opens, highs, lows, closes, volumes)


def _refuse_untimed(frame: pl.DataFrame) -> None:
    untimed = frame["open_time"].is_null()
    if untimed.any():
        raise DataError(
            f"row {untimed.arg_max()} has no time that can be read; so have {untimed.sum()} of "
            f"{frame.height} rows"
        )


def _note(frame: pl.DataFrame, reason: str, refused: list[Refused]) -> None:
    refused.extend(
        Refused(time, reason, tuple(values)) for time, *values in frame.select(CANDLES).iter_rows()
    )


def _without_unreadable(frame: pl.DataFrame, refused: list[Refused]) -> pl.DataFrame:
    if UNREADABLE not in frame.columns:
        return frame
    _note(frame.filter(UNREADABLE), "a value is no number", refused)
    return frame.filter(~pl.col(UNREADABLE)).drop(UNREADABLE)


def _without_empty(frame: pl.DataFrame, refused: list[Refused]) -> pl.DataFrame:
    if not any(frame[name].null_count() for name in _OHLCV):
        return frame
    empty = pl.any_horizontal(pl.col(name).is_null() for name in _OHLCV)
    _note(frame.filter(empty), "a price or the volume is missing", refused)
    return frame.filter(~empty)


def _without_contradictions(frame: pl.DataFrame, refused: list[Refused]) -> pl.DataFrame:
    """Sort rows by open time; keep a repeated row once, and neither of two different ones."""
    times = frame["open_time"].to_numpy()
    if np.all(np.diff(times) > 0):
        return frame
    distinct = frame.unique(maintain_order=True).sort("open_time", maintain_order=True)
    twice = pl.col("open_time").is_duplicated()
    _note(distinct.filter(twice), "two different candles for one minute", refused)
    return distinct.filter(~twice)


def _refuse_mostly_impossible(frame: pl.DataFrame) -> None:
    prices = [frame[name].to_numpy() for name in PRICES]
    outside = impossible_rows(*prices)
    if outside.sum() * 2 > len(outside):
        row = int(np.argmax(outside))
        raise DataError(
            f"{describe_impossible(row, *prices)}; so are {outside.sum()} of {len(outside)} rows"
        )
