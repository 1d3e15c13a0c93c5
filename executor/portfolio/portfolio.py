"""The book: what is held in which symbol, by which strategy, and what protects it.

One owner a symbol: positions net at the exchange, and one close-position order would close both.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from decimal import Decimal

from executor.ledger.records import PositionRow
from executor.model import ZERO, Balance, Instrument, VenueOrder
from executor.portfolio.position_state import OpenPosition
from trading.positions.staged_position import StagedPosition

NOT_SET_UP = "not set up: "


@dataclass
class Holding:
    """A position and its guards; ``row`` mirrors the ledger."""

    row: PositionRow
    position: OpenPosition | None = None
    resting: dict[str, VenueOrder] = field(default_factory=dict)
    """Protective orders that a listing has shown, by client id."""
    protected: bool = False
    since: float = field(default_factory=time.monotonic)
    """Wall time (monotonic) since which it may be unprotected."""
    closing: str | None = None
    """Reason of the close that is under way."""
    step: str | None = None
    """Reason of the addition or part sale that is under way."""
    not_before: dict[str, int] = field(default_factory=dict)
    """Market time (ms) until which a step that was refused is not tried again, by reason."""
    reserved: Decimal = ZERO
    """Notional of its entry, known before the first trade: two entries never share money."""
    changed_at: int = 0
    """Market time (ms) of its last trade."""
    best_at_open: float | None = None
    """Best price when the running candle began, where that was seen."""
    second_line: bool = False
    """Whether a crossed protective order is being waited for."""
    closed: asyncio.Event = field(default_factory=asyncio.Event)

    def __post_init__(self) -> None:
        self.reserved = self.row.quantity * Decimal(str(self.row.entry_price))

    @property
    def symbol(self) -> str:
        """Symbol held."""
        return self.row.symbol

    @property
    def filled(self) -> bool:
        """Whether anything is held yet."""
        return self.row.quantity > 0

    @property
    def heeds_exit(self) -> bool:
        """Whether an exit that its strategy asks for counts now."""
        return not isinstance(self.position, StagedPosition) or self.position.heeds_exit

    def mark_unprotected(self) -> None:
        """The protection must be confirmed anew, within its time from now."""
        if self.protected:
            self.since = time.monotonic()
        self.protected = False


@dataclass
class Slot:
    """Everything about one symbol."""

    symbol: str
    holding: Holding | None = None
    halted: str | None = None
    last_price: float | None = None
    last_tick: int | None = None
    """Market time (ms) of the last price that the rules were applied to."""
    changes: int = 0
    """Counts fills, so that a snapshot taken before one is not trusted after it."""


class Portfolio:
    """Slots by symbol, the instruments, and the account's money."""

    def __init__(self) -> None:
        self.slots: dict[str, Slot] = {}
        self.instruments: dict[str, Instrument] = {}
        self.balance = Balance(ZERO, ZERO)

    def learn(self, instruments: Mapping[str, Instrument]) -> None:
        """Take instruments over; one that is not set up as wanted gets no entries."""
        for symbol, instrument in instruments.items():
            self.instruments[symbol] = instrument
            slot = self.slot(symbol)
            if instrument.refused:
                slot.halted = slot.halted or f"{NOT_SET_UP}{instrument.refused}"
            elif slot.halted is not None and slot.halted.startswith(NOT_SET_UP):
                slot.halted = None

    def slot(self, symbol: str) -> Slot:
        """The slot of a symbol, made when first asked for."""
        return self.slots.setdefault(symbol, Slot(symbol))

    def holding(self, symbol: str) -> Holding | None:
        """What is held or about to be held in a symbol."""
        return self.slot(symbol).holding

    def holdings(self) -> Iterator[Holding]:
        """Everything that is held or about to be."""
        for slot in list(self.slots.values()):
            if slot.holding is not None:
                yield slot.holding

    def open_profit(self) -> Decimal:
        """Profit or loss of what is open, at the last prices."""
        total = ZERO
        for holding in self.holdings():
            price = self.slot(holding.symbol).last_price
            if price is not None and holding.filled:
                move = Decimal(str(price)) - Decimal(str(holding.row.entry_price))
                total += move * holding.row.quantity * holding.row.side
        return total

    def free(self, leverage: int, *, believe_exchange: bool) -> Decimal:
        """Wallet without the margin of what is held or about to be.

        The exchange's own figure is taken where it is lower, but not in a replay: it depends on
        when one asks.
        """
        used = sum((holding.reserved for holding in self.holdings()), ZERO) / leverage
        free = self.balance.wallet - used
        return min(free, self.balance.available) if believe_exchange else free

    @property
    def equity(self) -> Decimal:
        """Wallet and open profit or loss."""
        return self.balance.wallet + self.open_profit()
