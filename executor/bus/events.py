"""Events: what happened, when in market time, and which event led to it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import IntEnum, StrEnum
from typing import Any, Generic, Protocol, TypeVar

from executor.model import InstrumentId
from trading.candles import Candle

NOTHING = InstrumentId("")
"""The instrument of an event that concerns none."""


class Priority(IntEnum):
    """The lower the number, the sooner it is handled."""

    CRITICAL = 0
    HIGH = 1
    MEDIUM = 2
    LOW = 3


class EventType(StrEnum):
    """Names as they stand in the ledger."""

    SYSTEM_ERROR = "system_error"
    DAILY_LOSS_LIMIT_REACHED = "daily_loss_limit_reached"
    RISK_THRESHOLD_EXCEEDED = "risk_threshold_exceeded"
    WS_DISCONNECTED = "ws_disconnected"
    MARKET_SHOCK = "market_shock"
    SIGNAL_GENERATED = "signal_generated"
    SIGNAL_HELD = "signal_held"
    ENTRY_REFUSED = "entry_refused"
    ORDER_INTENT = "order_intent"
    ORDER_PLACED = "order_placed"
    ORDER_FILLED = "order_filled"
    ORDER_FAILED = "order_failed"
    ORDER_CANCELLED = "order_cancelled"
    POSITION_OPENED = "position_opened"
    POSITION_CLOSED = "position_closed"
    POSITION_UPDATED = "position_updated"
    POSITION_CORRECTED = "position_corrected"
    DUST_LEFT = "dust_left"
    PROTECTION_CONFIRMED = "protection_confirmed"
    SYMBOL_HALTED = "symbol_halted"
    CANDLE_CLOSED = "candle_closed"
    PRICE_UPDATED = "price_updated"
    RELEASE_CHANGED = "release_changed"
    RELEASE_REFUSED = "release_refused"
    FORECASTS_REFUSED = "forecasts_refused"
    WS_CONNECTED = "ws_connected"
    WS_RECONNECTING = "ws_reconnecting"
    SYSTEM_STARTED = "system_started"
    SYSTEM_STOPPED = "system_stopped"
    CONFIG_CHANGED = "config_changed"
    CONFIG_REFUSED = "config_refused"
    ENTRIES_CHANGED = "entries_changed"
    LIMITS_RESET = "limits_reset"


_CRITICAL = {
    EventType.SYSTEM_ERROR,
    EventType.DAILY_LOSS_LIMIT_REACHED,
    EventType.RISK_THRESHOLD_EXCEEDED,
    EventType.WS_DISCONNECTED,
    EventType.SYMBOL_HALTED,
}
_HIGH = {
    EventType.MARKET_SHOCK,
    EventType.SIGNAL_GENERATED,
    EventType.SIGNAL_HELD,
    EventType.ENTRY_REFUSED,
    EventType.ORDER_INTENT,
    EventType.ORDER_PLACED,
    EventType.ORDER_FILLED,
    EventType.ORDER_FAILED,
    EventType.ORDER_CANCELLED,
    EventType.POSITION_OPENED,
    EventType.POSITION_CLOSED,
    EventType.POSITION_CORRECTED,
    EventType.DUST_LEFT,
    EventType.PROTECTION_CONFIRMED,
}
_MEDIUM = {EventType.CANDLE_CLOSED, EventType.PRICE_UPDATED, EventType.POSITION_UPDATED}


def priority_of(kind: EventType) -> Priority:
    """Priority class of an event type."""
    if kind in _CRITICAL:
        return Priority.CRITICAL
    if kind in _HIGH:
        return Priority.HIGH
    return Priority.MEDIUM if kind in _MEDIUM else Priority.LOW


class Payload(Protocol):
    """What an event carries to its handlers."""

    def as_data(self) -> Mapping[str, Any]:
        """The values that the ledger stores."""
        ...


@dataclass(frozen=True, slots=True)
class Facts:
    """Plain values by name."""

    values: Mapping[str, Any]

    def as_data(self) -> Mapping[str, Any]:
        """The values themselves."""
        return self.values


@dataclass(frozen=True, slots=True)
class ClosedCandle:
    """A closed 1m candle; ``fresh`` means that it closed within the last minute."""

    candle: Candle
    fresh: bool

    def as_data(self) -> Mapping[str, Any]:
        """The candle's values, and whether it was fresh."""
        candle = self.candle
        return {
            "open_time": candle.open_time,
            "open": candle.open,
            "high": candle.high,
            "low": candle.low,
            "close": candle.close,
            "volume": candle.volume,
            "fresh": self.fresh,
        }


@dataclass(frozen=True, slots=True)
class PriceUpdate:
    """A trade price."""

    price: float

    def as_data(self) -> Mapping[str, Any]:
        """The price by name."""
        return {"price": self.price}


PayloadT_co = TypeVar("PayloadT_co", bound=Payload, covariant=True)


@dataclass(frozen=True, slots=True)
class Event(Generic[PayloadT_co]):
    """One thing that happened; ``time`` is market time in ms UTC, ``cause`` the id of its cause."""

    id: str
    time: int
    type: EventType
    symbol: InstrumentId
    cause: str | None
    payload: PayloadT_co

    @property
    def priority(self) -> Priority:
        """Priority class, by type."""
        return priority_of(self.type)

    @property
    def data(self) -> Mapping[str, Any]:
        """The payload as the ledger stores it."""
        return self.payload.as_data()


AnyEvent = Event[Any]


class EventMaker:
    """Make events with ids that are unique over all runs of one ledger and sort by creation."""

    def __init__(self, run: int, now_ms: Callable[[], int]) -> None:
        self._run = run
        self._now_ms = now_ms
        self._made = 0

    def __call__(
        self,
        kind: EventType,
        *,
        symbol: InstrumentId = NOTHING,
        cause: str | None = None,
        payload: Payload | None = None,
        **facts: Any,
    ) -> AnyEvent:
        """Make an event of this moment; it carries ``payload``, or else ``facts``."""
        self._made += 1
        name = f"{self._run:04d}-{self._made:09d}"
        return Event(name, self._now_ms(), kind, symbol, cause, payload or Facts(facts))
