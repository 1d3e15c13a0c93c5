"""Trade prices of exactly the symbols with an open position."""

from __future__ import annotations

from collections.abc import Callable

from executor.model import InstrumentId
from executor.services import Services
from executor.venues.directory import MarketStreams


class PriceWatch:
    """Keeps the stream's price subscriptions in step with what ``held`` names."""

    def __init__(
        self, services: Services, market: MarketStreams, held: Callable[[], frozenset[InstrumentId]]
    ) -> None:
        self._services = services
        self._market = market
        self._held = held
        self._watched: frozenset[InstrumentId] = frozenset()

    def follow(self, symbol: InstrumentId, cause: str | None) -> None:
        """Subscribe and unsubscribe after a change of the position in ``symbol``."""
        del symbol, cause
        held = self._held()
        if held != self._watched:
            self._watched = held
            self._services.spawn("watch prices", self._market.watch_prices(held))
