"""What the executor needs from an exchange: requests, market data and user events."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Protocol

from executor.model import (
    Balance,
    Instrument,
    KeyPermissions,
    MarketEvent,
    NewOrder,
    UserEvent,
    VenueFill,
    VenueOrder,
    VenuePosition,
)
from trading.candles import Candle


class ConnectionSettings(Protocol):
    """The settings that an adapter reads."""

    @property
    def rest_url(self) -> str:
        """Scheme, host and port for REST."""
        ...

    @property
    def account_url(self) -> str | None:
        """Host of the key's permissions, unless it is known."""
        ...

    @property
    def recv_window_ms(self) -> int:
        """How long a signed request stays valid."""
        ...

    @property
    def request_timeout_ms(self) -> int:
        """How long an answer may take."""
        ...


class Venue(Protocol):
    """An exchange account over REST.

    Every method may raise the faults of `executor.venues.faults`.
    """

    @property
    def offset_ms(self) -> int:
        """Exchange time minus local time, as last measured."""
        ...

    async def connect(self, symbols: Sequence[str], leverage: int) -> dict[str, Instrument]:
        """Measure the clock offset, refuse hedge mode, set and verify margin type and leverage.

        A symbol that is not listed is left out; one that cannot be set up says so in ``refused``.
        """
        ...

    async def key_permissions(self) -> KeyPermissions | None:
        """What the key may do; None where the exchange has no way to ask (test networks)."""
        ...

    async def close(self) -> None:
        """Release the connections."""
        ...

    async def klines(self, symbol: str, interval: str, start_ms: int, end_ms: int) -> list[Candle]:
        """Closed candles with open time in [start, end), oldest first."""
        ...

    async def last_price(self, symbol: str) -> float:
        """Last trade price."""
        ...

    async def balance(self) -> Balance:
        """Margin account."""
        ...

    async def positions(self) -> list[VenuePosition]:
        """Positions that are not flat."""
        ...

    async def open_orders(self, symbol: str | None = None) -> list[VenueOrder]:
        """Resting orders of both books, plain and conditional."""
        ...

    async def place(self, order: NewOrder) -> VenueOrder:
        """Send an order; the answer proves acceptance, never a fill."""
        ...

    async def query(self, symbol: str, client_id: str, *, conditional: bool) -> VenueOrder | None:
        """The order of this id, or None where the exchange knows none (yet)."""
        ...

    async def cancel(self, order: VenueOrder) -> None:
        """Cancel; an order that is already gone is no error."""
        ...

    async def trades(
        self, symbol: str, *, start_ms: int | None = None, order_id: str | None = None
    ) -> list[VenueFill]:
        """Own trades, oldest first."""
        ...

    async def recent_orders(self, symbol: str, start_ms: int) -> list[VenueOrder]:
        """Plain orders of every status since ``start_ms``, oldest first."""
        ...


class MarketStream(Protocol):
    """Market data over one socket."""

    async def run(self, sink: Callable[[MarketEvent], None]) -> None:
        """Read until cancelled, reconnecting without end."""
        ...

    async def watch_prices(self, symbols: frozenset[str]) -> None:
        """Subscribe trade prices of exactly these symbols."""
        ...

    async def set_symbols(self, symbols: frozenset[str]) -> None:
        """Subscribe candles of exactly these symbols."""
        ...


class UserStream(Protocol):
    """Orders and balances over one socket."""

    async def run(self, sink: Callable[[UserEvent], None]) -> None:
        """Read until cancelled, reconnecting without end."""
        ...

    async def renew(self) -> None:
        """Hang up and connect again: the stream is up but silent about what happens."""
        ...
