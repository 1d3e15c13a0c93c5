"""The venues of one executor, and their market streams as one."""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping

from executor.model import InstrumentId, venue_of
from executor.venues.interface import MarketStream, Venue
from trading.errors import SettingsError


class VenueDirectory:
    """Venues by name, and by instrument."""

    def __init__(self, venues: Iterable[Venue]) -> None:
        self._by_name: Mapping[str, Venue] = {venue.name: venue for venue in venues}

    def __iter__(self) -> Iterator[Venue]:
        return iter(self._by_name.values())

    def __getitem__(self, name: str) -> Venue:
        try:
            return self._by_name[name]
        except KeyError:
            raise SettingsError(
                f"venue '{name}' is not connected; the settings have {', '.join(self._by_name)}"
            ) from None

    def __contains__(self, name: object) -> bool:
        return name in self._by_name

    @property
    def names(self) -> list[str]:
        """Names of the venues, as the settings order them."""
        return list(self._by_name)

    def of(self, instrument: InstrumentId) -> Venue:
        """The venue of an instrument."""
        return self[venue_of(instrument)]


class MarketStreams:
    """Subscriptions at the market streams of all venues."""

    def __init__(self, streams: Mapping[str, MarketStream]) -> None:
        self._streams = streams

    async def watch_prices(self, symbols: frozenset[InstrumentId]) -> None:
        """Subscribe trade prices of exactly these instruments."""
        parts = self._by_venue(symbols)
        await asyncio.gather(*(s.watch_prices(parts[name]) for name, s in self._streams.items()))

    async def set_symbols(self, symbols: frozenset[InstrumentId]) -> None:
        """Subscribe candles of exactly these instruments."""
        parts = self._by_venue(symbols)
        await asyncio.gather(*(s.set_symbols(parts[name]) for name, s in self._streams.items()))

    def _by_venue(self, symbols: frozenset[InstrumentId]) -> dict[str, frozenset[InstrumentId]]:
        parts: defaultdict[str, set[InstrumentId]] = defaultdict(set)
        for symbol in symbols:
            parts[venue_of(symbol)].add(symbol)
        return {name: frozenset(parts[name]) for name in self._streams}
