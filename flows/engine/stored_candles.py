"""The user's own candles: what a flow works on when the settings name nothing else."""

from __future__ import annotations

import json
from datetime import datetime, timedelta

from flows.engine.bundled_sample import FOLDER
from flows.settings import ResearchSettings
from flows.sources.trading_hours import load_trading_hours
from lake.content import milliseconds, moment_of
from lake.files import is_empty_folder
from lake.ingest.additions import ASKED_KEY, SOURCES_KEY, last_open_time
from lake.store import Lake, Partition
from lake.tables import RAW_CANDLES
from trading.candles import MINUTE_MS
from trading.errors import DataError

FRESH = timedelta(days=2)
"""Candles that end longer ago are a piece of the past, and a flow works as of their end."""


def with_own_symbols(settings: ResearchSettings) -> ResearchSettings:
    """Return settings for the symbols that the user downloaded or imports, if none are named.

    Unchanged when the settings name symbols or the download, or when there is the bundled sample
    alone.
    """
    fields = settings.model_fields_set
    if settings.download.enabled or settings.top_symbols or "symbols" in fields:
        return settings
    own = {symbol for symbol in _symbols(settings) if _is_own(settings, symbol)}
    if settings.sample != FOLDER and settings.sample.is_dir():
        own |= _symbols_of_files(settings)
    return settings.model_copy(update={"symbols": tuple(sorted(own))}) if own else settings


def _symbols_of_files(settings: ResearchSettings) -> set[str]:
    """Return the symbols of the venue that the folder of the import has minutes of."""
    from lake.ingest.discovery import Source, discover  # polars is not needed otherwise

    return {
        file.symbol
        for file in discover(settings.sample, settings.venue)
        if isinstance(file, Source)
        and file.kind in ("archive", "candles")
        and (file.venue, file.interval or "1m") == (settings.venue, "1m")
    }


def need_candles(lake: Lake, settings: ResearchSettings) -> None:
    """Refuse a lake without any candles of the wanted symbols, and say what to run first."""
    wanted = [{"symbol": symbol} for symbol in settings.symbols]
    for where in [{}] if settings.top_symbols else wanted:
        if lake.has(RAW_CANDLES, venue=settings.venue, interval="1m", **where):
            return
    symbols = "any symbol" if settings.top_symbols else ", ".join(settings.symbols)
    raise DataError(
        f"the lake {settings.lake} has no {settings.venue} candles of {symbols}; first run"
        f" `nocturne flow import` (files in {settings.sample}) or `nocturne download`"
    )


def end_of_own_candles(settings: ResearchSettings, now: datetime) -> datetime | None:
    """Return the time at which the stored candles of the symbols end, if that is long ago.

    None for fresh candles, for those of the bundled sample alone, and when the settings name
    another source or the download.
    """
    if not _chooses_nothing(settings):
        return None
    own = [symbol for symbol in settings.symbols if _is_own(settings, symbol)]
    lake = Lake(settings.lake)
    last = [last_open_time(lake, settings.venue, symbol, "1m") for symbol in own]
    times = [time for time in last if time is not None]
    if not times:
        return None
    end = moment_of(max(times) + MINUTE_MS)
    if now - end <= FRESH:
        return None
    hours = load_trading_hours(settings.trading_hours, settings.venue)
    missed = hours.open_minutes(milliseconds(end), milliseconds(now - FRESH))
    return end if missed else None


def _chooses_nothing(settings: ResearchSettings) -> bool:
    return (
        (settings.sample == FOLDER or is_empty_folder(settings.sample))
        and not settings.download.enabled
        and not settings.top_symbols
        and settings.lake.is_dir()
    )


def _symbols(settings: ResearchSettings) -> list[str]:
    if not settings.lake.is_dir():
        return []
    stored = Lake(settings.lake).partitions(RAW_CANDLES, venue=settings.venue, interval="1m")
    return sorted({part.values["symbol"] for part in stored})


def _is_own(settings: ResearchSettings, symbol: str) -> bool:
    """Tell whether the newest month of a symbol came from elsewhere than the bundled sample."""
    lake = Lake(settings.lake)
    months = lake.partitions(RAW_CANDLES, venue=settings.venue, symbol=symbol, interval="1m")
    return bool(months) and not _is_bundled(lake, months[-1])


def _is_bundled(lake: Lake, month: Partition) -> bool:
    marks = lake.metadata(month.table, **month.values)
    try:
        names = list(json.loads(marks.get(SOURCES_KEY, "{}")))
    except ValueError:
        return False
    return bool(names) and ASKED_KEY not in marks and all((FOLDER / n).is_file() for n in names)
