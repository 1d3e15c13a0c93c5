"""Recorded one-minute candles: ``SYMBOL.parquet`` files, read once, aggregated on demand."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.parquet as pq

from sandbox.engines.common.instruments import ExchangeInstrument, derive_instrument
from sandbox.engines.common.money import to_multiple
from sandbox.market.intervals import bar_start, bar_starts, next_start
from trading.candles import MINUTE_MS
from trading.errors import DataError
from trading.market.candle_checks import checked_candles, enclosing, to_milliseconds
from trading.market.symbols import check_symbol

Floats = npt.NDArray[np.float64]
COLUMNS = ("open_time", "open", "high", "low", "close", "volume")


@dataclass(frozen=True, slots=True)
class Kline:
    """One bar; ``end`` is the open time of the next (ms), prices in quote currency."""

    start: int
    end: int
    open: float
    high: float
    low: float
    close: float
    volume: float
    quote_volume: float


@dataclass(frozen=True, slots=True)
class Series:
    """One-minute candles of a symbol, sorted; ``open_time`` in ms UTC."""

    symbol: str
    open_time: npt.NDArray[np.int64]
    open: Floats
    high: Floats
    low: Floats
    close: Floats
    volume: Floats

    def index(self, time: int) -> int:
        """Return the row of the candle that opens at ``time``, −1 when there is none."""
        row = int(np.searchsorted(self.open_time, time))
        return row if row < len(self.open_time) and self.open_time[row] == time else -1

    def before(self, time: int) -> int:
        """Count the candles that open before ``time``."""
        return int(np.searchsorted(self.open_time, time))

    def bars(self, interval: str, start: int, end: int, known: int) -> list[Kline]:
        """Build the bars that open in [``start``, ``end``) from candles opened before ``known``.

        The last bar may be incomplete. Quote volume is not recorded; close × volume of each minute
        stands for it.
        """
        first = self.before(bar_start(interval, max(0, start)))
        last = self.before(min(known, next_start(interval, bar_start(interval, max(0, end - 1)))))
        if last <= first:
            return []
        rows = slice(first, last)
        starts = bar_starts(interval, self.open_time[rows])
        edges = np.flatnonzero(np.r_[True, starts[1:] != starts[:-1]])
        lasts = np.r_[edges[1:], last - first] - 1
        highs = np.maximum.reduceat(self.high[rows], edges).tolist()
        lows = np.minimum.reduceat(self.low[rows], edges).tolist()
        volumes = np.add.reduceat(self.volume[rows], edges).tolist()
        quotes = np.add.reduceat(self.volume[rows] * self.close[rows], edges).tolist()
        opens, closes = self.open[rows][edges].tolist(), self.close[rows][lasts].tolist()
        times = starts[edges].tolist()
        return [
            Kline(t, next_start(interval, t), o, h, low, c, v, q)
            for t, o, h, low, c, v, q in zip(
                times, opens, highs, lows, closes, volumes, quotes, strict=True
            )
            if start <= t < end
        ]

    def whole(self, start: int, end: int) -> Kline | None:
        """Merge the candles that open in [``start``, ``end``) into one bar; None without any."""
        first, last = self.before(start), self.before(end)
        if last <= first:
            return None
        rows = slice(first, last)
        volume, close = self.volume[rows], self.close[rows]
        return Kline(
            int(self.open_time[first]),
            int(self.open_time[last - 1]) + MINUTE_MS,
            float(self.open[first]),
            float(self.high[rows].max()),
            float(self.low[rows].min()),
            float(close[-1]),
            float(volume.sum()),
            float(volume @ close),
        )


def read_series(path: Path, *, traded: bool = True) -> Series:
    """Read a parquet file with ``open_time`` (UTC), open, high, low, close, volume.

    A price that is not ``traded`` (a mark price) needs no volume.
    """
    try:
        table = pq.read_table(path)
    except (pa.ArrowInvalid, OSError) as error:
        raise DataError(f"{path}: not a readable parquet file ({error})") from error
    return series_of(path.stem, table, path, traded=traded)


def series_of(symbol: str, table: pa.Table, path: Path, *, traded: bool = True) -> Series:
    """Check the candles of a table that was read from ``path``."""
    check_symbol(symbol)
    if not traded and "volume" not in table.column_names:
        table = table.append_column("volume", pa.array(np.zeros(table.num_rows)))
    missing = [name for name in COLUMNS if name not in table.column_names]
    if missing:
        raise DataError(
            f"{path}: column {', '.join(missing)} is missing; "
            f"a candle file has the columns {', '.join(COLUMNS)}"
        )
    times = milliseconds(table.column("open_time"), path)
    if len(times) == 0:
        raise DataError(f"{path}: has no candle; give a file with at least one")
    columns = [_numbers(table, name, path) for name in COLUMNS[1:]]
    opens, highs, lows, closes, volumes = columns
    if pa.float32() in table.schema.types:
        highs, lows = enclosing(opens, highs, lows, closes)
    try:
        times, (opens, highs, lows, closes), volumes = checked_candles(
            times, (opens, highs, lows, closes), volumes
        )
    except DataError as error:
        raise DataError(f"{path}: {error}") from error
    return Series(symbol, times, opens, highs, lows, closes, volumes)


def _numbers(table: pa.Table, name: str, path: Path) -> Floats:
    column = table.column(name)
    kind = column.type
    if not (pa.types.is_floating(kind) or pa.types.is_integer(kind) or pa.types.is_decimal(kind)):
        raise DataError(f"{path}: column '{name}' is {kind}; numbers are needed")
    _refuse_missing(column, name, path)
    return np.asarray(column.to_numpy(), dtype=np.float64)


def _refuse_missing(column: pa.ChunkedArray, name: str, path: Path) -> None:
    if column.null_count:
        row = column.is_null().to_pylist().index(True)
        raise DataError(f"{path}: column '{name}' has no value in row {row}")


def milliseconds(column: pa.ChunkedArray, path: Path) -> npt.NDArray[np.int64]:
    """Convert a column of times to ms UTC."""
    _refuse_missing(column, "open_time", path)
    if pa.types.is_timestamp(column.type):
        column = column.cast(pa.timestamp("ms", "UTC"), safe=False).cast(pa.int64())
        return np.asarray(column.to_numpy(), dtype=np.int64)
    if pa.types.is_floating(column.type):
        numbers = column.to_numpy()
        if np.all(np.isfinite(numbers)) and not np.any(numbers % 1.0):
            column = pa.chunked_array([numbers.astype(np.int64)])
    if not pa.types.is_integer(column.type):
        raise DataError(f"{path}: open_time is {column.type}; it must be a UTC timestamp or ms")
    try:
        return to_milliseconds(np.asarray(column.to_numpy(), dtype=np.int64))
    except DataError as error:
        raise DataError(f"{path}: {error}") from error


def read_folder(folder: Path, symbols: Sequence[str] = ()) -> dict[str, Series]:
    """Read the candle files of ``folder``, or those of ``symbols``, by symbol."""
    if not folder.is_dir():
        raise DataError(f"{folder}: no such folder; give a folder of SYMBOL.parquet candle files")
    paths = {path.stem: path for path in sorted(folder.glob("*.parquet"))}
    if not paths:
        raise DataError(f"{folder}: holds no SYMBOL.parquet candle file")
    unknown = [symbol for symbol in symbols if symbol not in paths]
    if unknown:
        raise DataError(f"{folder}: no {unknown[0]}.parquet; there are {', '.join(paths)}")
    return {name: read_series(paths[name]) for name in (symbols or paths)}


def derive_rules(series: Series) -> ExchangeInstrument:
    """Derive the rules of a symbol that has none from its recent candles."""
    recent = slice(-3000, None)
    prices = [*series.close[recent].tolist(), *series.open[recent].tolist()]
    return derive_instrument(series.symbol, prices, series.volume[recent].tolist())


@dataclass(frozen=True, slots=True)
class Ticks:
    """The four prices of a candle as multiples of the tick."""

    open: Decimal
    high: Decimal
    low: Decimal
    close: Decimal


def ticks_at(series: Series, row: int, tick: Decimal) -> Ticks:
    """Round the candle in ``row`` to ``tick``; high and low still enclose open and close."""
    opened = to_multiple(float(series.open[row]), tick)
    closed = to_multiple(float(series.close[row]), tick)
    high = max(opened, closed, to_multiple(float(series.high[row]), tick))
    low = min(opened, closed, to_multiple(float(series.low[row]), tick))
    return Ticks(opened, high, low, closed)


@dataclass(frozen=True, slots=True)
class Funding:
    """Funding rates of a symbol by time (ms)."""

    times: tuple[int, ...] = ()
    rates: tuple[Decimal, ...] = ()

    def between(self, after: int, until: int) -> list[tuple[int, Decimal]]:
        """List the rates with ``after`` < time <= ``until``, times rounded down to the minute."""
        found = zip(self.times, self.rates, strict=True)
        return [(t, rate) for t, rate in found if after < t // MINUTE_MS * MINUTE_MS <= until]


def read_funding(path: Path) -> Funding:
    """Read a parquet file with ``funding_time`` (UTC) and ``funding_rate``."""
    table = pq.read_table(path)
    if not {"funding_time", "funding_rate"} <= set(table.column_names):
        raise DataError(f"{path}: needs the columns funding_time and funding_rate")
    times = milliseconds(table.column("funding_time"), path).tolist()
    rates = [Decimal(repr(float(rate))) for rate in table.column("funding_rate").to_pylist()]
    return Funding(tuple(times), tuple(rates))
