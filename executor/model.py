"""Ports of the executor: the few things it needs from outside, and the records that cross them.

Prices and quantities are `Decimal` here, as the exchange writes them; times are ms UTC.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from decimal import ROUND_CEILING, ROUND_FLOOR, ROUND_HALF_EVEN, Decimal
from enum import StrEnum
from typing import Protocol

from trading.candles import Candle

ZERO = Decimal(0)


class OrderKind(StrEnum):
    """Order types that this executor sends."""

    MARKET = "MARKET"
    STOP_MARKET = "STOP_MARKET"
    TAKE_PROFIT_MARKET = "TAKE_PROFIT_MARKET"


@dataclass(frozen=True, slots=True)
class Instrument:
    """What the exchange allows for one symbol."""

    symbol: str
    tick: Decimal
    step: Decimal
    min_quantity: Decimal
    max_quantity: Decimal
    min_notional: Decimal
    quote_asset: str = "USDT"
    trading: bool = True
    refused: str = ""
    """Why margin type or leverage are not as wanted: guard what is open, open nothing."""

    def floor_quantity(self, quantity: Decimal) -> Decimal:
        """Largest quantity of whole steps not above ``quantity``, at most the market maximum."""
        steps = (min(quantity, self.max_quantity) / self.step).to_integral_value(ROUND_FLOOR)
        return steps * self.step

    def round_price(self, price: Decimal | float, *, up: bool | None = None) -> Decimal:
        """Price on the tick grid: nearest, or the next one ``up`` (True) or down (False)."""
        mode = ROUND_HALF_EVEN if up is None else ROUND_CEILING if up else ROUND_FLOOR
        ticks = (Decimal(str(price)) / self.tick).to_integral_value(mode)
        return ticks * self.tick


@dataclass(frozen=True, slots=True)
class NewOrder:
    """An order as it will be sent; ``close_position`` orders carry no quantity."""

    client_id: str
    symbol: str
    side: str
    kind: OrderKind
    quantity: Decimal | None = None
    trigger_price: Decimal | None = None
    reduce_only: bool = False
    close_position: bool = False

    @property
    def conditional(self) -> bool:
        """Whether it lives in the exchange's conditional-order service."""
        return self.kind is not OrderKind.MARKET

    @property
    def harmless_twice(self) -> bool:
        """Whether sending it twice cannot open or flip a position."""
        return self.reduce_only or self.close_position


@dataclass(frozen=True, slots=True)
class VenueOrder:
    """An order as the exchange reports it; a conditional one becomes the order ``child_id``."""

    client_id: str
    exchange_id: str
    symbol: str
    side: str
    kind: str
    status: str
    quantity: Decimal = ZERO
    filled: Decimal = ZERO
    trigger_price: Decimal = ZERO
    close_position: bool = False
    reduce_only: bool = False
    conditional: bool = False
    child_id: str = ""
    time: int = 0

    @property
    def resting(self) -> bool:
        """Whether it can still act."""
        return self.status in ("NEW", "PARTIALLY_FILLED", "TRIGGERING", "TRIGGERED")

    @property
    def terminal(self) -> bool:
        """Whether it can never act again."""
        return self.status in (
            "FILLED",
            "CANCELED",
            "EXPIRED",
            "EXPIRED_IN_MATCH",
            "REJECTED",
            "FINISHED",
        )


@dataclass(frozen=True, slots=True)
class VenueFill:
    """One trade of ours; unique by (symbol, trade_id)."""

    symbol: str
    trade_id: str
    order_id: str
    side: str
    price: Decimal
    quantity: Decimal
    fee: Decimal
    fee_asset: str
    realized_pnl: Decimal
    time: int
    client_id: str = ""

    @property
    def signed_quantity(self) -> Decimal:
        """Positive for a buy."""
        return self.quantity if self.side == "BUY" else -self.quantity


@dataclass(frozen=True, slots=True)
class VenuePosition:
    """A position as the exchange reports it; ``quantity`` is negative for a short one."""

    symbol: str
    quantity: Decimal
    entry_price: Decimal
    mark_price: Decimal = ZERO
    update_time: int = 0


@dataclass(frozen=True, slots=True)
class Balance:
    """Margin account in the quote asset."""

    wallet: Decimal
    available: Decimal


@dataclass(frozen=True, slots=True)
class KeyPermissions:
    """What an API key may do besides trading futures; ``expires_at`` in ms UTC."""

    futures: bool
    withdraw: bool
    transfer: bool
    ip_restricted: bool
    expires_at: int | None = None


@dataclass(frozen=True, slots=True)
class OrderUpdate:
    """User event: an order changed, with its fill where there was one."""

    order: VenueOrder
    fill: VenueFill | None
    event_time: int


@dataclass(frozen=True, slots=True)
class AlgoUpdate:
    """User event: a conditional order changed; ``filled`` is what its child order executed."""

    order: VenueOrder
    event_time: int
    reason: str = ""


@dataclass(frozen=True, slots=True)
class AccountUpdate:
    """User event: balances or positions changed; ``reason`` as the exchange names it."""

    reason: str
    wallet: Decimal | None
    change: Decimal
    event_time: int


@dataclass(frozen=True, slots=True)
class ListenKeyExpired:
    """User event: the stream is dead and needs a new key."""

    event_time: int


@dataclass(frozen=True, slots=True)
class CandleUpdate:
    """Market event: a 1m candle changed or closed."""

    symbol: str
    candle: Candle
    closed: bool
    event_time: int


@dataclass(frozen=True, slots=True)
class Tick:
    """Market event: a trade price."""

    symbol: str
    price: float
    event_time: int


@dataclass(frozen=True, slots=True)
class StreamState:
    """A stream of this name connected or broke off."""

    name: str
    up: bool
    detail: str = ""


UserEvent = OrderUpdate | AlgoUpdate | AccountUpdate | ListenKeyExpired | StreamState
MarketEvent = CandleUpdate | Tick | StreamState


class Venue(Protocol):
    """An exchange account over REST.

    Every method may raise `executor.venues.faults.Rejected`, `Unknown`, `RateLimited` or `Banned`.
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

    async def listen_key(self) -> str:
        """Key of the user stream; asking again keeps it alive."""
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
        """Hang up and connect anew: the stream is up but does not say what happens."""
        ...
