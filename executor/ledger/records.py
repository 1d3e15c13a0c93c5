"""Rows of the ledger as frozen records."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from executor.model import CONDITIONAL_KINDS, OPEN_STATES, InstrumentId, OrderState
from trading.order_ids import OrderLeg


@dataclass(frozen=True, slots=True)
class OrderRow:
    """An order from its intent on."""

    client_id: str
    key: str
    leg: OrderLeg
    n: int
    symbol: InstrumentId
    strategy: str
    release_id: str
    bar_time: int
    side: str
    kind: str
    quantity: Decimal | None
    trigger_price: Decimal | None
    reduce_only: bool
    close_position: bool
    position_id: int | None = None
    status: OrderState = OrderState.INTENT
    exchange_id: str | None = None
    child_id: str | None = None
    decision_price: float | None = None
    filled: Decimal = Decimal(0)
    average_price: float | None = None
    error: str | None = None
    reason: str | None = None
    cause: str | None = None
    created_at: int = 0
    updated_at: int = 0
    parent: str | None = None
    """Client id that names the pair it is in."""
    price: Decimal | None = None
    time_in_force: str | None = None

    @property
    def open(self) -> bool:
        """Whether its end is not known yet."""
        return self.status in OPEN_STATES

    @property
    def conditional(self) -> bool:
        """Whether it is a conditional order at the exchange."""
        return self.kind in CONDITIONAL_KINDS


@dataclass(frozen=True, slots=True)
class PositionRow:
    """A position with everything that is needed to manage it after a restart.

    ``status`` is opening (its entry is in progress), open, closing, closed, or void (never filled).
    """

    id: int
    symbol: InstrumentId
    strategy: str
    side: int
    status: str
    quantity: Decimal
    entry_price: float
    opened_at: int
    release_id: str
    release_short: str
    key: str
    bar_time: int
    params: dict[str, Any]
    atr: float
    high_water: float
    closed_at: int | None = None
    exit_price: float | None = None
    exit_reason: str | None = None
    realized_pnl: Decimal = Decimal(0)
    fees: Decimal = Decimal(0)
    protected_at: int | None = None
    cause: str | None = None
    stop_price: float | None = None
    """Stop of the signal; None where the parameters give it."""
    target_price: float | None = None
    confidence: float | None = None
    quote_asset: str = "USDT"
    """Asset of its prices, result and fees."""
    leverage: int = 1
    """Leverage of the account at the entry; the liquidation price follows from it."""
