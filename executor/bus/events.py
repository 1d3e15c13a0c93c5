"""Events: what happened, when in market time, and which event led to it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from enum import IntEnum, StrEnum
from typing import Any

from trading.candles import Candle


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
    PROTECTION_CONFIRMED = "protection_confirmed"
    SYMBOL_HALTED = "symbol_halted"
    CANDLE_CLOSED = "candle_closed"
    PRICE_UPDATED = "price_updated"
    RELEASE_CHANGED = "release_changed"
    RELEASE_REFUSED = "release_refused"
    WS_CONNECTED = "ws_connected"
    WS_RECONNECTING = "ws_reconnecting"
    SYSTEM_STARTED = "system_started"
    SYSTEM_STOPPED = "system_stopped"
    CONFIG_CHANGED = "config_changed"
    CONFIG_REFUSED = "config_refused"
    ENTRIES_CHANGED = "entries_changed"


_CRITICAL = {
    EventType.SYSTEM_ERROR,
    EventType.DAILY_LOSS_LIMIT_REACHED,
    EventType.RISK_THRESHOLD_EXCEEDED,
    EventType.WS_DISCONNECTED,
    EventType.SYMBOL_HALTED,
}
_HIGH = {
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


@dataclass(frozen=True, slots=True)
class Event:
    """One thing that happened; ``time`` is market time in ms UTC, ``cause`` the id of its cause."""

    id: str
    time: int
    type: EventType
    symbol: str = ""
    cause: str | None = None
    data: Mapping[str, Any] = field(default_factory=dict)

    @property
    def priority(self) -> Priority:
        """Priority class, by type."""
        return priority_of(self.type)


class EventMaker:
    """Make events with ids that are unique over all runs of one ledger and sort by creation."""

    def __init__(self, run: int, now_ms: Callable[[], int]) -> None:
        self._run = run
        self._now_ms = now_ms
        self._made = 0

    def __call__(
        self, kind: EventType, *, symbol: str = "", cause: str | None = None, **data: Any
    ) -> Event:
        """An event of this moment."""
        self._made += 1
        return Event(f"{self._run:04d}-{self._made:09d}", self._now_ms(), kind, symbol, cause, data)


def candle_data(candle: Candle, *, fresh: bool) -> dict[str, Any]:
    """A candle as the data of an event."""
    return {
        "open_time": candle.open_time,
        "open": candle.open,
        "high": candle.high,
        "low": candle.low,
        "close": candle.close,
        "volume": candle.volume,
        "fresh": fresh,
    }


def candle_of(data: Mapping[str, Any]) -> Candle:
    """The candle of such an event."""
    names = ("open", "high", "low", "close", "volume")
    return Candle(int(data["open_time"]), *(float(data[name]) for name in names))
