"""From settings to the parts of an exchange: candles, rules, funding, span."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from sandbox.candles import Funding, Series, derive_rules, read_folder, read_funding
from sandbox.feed import Feed
from sandbox.instruments import BUILT_IN, Instrument, read_instruments
from sandbox.intervals import MINUTE
from sandbox.replay import Span
from sandbox.settings import Settings, iso
from trading.errors import DataError, SettingsError


def load_feeds(settings: Settings) -> dict[str, Feed]:
    """A feed for each candle file, with its rules and its funding."""
    series = read_folder(settings.candles, settings.symbols)
    rules = _read_rules(settings)
    return {
        symbol: Feed(
            candles,
            rules.get(symbol) or BUILT_IN.get(symbol) or derive_rules(candles),
            _read_funding(settings, symbol),
        )
        for symbol, candles in series.items()
    }


def _read_rules(settings: Settings) -> dict[str, Instrument]:
    if settings.instruments is not None:
        if not settings.instruments.is_file():
            raise DataError(f"{settings.instruments}: no such instruments file")
        return read_instruments(settings.instruments)
    beside = _first(
        folder / "instruments.json" for folder in (settings.candles, *_parents(settings))
    )
    return read_instruments(beside) if beside else {}


def _read_funding(settings: Settings, symbol: str) -> Funding:
    if settings.funding is not None:
        found = _first([settings.funding / f"{symbol}.parquet"])
    else:
        name = f"funding/{settings.candles.resolve().name}/{symbol}.parquet"
        found = _first(folder / name for folder in _parents(settings))
    return read_funding(found) if found else Funding()


def _parents(settings: Settings) -> tuple[Path, ...]:
    """The two folders above the candles: where the bundled sample keeps what belongs to them."""
    return tuple(settings.candles.resolve().parents[:2])


def _first(paths: object) -> Path | None:
    return next((path for path in paths if path.is_file()), None)  # type: ignore[attr-defined]


def choose_span(settings: Settings, feeds: Mapping[str, Feed]) -> Span:
    """The replayed minutes; what the settings leave open comes from the candles."""
    first = min(_first_minute(feed.series) for feed in feeds.values())
    last = max(int(feed.series.open_time[-1]) + MINUTE for feed in feeds.values())
    begin = first if settings.begin is None else settings.begin
    end = last if settings.end is None else settings.end
    if begin >= end:
        raise SettingsError(f"--from {iso(begin)} is not before --to {iso(end)}")
    if not any(_covers(feed.series, begin, end) for feed in feeds.values()):
        raise DataError(
            f"{settings.candles}: no candle between {iso(begin)} and {iso(end)}; "
            f"the files hold {iso(first)} to {iso(last)}"
        )
    return Span(begin, end)


def _first_minute(series: Series) -> int:
    return int(series.open_time[0])


def _covers(series: Series, begin: int, end: int) -> bool:
    return series.before(end) > series.before(begin)
