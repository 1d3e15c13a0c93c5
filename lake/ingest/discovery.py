"""The importable files of a folder, found by file and column names without reading the data."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, NamedTuple

from lake.ingest import freqtrade, tradingview
from lake.ingest.formats.columns import holds_candles, holds_funding, listed
from lake.ingest.formats.frames import columns_of
from lake.ingest.formats.scans import format_of
from trading.candles import interval_ms
from trading.errors import DataError, ParameterError
from trading.market.symbols import check_symbol, is_symbol

_ARCHIVE_NAME = re.compile(
    r"^(?P<symbol>[^/]+?)-(?P<interval>\d+[a-zA-Z]+)-(?P<period>\d{4}-\d{2}(?:-\d{2})?)\.zip$"
)
_OWN_NAME = re.compile(
    r"(?P<symbol>[^ ]+?)(?:[-_](?P<interval>\d+[smhdw]))?(?:-\d{4}-\d{2}(?:-\d{2})?)?"
)
_HDF5 = (".h5", ".hdf", ".hdf5")
_VENUE_OF = {
    "um": "binance_usdm",
    "usdm": "binance_usdm",
    "spot": "binance_spot",
    "upbit": "upbit",
    "krx": "krx",
}
_NOT_TRADED = {"cm": "coin-margined futures are not supported"}


Layout = Literal["any", "freqtrade"]


class _Named(NamedTuple):
    """A file, its name below the folder, and the folders around it, innermost first."""

    path: Path
    name: str
    places: list[str]


@dataclass(frozen=True)
class Source:
    """One file to import; ``kind`` is archive, candles, funding or instruments.

    ``interval`` is empty if the path does not name one; ``period`` is an archive's month or day.
    """

    path: Path
    name: str
    kind: str
    venue: str = ""
    symbol: str = ""
    interval: str = ""
    period: str = ""


@dataclass(frozen=True)
class UnusableFile:
    """A file that looks like data but cannot be imported, with the reason."""

    path: Path
    name: str
    reason: str


def discover(folder: Path, venue: str, layout: Layout = "any") -> Iterator[Source | UnusableFile]:
    """Yield every importable file below ``folder``; ``venue`` is for paths that name none.

    The layout ``freqtrade`` leaves out what is not named as freqtrade names its data.
    """
    for path in sorted(folder.rglob("*")):
        if path.name.startswith(".") or path.is_dir():
            continue
        if not path.is_file():
            if format_of(path) or path.suffix.lower() == ".zip":
                name = path.relative_to(folder).as_posix()
                yield UnusableFile(path, name, "it is a link to a file that does not exist")
            continue
        file = _Named(path, path.relative_to(folder).as_posix(), _places(folder, path))
        ending = format_of(path)
        if ending or path.suffix in _HDF5:
            found = _of_freqtrade(file, venue, ending or path.suffix)
            if found is not None:
                yield found
                continue
        if layout == "freqtrade":
            continue
        if path.suffix.lower() == ".zip":
            yield _archive(file, venue)
        elif path.name == "instruments.json":
            yield Source(path, file.name, "instruments")
        elif ending and not _is_other_json(path, ending):
            yield _table(file, venue, ending)


def _is_other_json(path: Path, ending: str) -> bool:
    """Tell whether a JSON file has no symbol's name: settings and results are no data."""
    match = _OWN_NAME.fullmatch(path.name.removesuffix(ending))
    return ending.startswith(".json") and (match is None or not is_symbol(match["symbol"]))


def _places(folder: Path, path: Path) -> list[str]:
    """Return the names of the folders around a file, innermost first."""
    inside = list(path.relative_to(folder).parent.parts)
    return [*reversed(inside), *reversed(folder.resolve().parts[-4:])]


def _venue(places: list[str], default: str) -> str:
    return next((_VENUE_OF[place] for place in places if place in _VENUE_OF), default)


def _archive(file: _Named, venue: str) -> Source | UnusableFile:
    path, name = file.path, file.name
    match = _ARCHIVE_NAME.match(path.name.removesuffix(path.suffix) + ".zip")
    if match is None:
        return UnusableFile(path, name, "its name is not SYMBOL-INTERVAL-YYYY-MM.zip")
    refused = next((_NOT_TRADED[place] for place in file.places if place in _NOT_TRADED), "")
    if refused:
        return UnusableFile(path, name, refused)
    try:
        check_symbol(match["symbol"])
        interval_ms(match["interval"])
    except (DataError, ParameterError) as error:
        return UnusableFile(path, name, str(error))
    venue = _venue(file.places, venue)
    return Source(path, name, "archive", venue, match["symbol"], match["interval"], match["period"])


def _of_freqtrade(file: _Named, venue: str, ending: str) -> Source | UnusableFile | None:
    path, name = file.path, file.name
    try:
        found = freqtrade.parse(path.name.removesuffix(ending), file.places, venue)
        if found is None:
            return None
        if ending in _HDF5:
            raise DataError("HDF5 is not read; run: freqtrade convert-data --format-to feather")
        check_symbol(found.symbol)
        interval_ms(found.interval)
    except (DataError, ParameterError) as error:
        return UnusableFile(path, name, str(error))
    return Source(path, name, found.kind, found.venue, found.symbol, found.interval)


def _table(file: _Named, venue: str, ending: str) -> Source | UnusableFile:
    """A file of the user's own, such as ``BTCUSDT-1m.feather``, or TradingView's."""
    path, name = file.path, file.name
    match = _OWN_NAME.fullmatch(path.name.removesuffix(ending))
    try:
        chart = tradingview.parse(path.name.removesuffix(ending))
        if chart is not None:
            check_symbol(chart.symbol)
            return Source(path, name, "candles", chart.venue, chart.symbol, chart.interval)
        symbol = check_symbol(match["symbol"] if match else path.name.removesuffix(ending))
        interval = (match["interval"] if match else None) or ""
        if interval:
            interval_ms(interval)
        columns = columns_of(path)
    except (DataError, ParameterError) as error:
        return UnusableFile(path, name, _reason(str(error), ending))
    venue = _venue(file.places, venue)
    if holds_funding(columns):
        return Source(path, name, "funding", venue, symbol)
    if not holds_candles(columns):
        return UnusableFile(path, name, f"it has no column 'open_time'; it has {listed(columns)}")
    for place in file.places:
        if not interval and place.startswith("candles_"):
            interval = place.removeprefix("candles_")
    return Source(path, name, "candles", venue, symbol, interval)


def _reason(text: str, ending: str) -> str:
    if "is not a symbol" in text:
        return f"its name is not SYMBOL{ending} or SYMBOL-INTERVAL{ending}: {text}"
    return text
