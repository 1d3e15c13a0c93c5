"""Loads the parts of an exchange from its settings: candles, rules, funding, span."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import replace
from decimal import Decimal
from pathlib import Path

from sandbox.engines.common.instruments import (
    BUILT_IN,
    ExchangeInstrument,
    instruments_of,
    read_instruments,
)
from sandbox.engines.kis.engine import stock_instrument
from sandbox.engines.kis.price_limits import LADDER
from sandbox.engines.upbit.engine import krw_instrument
from sandbox.engines.upbit.price_steps import ladder_of
from sandbox.live.feed import LiveFeed
from sandbox.live.upstream import upstream_of
from sandbox.market.candles import (
    Funding,
    Series,
    derive_rules,
    read_folder,
    read_funding,
    read_series,
)
from sandbox.market.clock import wall_ms
from sandbox.market.feed import SymbolFeed
from sandbox.market.krw.ladder_feed import LadderFeed, LadderRules
from sandbox.market.lake_candles import funding_path, is_lake, read_lake
from sandbox.market.mark_price import MarkRule, RecordedMark, SmoothedMark
from sandbox.market.replay import Span
from sandbox.market.spot_instruments import BUILT_IN as SPOT_BUILT_IN
from sandbox.market.spot_instruments import (
    derive_spot_rules,
    read_spot_instruments,
    spot_instruments_of,
)
from sandbox.market.trade_tape import Quotes, TradeTape, read_quotes, read_tape
from sandbox.server.settings import SandboxSettings, iso
from trading.candles import DAY_MS, MINUTE_MS
from trading.errors import DataError, SettingsError

# Decimals of every price and quantity in a spot book; clients match removed levels by text.
SPOT_DECIMALS = 8
# What a followed market fetches of the past; indicators of long bars need it.
HISTORY_MS = 14 * DAY_MS


def load_feeds(settings: SandboxSettings, venue: str = "usdm") -> dict[str, SymbolFeed]:
    """Load a feed for each candle file of a venue, with its rules and its funding.

    With both venues the candles may be in the subfolders ``usdm`` and ``spot``; a lake has both.
    """
    folder = settings.candles / venue if (settings.candles / venue).is_dir() else settings.candles
    series = (
        read_lake(settings.candles, venue, settings.symbols, settings.begin, settings.end)
        if is_lake(settings.candles)
        else read_folder(folder, settings.symbols)
    )
    if venue == "spot":
        own = (
            read_spot_instruments(settings.instruments)
            if settings.venue == "spot" and (settings.instruments is not None)
            else {}
        )
        return {
            symbol: SymbolFeed(
                candles,
                own.get(symbol) or SPOT_BUILT_IN.get(symbol) or derive_spot_rules(candles),
                Funding(),
                *_read_tapes(settings, folder, symbol),
                decimals=SPOT_DECIMALS,
            )
            for symbol, candles in series.items()
        }
    placed = replace(settings, candles=folder)
    rules = _read_rules(placed)
    return {
        symbol: SymbolFeed(
            candles,
            rules.get(symbol) or BUILT_IN.get(symbol) or derive_rules(candles),
            _read_funding(placed, symbol),
            *_read_tapes(settings, folder, symbol),
        )
        for symbol, candles in series.items()
    }


def load_krw_feeds(settings: SandboxSettings) -> dict[str, SymbolFeed]:
    """Load a feed for each candle file of Upbit (``KRW-BTC.parquet``) or KIS (``005930.parquet``).

    The candles may be in a subfolder with the venue's name.
    """
    folder = settings.candles / settings.venue
    series = read_folder(folder if folder.is_dir() else settings.candles, settings.symbols)
    form, example, make = KRW_VENUES[settings.venue]
    strange = next((name for name in series if not form.fullmatch(name)), None)
    if strange is not None:
        raise DataError(
            f"{settings.candles}: {strange} is not a market of {settings.venue}; one is {example}"
        )
    return {symbol: make(candles) for symbol, candles in series.items()}


def _upbit_feed(candles: Series) -> LadderFeed:
    # A trade that the recording lacks has some ten thousand KRW.
    rules = LadderRules(ladder_of(candles.symbol), 100_000, 10_000, SPOT_DECIMALS)
    return LadderFeed(candles, krw_instrument(candles.symbol, _cheapest(candles)), rules)


def _stock_feed(candles: Series) -> LadderFeed:
    rules = LadderRules(LADDER, 1, 500_000, 0)
    return LadderFeed(candles, stock_instrument(candles.symbol, _cheapest(candles)), rules)


def _cheapest(candles: Series) -> Decimal:
    return Decimal(repr(float(candles.low.min())))


# The form of a market's name, an example, and what makes its feed.
KRW_VENUES = {
    "upbit": (re.compile(r"KRW-[A-Z0-9]+"), "KRW-BTC", _upbit_feed),
    "kis": (re.compile(r"[0-9A-Z]{6,7}"), "005930", _stock_feed),
}


def follow_feeds(settings: SandboxSettings, venue: str) -> dict[str, SymbolFeed]:
    """Fetch rules and recent candles of a venue that is followed live."""
    upstream = upstream_of(venue, settings.upstream)
    document = upstream.fetch("exchangeInfo")
    rules = instruments_of(document) if venue == "usdm" else spot_instruments_of(document)
    feeds: dict[str, SymbolFeed] = {}
    for symbol in settings.symbols:
        if symbol not in rules:
            raise SettingsError(f"--symbols {symbol}: {upstream.rest} does not list it")
        rows = upstream.klines(symbol, wall_ms() - HISTORY_MS)
        rows = rows or upstream.fetch("klines", symbol=symbol, interval="1m")
        if not rows:
            raise DataError(f"{symbol}: {upstream.rest} has no candles of it")
        feeds[symbol] = LiveFeed(rules[symbol], rows, SPOT_DECIMALS if venue == "spot" else None)
    return feeds


def _read_rules(settings: SandboxSettings) -> dict[str, ExchangeInstrument]:
    if settings.instruments is not None:
        if not settings.instruments.is_file():
            raise DataError(f"{settings.instruments}: no such instruments file")
        return read_instruments(settings.instruments)
    beside = _first(
        folder / "instruments.json" for folder in (settings.candles, *_parents(settings))
    )
    return read_instruments(beside) if beside else {}


def _read_funding(settings: SandboxSettings, symbol: str) -> Funding:
    if settings.funding is not None:
        found = _first([settings.funding / f"{symbol}.parquet"])
    elif is_lake(settings.candles):
        found = _first([funding_path(settings.candles, symbol)])
    else:
        name = f"funding/{settings.candles.resolve().name}/{symbol}.parquet"
        found = _first(folder / name for folder in _parents(settings))
    return read_funding(found) if found else Funding()


def _read_tapes(
    settings: SandboxSettings, folder: Path, symbol: str
) -> tuple[TradeTape | None, Quotes | None]:
    """Read the recorded trades and quotes of a symbol, as far as they exist."""
    paths = []
    for given, kind in ((settings.trades, "trades"), (settings.quotes, "quotes")):
        near = [base / kind / folder.resolve().name for base in folder.resolve().parents[:2]]
        paths.append(_first(place / f"{symbol}.parquet" for place in ([given] if given else near)))
    return (
        read_tape(paths[0]) if paths[0] else None,
        read_quotes(paths[1]) if paths[1] else None,
    )


def load_marks(settings: SandboxSettings, feeds: Mapping[str, SymbolFeed]) -> dict[str, MarkRule]:
    """Load the rule of each symbol's mark price; none where it is the last price.

    Recorded mark candles are in ``--marks``, else in ``mark/<folder name>`` near the candles.
    """
    if settings.mark == "last":
        return {}
    if settings.mark == "smoothed":
        return {symbol: SmoothedMark() for symbol in feeds}
    folder = settings.candles / "usdm" if settings.venue == "both" else settings.candles
    near = (base / "mark" / folder.resolve().name for base in folder.resolve().parents[:2])
    found = settings.marks or next((path for path in near if path.is_dir()), None)
    if found is None:
        raise DataError(
            f"{settings.candles}: no mark candles near it; give --marks DIR, or --mark smoothed"
        )
    return {symbol: _read_mark(found / f"{symbol}.parquet") for symbol in feeds}


def load_indexes(
    settings: SandboxSettings, feeds: Mapping[str, SymbolFeed]
) -> dict[str, RecordedMark]:
    """Load recorded index prices: ``--indexes``, else ``index/<folder name>`` near the candles.

    A symbol without a file has none: its mark price stands for the index.
    """
    folder = settings.candles / "usdm" if settings.venue == "both" else settings.candles
    near = (base / "index" / folder.resolve().name for base in folder.resolve().parents[:2])
    found = settings.indexes or next((path for path in near if path.is_dir()), None)
    if found is None:
        return {}
    paths = {symbol: found / f"{symbol}.parquet" for symbol in feeds}
    return {
        symbol: RecordedMark(read_series(path, traded=False))
        for symbol, path in paths.items()
        if path.is_file()
    }


def _read_mark(path: Path) -> MarkRule:
    if not path.is_file():
        raise DataError(f"{path}: no such file; --mark recorded needs mark candles of each symbol")
    return RecordedMark(read_series(path, traded=False))


def _parents(settings: SandboxSettings) -> tuple[Path, ...]:
    """Return the two folders above the candles, where the sample keeps related files."""
    return tuple(settings.candles.resolve().parents[:2])


def _first(paths: object) -> Path | None:
    return next((path for path in paths if path.is_file()), None)  # type: ignore[attr-defined]


def choose_span(settings: SandboxSettings, found: Iterable[Mapping[str, SymbolFeed]]) -> Span:
    """Choose the replayed minutes; the candles decide what the settings leave open."""
    feeds = [feed for venue in found for feed in venue.values()]
    first = min(_first_minute(feed.series) for feed in feeds)
    last = max(int(feed.series.open_time[-1]) + MINUTE_MS for feed in feeds)
    begin = first if settings.begin is None else settings.begin
    end = last if settings.end is None else settings.end
    if begin >= end:
        raise SettingsError(f"--from {iso(begin)} is not before --to {iso(end)}")
    if not any(_covers(feed.series, begin, end) for feed in feeds):
        raise DataError(
            f"{settings.candles}: no candle between {iso(begin)} and {iso(end)}; "
            f"the files hold {iso(first)} to {iso(last)}"
        )
    return Span(begin, end)


def _first_minute(series: Series) -> int:
    return int(series.open_time[0])


def _covers(series: Series, begin: int, end: int) -> bool:
    return series.before(end) > series.before(begin)
