"""Records that cross the border between the executor and an exchange.

Prices and quantities are `Decimal` here, as the exchange writes them; times are ms UTC.
"""

from __future__ import annotations

from dataclasses import dataclass
from decimal import ROUND_CEILING, ROUND_FLOOR, ROUND_HALF_EVEN, Decimal
from enum import StrEnum

from trading.candles import Candle

ZERO = Decimal(0)


class OrderKind(StrEnum):
    """Order types that the executor sends."""

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
    """Why margin type or leverage could not be set: open positions are managed, none is opened."""

    def floor_quantity(self, quantity: Decimal) -> Decimal:
        """Round down to whole steps, and to the maximum of a market order."""
        steps = (min(quantity, self.max_quantity) / self.step).to_integral_value(ROUND_FLOOR)
        return steps * self.step

    def round_price(self, price: Decimal | float, *, up: bool | None = None) -> Decimal:
        """Round to the tick: to the nearest, or ``up`` (True) or down (False)."""
        mode = ROUND_HALF_EVEN if up is None else ROUND_CEILING if up else ROUND_FLOOR
        ticks = (Decimal(str(price)) / self.tick).to_integral_value(mode)
        return ticks * self.tick


@dataclass(frozen=True, slots=True)
class NewOrder:
    """An order to send; a ``close_position`` order carries no quantity."""

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
        """Whether it is a conditional order at the exchange."""
        return self.kind is not OrderKind.MARKET

    @property
    def harmless_twice(self) -> bool:
        """Whether sending it twice cannot open or flip a position."""
        return self.reduce_only or self.close_position


@dataclass(frozen=True, slots=True)
class VenueOrder:
    """An order as the exchange reports it; a triggered conditional one becomes ``child_id``."""

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
    liquidation: bool = False
    """Whether the exchange itself sent it to close a position."""

    @property
    def resting(self) -> bool:
        """Whether it can still trade or trigger."""
        return self.status in ("NEW", "PARTIALLY_FILLED", "TRIGGERING", "TRIGGERED")

    @property
    def terminal(self) -> bool:
        """Whether it has ended."""
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
    """One of our trades, unique by (symbol, trade_id)."""

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
    liquidation: bool = False


@dataclass(frozen=True, slots=True)
class VenuePosition:
    """A position as the exchange reports it; a short one has a negative ``quantity``."""

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
class ConditionalOrderUpdate:
    """User event: a conditional order changed; its child order executed ``filled``."""

    order: VenueOrder
    event_time: int
    reason: str = ""


@dataclass(frozen=True, slots=True)
class AccountUpdate:
    """User event: balances changed; ``transfer`` means that money was paid in or out."""

    transfer: bool
    wallet: Decimal | None
    change: Decimal
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
    """A stream connected or broke off."""

    name: str
    up: bool
    detail: str = ""


UserEvent = OrderUpdate | ConditionalOrderUpdate | AccountUpdate | StreamState
MarketEvent = CandleUpdate | Tick | StreamState
