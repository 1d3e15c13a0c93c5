"""What the executor needs from an exchange: requests, market data and user events."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol

from executor.model import (
    Balance,
    Capabilities,
    Instrument,
    InstrumentId,
    KeyPermissions,
    MarketEvent,
    NewOrder,
    Transfer,
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
    def ws_url(self) -> str:
        """Scheme, host and port of the market streams."""
        ...

    @property
    def user_url(self) -> str:
        """Scheme, host and port of the user stream."""
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
    def name(self) -> str:
        """Name of the venue, the second part of its instruments."""
        ...

    @property
    def capabilities(self) -> Capabilities:
        """What the venue can do."""
        ...

    @property
    def offset_ms(self) -> int:
        """Exchange time minus local time, as last measured."""
        ...

    async def inspect(self, symbols: Sequence[InstrumentId]) -> dict[InstrumentId, Instrument]:
        """Measure the clock offset, check the account's mode and read these instruments.

        Nothing is changed. A symbol that is not listed is left out; an account in a mode that
        cannot be traded is a `VenueError`.
        """
        ...

    async def connect(
        self, symbols: Sequence[InstrumentId], leverage: int
    ) -> dict[InstrumentId, Instrument]:
        """Do what `inspect` does, and set the account up; on margin, verify type and leverage.

        A symbol that is not listed is left out; one that cannot be set up says so in ``refused``.
        """
        ...

    async def set_leverage(self, symbol: InstrumentId, leverage: int) -> None:
        """Set the leverage of an instrument on margin, where no position is open in it."""
        ...

    async def key_permissions(self) -> KeyPermissions | None:
        """What the key may do; None where the exchange has no way to ask (test networks)."""
        ...

    async def close(self) -> None:
        """Release the connections."""
        ...

    async def klines(
        self, symbol: InstrumentId, interval: str, start_ms: int, end_ms: int
    ) -> list[Candle]:
        """Closed candles with open time in [start, end), oldest first."""
        ...

    async def last_price(self, symbol: InstrumentId) -> float:
        """Last trade price."""
        ...

    async def balances(self) -> dict[str, Balance]:
        """Wallets by asset; those that hold nothing may be missing."""
        ...

    async def transfers(self, start_ms: int) -> list[Transfer] | None:
        """Money paid in or out since ``start_ms``; None where the venue does not list it."""
        ...

    async def positions(self) -> list[VenuePosition]:
        """Positions that are not flat; where positions are balances, all that are known."""
        ...

    async def open_orders(self, symbol: InstrumentId | None = None) -> list[VenueOrder]:
        """Resting orders of both books, plain and conditional."""
        ...

    async def place(self, order: NewOrder) -> VenueOrder:
        """Send an order, with its partner if it has one.

        The answer proves acceptance, never a fill.
        """
        ...

    async def query(
        self, symbol: InstrumentId, client_id: str, *, conditional: bool
    ) -> VenueOrder | None:
        """The order of this id, or None where the exchange knows none (yet)."""
        ...

    async def cancel(self, order: VenueOrder) -> None:
        """Cancel; an order that is already gone is no error."""
        ...

    async def trades(
        self, symbol: InstrumentId, *, start_ms: int | None = None, order_id: str | None = None
    ) -> list[VenueFill]:
        """Own trades, oldest first."""
        ...

    async def recent_orders(self, symbol: InstrumentId, start_ms: int) -> list[VenueOrder]:
        """Plain orders of every status since ``start_ms``, oldest first."""
        ...

    async def convert_dust(self, asset: str) -> None:
        """Turn a remainder that is too small to sell into another asset."""
        ...


class MarketStream(Protocol):
    """Market data over one socket."""

    async def run(self, sink: Callable[[MarketEvent], None]) -> None:
        """Read until cancelled, reconnecting without end."""
        ...

    async def watch_prices(self, symbols: frozenset[InstrumentId]) -> None:
        """Subscribe trade prices of exactly these symbols."""
        ...

    async def set_symbols(self, symbols: frozenset[InstrumentId]) -> None:
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


@dataclass(frozen=True, slots=True)
class VenueConnection:
    """An account at a venue: its requests and its streams."""

    venue: Venue
    market: MarketStream
    user: UserStream
