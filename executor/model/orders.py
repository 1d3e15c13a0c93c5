"""Orders, from the intent to the last trade, and the states that they pass through."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from enum import StrEnum

from executor.model.instruments import ZERO, InstrumentId


class OrderKind(StrEnum):
    """Order types; an adapter refuses what its venue does not have."""

    MARKET = "MARKET"
    LIMIT = "LIMIT"
    STOP_MARKET = "STOP_MARKET"
    STOP_LIMIT = "STOP_LIMIT"
    TAKE_PROFIT_MARKET = "TAKE_PROFIT_MARKET"
    TRAILING_STOP = "TRAILING_STOP"


CONDITIONAL_KINDS = frozenset(
    {
        OrderKind.STOP_MARKET,
        OrderKind.STOP_LIMIT,
        OrderKind.TAKE_PROFIT_MARKET,
        OrderKind.TRAILING_STOP,
    }
)


class TimeInForce(StrEnum):
    """How long an order with a limit price may rest."""

    GTC = "GTC"
    IOC = "IOC"
    FOK = "FOK"
    POST_ONLY = "GTX"


class OrderState(StrEnum):
    """The state of an order, as the ledger writes it."""

    INTENT = "intent"
    """Written, and perhaps sent."""
    SENT = "sent"
    ACCEPTED = "accepted"
    PARTLY_FILLED = "partly_filled"
    FILLED = "filled"
    CANCELLED = "cancelled"
    EXPIRED = "expired"
    REJECTED = "rejected"
    """Definitely not accepted: its number is used again."""
    UNKNOWN = "unknown"
    """The request had no outcome yet; it is queried, never repeated."""
    DEAD = "dead"
    """Unknown once, and provably never taken."""


_S = OrderState
OPEN_STATES = frozenset({_S.INTENT, _S.SENT, _S.UNKNOWN, _S.ACCEPTED, _S.PARTLY_FILLED})
"""States of an order whose end is not known."""
RESTING_STATES = frozenset({_S.ACCEPTED, _S.PARTLY_FILLED})
UNANSWERED_STATES = frozenset({_S.INTENT, _S.SENT, _S.UNKNOWN})
"""States of an order that may or may not exist at the exchange."""
_ANSWERS = frozenset(
    {_S.ACCEPTED, _S.PARTLY_FILLED, _S.FILLED, _S.CANCELLED, _S.EXPIRED, _S.REJECTED}
)

NEXT_STATES: Mapping[OrderState, frozenset[OrderState]] = {
    # A crash between the request and its note leaves an intent that the exchange has taken.
    _S.INTENT: _ANSWERS | {_S.SENT, _S.UNKNOWN, _S.DEAD},
    _S.SENT: _ANSWERS | {_S.UNKNOWN, _S.DEAD},
    _S.UNKNOWN: _ANSWERS | {_S.DEAD},
    _S.ACCEPTED: _ANSWERS - {_S.ACCEPTED} | {_S.UNKNOWN},
    _S.PARTLY_FILLED: frozenset({_S.FILLED, _S.CANCELLED, _S.EXPIRED, _S.UNKNOWN}),
    # Reports come out of order: a trade may follow the end that it came before.
    _S.CANCELLED: frozenset({_S.FILLED}),
    _S.EXPIRED: frozenset({_S.FILLED}),
    _S.DEAD: frozenset({_S.ACCEPTED, _S.PARTLY_FILLED, _S.FILLED}),
    _S.REJECTED: frozenset({_S.INTENT, _S.FILLED}),
    _S.FILLED: frozenset(),
}
"""The states that may follow each state."""


def may_follow(state: OrderState, new: OrderState) -> bool:
    """Whether an order in ``state`` may become ``new``."""
    return new in NEXT_STATES[state]


@dataclass(frozen=True, slots=True)
class NewOrder:
    """An order to send: for a quantity, or ``close_position`` for whatever is open."""

    client_id: str
    symbol: InstrumentId
    side: str
    kind: OrderKind
    quantity: Decimal | None = None
    price: Decimal | None = None
    trigger_price: Decimal | None = None
    time_in_force: TimeInForce = TimeInForce.GTC
    reduce_only: bool = False
    close_position: bool = False
    exits: bool = False
    """Whether it makes a position smaller or protects it: it goes before everything else."""
    partner: NewOrder | None = None
    """The other order of a pair in which each cancels the other."""

    @property
    def conditional(self) -> bool:
        """Whether it waits for a trigger price."""
        return self.kind in CONDITIONAL_KINDS

    @property
    def harmless_twice(self) -> bool:
        """Whether sending it twice cannot open or flip a position."""
        return self.reduce_only or self.close_position


@dataclass(frozen=True, slots=True)
class VenueOrder:
    """An order as the exchange reports it; a triggered conditional one becomes ``child_id``.

    Where it keeps its own id, ``child_id`` is that id. ``parent`` names the pair that it is in.
    """

    client_id: str
    exchange_id: str
    symbol: InstrumentId
    side: str
    kind: str
    status: OrderState
    quantity: Decimal = ZERO
    filled: Decimal = ZERO
    trigger_price: Decimal = ZERO
    close_position: bool = False
    reduce_only: bool = False
    conditional: bool = False
    child_id: str = ""
    parent: str = ""
    time: int = 0
    liquidation: bool = False
    """Whether the exchange itself sent it to close a position."""

    @property
    def resting(self) -> bool:
        """Whether it can still trade or trigger."""
        return self.status in RESTING_STATES

    @property
    def terminal(self) -> bool:
        """Whether it has ended."""
        return self.status not in OPEN_STATES


@dataclass(frozen=True, slots=True)
class VenueFill:
    """One of our trades, unique by (instrument, trade id).

    ``realized_pnl`` is None where the venue does not say.
    """

    symbol: InstrumentId
    trade_id: str
    order_id: str
    side: str
    price: Decimal
    quantity: Decimal
    fee: Decimal
    fee_asset: str
    realized_pnl: Decimal | None
    time: int
    client_id: str = ""
    liquidation: bool = False
    fee_quote: Decimal | None = None
    """The fee in the quote asset, at the price of the trade's minute; None until it is known."""
    fee_base: Decimal = ZERO
    """What the fee took of the bought asset itself."""


@dataclass(frozen=True, slots=True)
class VenuePosition:
    """A position as the exchange reports it; a short one has a negative ``quantity``."""

    symbol: InstrumentId
    quantity: Decimal
    entry_price: Decimal
    mark_price: Decimal = ZERO
    update_time: int = 0
