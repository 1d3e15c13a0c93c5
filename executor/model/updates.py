"""What the streams of a venue report."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal

from executor.model.instruments import InstrumentId, Wallet
from executor.model.orders import VenueFill, VenueOrder
from trading.candles import Candle


@dataclass(frozen=True, slots=True)
class KeyPermissions:
    """What an API key may do; ``trade`` means at this venue, ``expires_at`` is in ms UTC."""

    trade: bool
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
class ConditionalOrderUpdate:
    """User event: a conditional order changed; its child order executed ``filled``."""

    order: VenueOrder
    event_time: int
    reason: str = ""


@dataclass(frozen=True, slots=True)
class AccountUpdate:
    """User event: a balance changed; ``transfer`` means that money was paid in or out.

    ``total`` is what the wallet holds now, None where only the ``change`` is known.
    """

    wallet: Wallet
    transfer: bool
    total: Decimal | None
    change: Decimal
    event_time: int


@dataclass(frozen=True, slots=True)
class Transfer:
    """Money paid into a wallet, or out of it (negative), as the exchange lists it; time in ms."""

    wallet: Wallet
    amount: Decimal
    time: int
    id: str
    late_ms: int = 0
    """How long after ``time`` the wallet may have changed: a deposit waits for confirmations."""


@dataclass(frozen=True, slots=True)
class CandleUpdate:
    """Market event: a 1m candle changed or closed."""

    symbol: InstrumentId
    candle: Candle
    closed: bool
    event_time: int


@dataclass(frozen=True, slots=True)
class Tick:
    """Market event: a trade price."""

    symbol: InstrumentId
    price: float
    event_time: int


@dataclass(frozen=True, slots=True)
class StreamState:
    """A stream of a venue connected or broke off."""

    venue: str
    name: str
    up: bool
    detail: str = ""
    failures: int = 0
    """Connections in a row that brought nothing."""


UserEvent = OrderUpdate | ConditionalOrderUpdate | AccountUpdate | StreamState
MarketEvent = CandleUpdate | Tick | StreamState
