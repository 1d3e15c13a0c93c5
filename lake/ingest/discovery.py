"""The importable files of a folder, found by file and column names without reading the data."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from lake.ingest.sources import columns_of
from trading.candles import interval_ms
from trading.errors import DataError, ParameterError
from trading.market.symbols import check_symbol

_ARCHIVE_NAME = re.compile(
    r"^(?P<symbol>[^/]+?)-(?P<interval>\d+[a-zA-Z]+)-(?P<period>\d{4}-\d{2}(?:-\d{2})?)\.zip$"
)
_VENUE_OF = {"um": "binance_usdm", "usdm": "binance_usdm", "spot": "binance_spot", "upbit": "upbit"}
_NOT_TRADED = {"cm": "coin-margined futures are not supported"}


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


def discover(folder: Path, venue: str) -> Iterator[Source | UnusableFile]:
    """Yield every importable file below ``folder``; ``venue`` is for paths that name none."""
    for path in sorted(folder.rglob("*")):
        if path.name.startswith(".") or not path.is_file():
            continue
        name = path.relative_to(folder).as_posix()
        places = _places(folder, path)
        if path.suffix == ".zip":
            yield _archive(path, name, places, venue)
        elif path.suffix == ".parquet":
            yield _parquet(path, name, places, venue)
        elif path.name == "instruments.json":
            yield Source(path, name, "instruments")


def _places(folder: Path, path: Path) -> list[str]:
    """Return the names of the folders around a file, innermost first."""
    inside = list(path.relative_to(folder).parent.parts)
    return [*reversed(inside), *reversed(folder.resolve().parts[-4:])]


def _venue(places: list[str], default: str) -> str:
    return next((_VENUE_OF[place] for place in places if place in _VENUE_OF), default)


def _archive(path: Path, name: str, places: list[str], venue: str) -> Source | UnusableFile:
    match = _ARCHIVE_NAME.match(path.name)
    if match is None:
        return UnusableFile(path, name, "its name is not SYMBOL-INTERVAL-YYYY-MM.zip")
    refused = next((_NOT_TRADED[place] for place in places if place in _NOT_TRADED), "")
    if refused:
        return UnusableFile(path, name, refused)
    try:
        check_symbol(match["symbol"])
        interval_ms(match["interval"])
    except (DataError, ParameterError) as error:
        return UnusableFile(path, name, str(error))
    venue = _venue(places, venue)
    return Source(path, name, "archive", venue, match["symbol"], match["interval"], match["period"])


def _parquet(path: Path, name: str, places: list[str], venue: str) -> Source | UnusableFile:
    try:
        check_symbol(path.stem)
    except DataError as error:
        return UnusableFile(path, name, f"its name is not SYMBOL.parquet: {error}")
    try:
        columns = columns_of(path)
    except DataError as error:
        return UnusableFile(path, name, str(error))
    venue = _venue(places, venue)
    if "funding_rate" in columns:
        return Source(path, name, "funding", venue, path.stem)
    if "open_time" not in columns:
        return UnusableFile(
            path, name, f"column 'open_time' is missing; it has {', '.join(columns)}"
        )
    interval = next((p.removeprefix("candles_") for p in places if p.startswith("candles_")), "")
    return Source(path, name, "candles", venue, path.stem, interval)
