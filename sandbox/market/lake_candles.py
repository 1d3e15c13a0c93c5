"""Candles and funding from a data lake, read as files by their paths alone.

``<root>/checked/candles/venue=binance_usdm/symbol=BTCUSDT/interval=1m/month=2025-06/part.parquet``,
``raw`` in place of ``checked`` where nothing is checked yet, and ``raw/funding/venue=…/symbol=…``.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from urllib.parse import quote, unquote

import pyarrow as pa
import pyarrow.parquet as pq

from sandbox.market.candles import COLUMNS, Series, series_of
from trading.errors import DataError

VENUES = {"usdm": "binance_usdm", "spot": "binance_spot"}
LAYERS = ("checked", "raw")
# The history before the replay that `klines` serves.
HISTORY = timedelta(days=366)


def is_lake(root: Path) -> bool:
    """Whether a folder is a lake rather than a folder of SYMBOL.parquet files."""
    return any((root / layer / "candles").is_dir() for layer in LAYERS)


def read_lake(
    root: Path, venue: str, symbols: Sequence[str], begin: int | None, end: int | None
) -> dict[str, Series]:
    """Read a venue's one-minute candles, from a year before ``begin`` up to ``end`` (ms)."""
    found = _symbol_folders(root, venue)
    if not found:
        raise DataError(f"{root}: the lake holds no 1m candles of venue={VENUES[venue]}")
    unknown = [symbol for symbol in symbols if symbol not in found]
    if unknown:
        raise DataError(f"{root}: no 1m candles of {unknown[0]}; there are {', '.join(found)}")
    months = _month_of(begin, -HISTORY), _month_of(end, timedelta(0))
    wanted = symbols or list(found)
    return {symbol: _read_symbol(symbol, found[symbol], *months) for symbol in wanted}


def funding_path(root: Path, symbol: str) -> Path:
    """Return the path of a symbol's funding rates in a lake."""
    return (
        root
        / "raw"
        / "funding"
        / f"venue={VENUES['usdm']}"
        / f"symbol={quote(symbol)}/part.parquet"
    )


def _symbol_folders(root: Path, venue: str) -> dict[str, Path]:
    for layer in LAYERS:
        place = root / layer / "candles" / f"venue={VENUES[venue]}"
        series = {
            unquote(path.name.removeprefix("symbol=")): path / "interval=1m"
            for path in sorted(place.glob("symbol=*"))
        }
        found = {symbol: folder for symbol, folder in series.items() if folder.is_dir()}
        if found:
            return found
    return {}


def _month_of(time: int | None, shift: timedelta) -> str | None:
    return None if time is None else f"{datetime.fromtimestamp(time / 1000, UTC) + shift:%Y-%m}"


def _read_symbol(symbol: str, folder: Path, first: str | None, last: str | None) -> Series:
    tables: list[pa.Table] = []
    for path in sorted(folder.glob("month=*/part.parquet")):
        month = path.parent.name.removeprefix("month=")
        if (first is None or month >= first) and (last is None or month <= last):
            try:
                tables.append(pq.ParquetFile(path).read(columns=list(COLUMNS)))
            except (pa.ArrowInvalid, OSError) as error:
                raise DataError(f"{path}: not a readable parquet file ({error})") from error
    if not tables:
        span = f"{first or 'the beginning'} to {last or 'the end'}"
        raise DataError(f"{folder}: no month of candles from {span}")
    return series_of(symbol, pa.concat_tables(tables, promote_options="default"), folder)
