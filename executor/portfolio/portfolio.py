"""The portfolio: what is open in which symbol, by which strategy, and what protects it.

A symbol has one owner: positions net at the exchange, and a close-position order would close both.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from decimal import Decimal

from executor.ledger.records import PositionRow
from executor.model import ZERO, Balance, Instrument, InstrumentId, VenueOrder, Wallet, venue_of
from executor.portfolio.position_state import OpenPosition, is_sized_by_risk
from trading.order_ids import OrderLeg, parse_order_id
from trading.positions.staged_position import StagedPosition

NOT_SET_UP = "not set up: "

ChangeListener = Callable[[InstrumentId, str | None], None]
"""Takes the symbol whose position changed, and the id of the event that says why."""


@dataclass
class Holding:
    """A position with its exit rules and resting orders; ``row`` mirrors the ledger."""

    row: PositionRow
    position: OpenPosition | None = None
    resting: dict[str, VenueOrder] = field(default_factory=dict)
    """Protective orders that a listing has shown, by client id."""
    protected: bool = False
    since: float = field(default_factory=time.monotonic)
    """Wall time (monotonic) since when it may be unprotected."""
    closing: str | None = None
    """Reason of the close in progress."""
    step: str | None = None
    """Reason of the addition or partial exit in progress."""
    not_before: dict[str, int] = field(default_factory=dict)
    """Market time (ms) before which a refused step is not tried again, by reason."""
    reserved: Decimal = ZERO
    """Notional of its entry, known before the first trade: two entries never share money."""
    changed_at: int = 0
    """Market time (ms) of its last trade."""
    best_at_open: float | None = None
    """Best price when the current candle began, if that was seen."""
    second_line: bool = False
    """Whether a crossed protective order still has time to fill."""
    preparing: bool = False
    """Whether its entry is about to be sent: no order of it exists yet."""
    closed: asyncio.Event = field(default_factory=asyncio.Event)

    def __post_init__(self) -> None:
        self.reserved = self.row.quantity * Decimal(str(self.row.entry_price))

    @property
    def symbol(self) -> InstrumentId:
        """Symbol of the position."""
        return self.row.symbol

    @property
    def filled(self) -> bool:
        """Whether its entry has traded."""
        return self.row.quantity > 0

    @property
    def heeds_exit(self) -> bool:
        """Whether an exit signal of its strategy counts now."""
        return not isinstance(self.position, StagedPosition) or self.position.heeds_exit

    def rests(self, leg: OrderLeg) -> bool:
        """Whether an order of this leg rests at the exchange."""
        return any(parse_order_id(client_id).leg is leg for client_id in self.resting)

    async def wait_closed(self, timeout_s: float) -> bool:
        """Wait until it is closed; False when the time is up first."""
        try:
            async with asyncio.timeout(timeout_s):
                await self.closed.wait()
        except TimeoutError:
            return False
        return True

    def begin_unprotected(self, age_s: float) -> None:
        """Start the time limit with the first trade, ``age_s`` ago, though it was sent before."""
        self.since = max(self.since, time.monotonic() - max(age_s, 0.0))

    def mark_unprotected(self) -> None:
        """Require a new confirmation of its stop, within the time limit from now."""
        if self.protected:
            self.since = time.monotonic()
        self.protected = False


@dataclass
class Slot:
    """Everything about one symbol."""

    symbol: InstrumentId
    holding: Holding | None = None
    halted: str | None = None
    last_price: float | None = None
    leverage: int = 0
    """What is set at the exchange; 0 where that is not known."""
    last_tick: int | None = None
    """Market time (ms) of the last price that the exit rules saw."""
    foreign: Decimal = ZERO
    """What the exchange holds beyond ours, negative for a short one."""
    foreign_orders: bool = False
    """Whether orders rest that are not ours."""
    foreign_trades: set[str] = field(default_factory=set)
    """Ids of trades that were not ours, not even in part."""
    changes: int = 0
    """Counts fills: a snapshot from before a fill is stale after it."""

    @property
    def shared(self) -> bool:
        """Whether closing the whole position could close more than ours."""
        return self.foreign != 0 or self.foreign_orders


class Portfolio:
    """Slots by symbol, the instruments, and the wallets.

    ``holds_balances`` tells of a venue whether its positions are balances.
    """

    def __init__(self, holds_balances: Callable[[str], bool] = lambda _venue: False) -> None:
        self._holds_balances = holds_balances
        self._listeners: list[ChangeListener] = []
        self.slots: dict[InstrumentId, Slot] = {}
        self.instruments: dict[InstrumentId, Instrument] = {}
        self._traded_from: tuple[Wallet, ...] = ()
        self.balances: dict[Wallet, Balance] = {}
        self.balances_at: dict[Wallet, int] = {}
        """Exchange time (ms) of each balance: it has everything from before."""
        self.balances_by: dict[Wallet, int] = {}
        """Exchange time (ms) after which nothing can be in a balance."""

    def subscribe(self, listener: ChangeListener) -> None:
        """Call ``listener`` after each change of a position, before `changed` returns."""
        self._listeners.append(listener)

    def changed(self, symbol: InstrumentId, cause: str | None) -> None:
        """Notify the listeners that the position of a symbol changed."""
        for listener in self._listeners:
            listener(symbol, cause)

    def take_price(self, symbol: InstrumentId, price: float) -> bool:
        """Take a price at once where nothing is open; False where its event must come first."""
        slot = self.slot(symbol)
        if slot.holding is not None:
            return False
        slot.last_price = price
        return True

    def learn(self, instruments: Mapping[InstrumentId, Instrument], leverage: int = 0) -> None:
        """Add instruments, set up at ``leverage`` (0: not known).

        One that could not be set up gets no entries.
        """
        for symbol, instrument in instruments.items():
            self.instruments[symbol] = instrument
            slot = self.slot(symbol)
            slot.leverage = 0 if instrument.refused else leverage
            if instrument.refused:
                slot.halted = slot.halted or f"{NOT_SET_UP}{instrument.refused}"
            elif slot.halted is not None and slot.halted.startswith(NOT_SET_UP):
                slot.halted = None
        self._traded_from = tuple(sorted({known.wallet for known in self.instruments.values()}))

    def slot(self, symbol: InstrumentId) -> Slot:
        """The slot of a symbol, made on first use."""
        return self.slots.setdefault(symbol, Slot(symbol))

    def holding(self, symbol: InstrumentId) -> Holding | None:
        """The position of a symbol, its entry in progress included."""
        return self.slot(symbol).holding

    def holdings(self) -> Iterator[Holding]:
        """All positions, entries in progress included."""
        for slot in list(self.slots.values()):
            if slot.holding is not None:
                yield slot.holding

    def filled_symbols(self) -> frozenset[InstrumentId]:
        """Symbols with a position that has traded."""
        return frozenset(holding.symbol for holding in self.holdings() if holding.filled)

    def watched_prices(self) -> dict[InstrumentId, list[float]]:
        """Prices at which the executor acts and no order rests, by symbol."""
        held = [(h.symbol, h.position) for h in self.holdings() if h.filled]
        return {
            symbol: position.watched_prices for symbol, position in held if position is not None
        }

    def wallet_of(self, symbol: InstrumentId) -> Wallet:
        """The wallet that an instrument is traded from."""
        return self.instruments[symbol].wallet

    def balance(self, wallet: Wallet) -> Balance:
        """What a wallet holds; nothing where the exchange does not show it."""
        return self.balances.get(wallet, Balance(ZERO, ZERO))

    @property
    def wallets(self) -> list[Wallet]:
        """Wallets that hold anything an instrument could be traded from, sorted."""
        return [wallet for wallet in self._traded_from if wallet in self.balances]

    def _held_from(self, wallet: Wallet) -> list[Holding]:
        return [
            holding
            for holding in self.holdings()
            if (holding.row.quote_asset, venue_of(holding.symbol)) == (wallet.asset, wallet.venue)
        ]

    def open_profit(self, asset: str) -> Decimal:
        """Open profit or loss at the last prices, of all positions priced in ``asset``."""
        held = (holding for holding in self.holdings() if holding.row.quote_asset == asset)
        return sum((self._profit_of(holding) for holding in held), ZERO)

    def _profit_of(self, holding: Holding) -> Decimal:
        price = self.slot(holding.symbol).last_price
        if price is None or not holding.filled:
            return ZERO
        move = Decimal(str(price)) - Decimal(str(holding.row.entry_price))
        return move * holding.row.quantity * holding.row.side

    def _value_of(self, holding: Holding) -> Decimal:
        """What a position adds to the equity of its wallet."""
        if not self._holds_balances(venue_of(holding.symbol)):
            return self._profit_of(holding)
        price = self.slot(holding.symbol).last_price or holding.row.entry_price
        return holding.row.quantity * Decimal(str(price))

    def free(self, wallet: Wallet, *, believe_exchange: bool) -> Decimal:
        """A wallet without the margin of its positions, entries in progress included.

        The exchange's own figure counts where it is lower, but not in a replay: it depends on the
        moment of the request. Where positions are balances, they are paid for already.
        """
        balance, held = self.balance(wallet), self._held_from(wallet)
        if self._holds_balances(wallet.venue):
            held = [holding for holding in held if not holding.filled]
        used = sum((holding.reserved / holding.row.leverage for holding in held), ZERO)
        free = balance.wallet - used
        return min(free, balance.available) if believe_exchange else free

    def exposure(self, wallet: Wallet) -> Decimal:
        """Notional of a wallet's positions and entries in progress; of those by risk the margin."""
        return sum((_exposure_of(holding) for holding in self._held_from(wallet)), ZERO)

    def equity_of(self, wallet: Wallet) -> Decimal:
        """A wallet with what its open positions add to it."""
        values = (self._value_of(holding) for holding in self._held_from(wallet))
        return self.balance(wallet).wallet + sum(values, ZERO)

    def equity(self, asset: str) -> Decimal:
        """The equity of all wallets of an asset, whatever their venue."""
        found = (self.equity_of(wallet) for wallet in self.wallets if wallet.asset == asset)
        return sum(found, ZERO)


def _exposure_of(holding: Holding) -> Decimal:
    """Return what a position counts against the exposure that is allowed."""
    if is_sized_by_risk(holding.row):
        return holding.reserved / holding.row.leverage
    return holding.reserved
