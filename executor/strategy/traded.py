"""What of a release is traded, and where."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from executor.model import InstrumentId, instrument_id
from executor.settings import VenueSettings
from lake.releases import Release, StrategyEntry


def traded_entries(
    release: Release | None, venues: Mapping[str, VenueSettings]
) -> Iterator[tuple[StrategyEntry, InstrumentId]]:
    """The entries of a release with their instruments at ``venues``, each pair once.

    A venue that follows another trades the other's entries too, where it has none of its own.
    """
    seen: set[tuple[str, InstrumentId]] = set()
    for name, settings in venues.items():
        for source in (name, settings.follows):
            for entry in release.strategies if release is not None else ():
                symbol = instrument_id(entry.symbol, name)
                if entry.venue == source and (entry.strategy, symbol) not in seen:
                    seen.add((entry.strategy, symbol))
                    yield entry, symbol
