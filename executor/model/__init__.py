"""Records that cross the border between the executor and an exchange.

Prices and quantities are `Decimal` here, as the exchange writes them; times are ms UTC.
"""

from executor.model.capabilities import PROMISE, Capabilities, Protection
from executor.model.instruments import (
    ZERO,
    Balance,
    Instrument,
    InstrumentId,
    Wallet,
    instrument_id,
    symbol_of,
    venue_of,
)
from executor.model.orders import (
    CONDITIONAL_KINDS,
    NEXT_STATES,
    OPEN_STATES,
    RESTING_STATES,
    UNANSWERED_STATES,
    NewOrder,
    OrderKind,
    OrderState,
    TimeInForce,
    VenueFill,
    VenueOrder,
    VenuePosition,
    may_follow,
)
from executor.model.updates import (
    AccountUpdate,
    CandleUpdate,
    ConditionalOrderUpdate,
    KeyPermissions,
    MarketEvent,
    OrderUpdate,
    StreamState,
    Tick,
    UserEvent,
)

__all__ = [
    "CONDITIONAL_KINDS",
    "NEXT_STATES",
    "OPEN_STATES",
    "PROMISE",
    "RESTING_STATES",
    "UNANSWERED_STATES",
    "ZERO",
    "AccountUpdate",
    "Balance",
    "CandleUpdate",
    "Capabilities",
    "ConditionalOrderUpdate",
    "Instrument",
    "InstrumentId",
    "KeyPermissions",
    "MarketEvent",
    "NewOrder",
    "OrderKind",
    "OrderState",
    "OrderUpdate",
    "Protection",
    "StreamState",
    "Tick",
    "TimeInForce",
    "UserEvent",
    "VenueFill",
    "VenueOrder",
    "VenuePosition",
    "Wallet",
    "instrument_id",
    "may_follow",
    "symbol_of",
    "venue_of",
]
