"""Trade prices of exactly the symbols with an open position."""

from __future__ import annotations

from collections.abc import Callable

from executor.services import Services
from executor.venues.interface import MarketStream


class PriceWatch:
    """Keeps the stream's price subscriptions in step with what ``held`` names."""

    def __init__(
        self, services: Services, market: MarketStream, held: Callable[[], frozenset[str]]
    ) -> None:
        self._services = services
        self._market = market
        self._held = held
        self._watched: frozenset[str] = frozenset()

    def follow(self, symbol: str, cause: str | None) -> None:
        """Subscribe and unsubscribe after a change of the position in ``symbol``."""
        del symbol, cause
        held = self._held()
        if held != self._watched:
            self._watched = held
            self._services.spawn("watch prices", self._market.watch_prices(held))
