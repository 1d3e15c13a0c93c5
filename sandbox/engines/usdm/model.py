"""Orders, conditional orders, positions, accounts and the events that tell of their changes."""

from __future__ import annotations

from dataclasses import dataclass, field
from decimal import Decimal

from sandbox.engines.common.money import ZERO, money
from sandbox.engines.common.orders import BaseFill, BaseOrder
from sandbox.engines.common.recorded_market import RecordedMarket

OPEN_ORDER = ("NEW", "PARTIALLY_FILLED")
STOP_TYPES = ("STOP", "STOP_MARKET")
PROFIT_TYPES = ("TAKE_PROFIT", "TAKE_PROFIT_MARKET")
TRAILING = "TRAILING_STOP_MARKET"
CONDITIONAL_TYPES = (*STOP_TYPES, *PROFIT_TYPES, TRAILING)
# Of a position in one-way mode, and of the two in hedge mode.
BOTH, LONG, SHORT = "BOTH", "LONG", "SHORT"
POSITION_SIDES = (BOTH, LONG, SHORT)


def sign_of(side: str) -> int:
    """+1 for BUY, −1 for SELL."""
    return 1 if side == "BUY" else -1


def closes(side: str, position_side: str) -> bool:
    """Whether a ``side`` order on a position of hedge mode can only close it."""
    return (side, position_side) in (("SELL", LONG), ("BUY", SHORT))


@dataclass(slots=True)
class UsdmOrder(BaseOrder):
    """An order in the book; ``quantity`` and ``filled`` in base, ``quote`` = Σ price × quantity."""

    reduce_only: bool = False
    close_position: bool = False
    quote: Decimal = ZERO
    orig_type: str = ""
    working_type: str = "CONTRACT_PRICE"
    price_protect: bool = False
    algo_id: int = 0
    good_till: int = 0
    queued: int = 0
    position_side: str = BOTH

    @property
    def rank(self) -> tuple[int, int]:
        """Its place in time at its price: an amendment for more, or of the price, loses it."""
        return (self.queued or self.order_id, self.order_id)

    @property
    def open(self) -> bool:
        """Whether it can still fill."""
        return self.status in OPEN_ORDER

    @property
    def average(self) -> Decimal:
        """Volume-weighted fill price, 0 when nothing filled."""
        return self.quote / self.filled if self.filled else ZERO


@dataclass(slots=True)
class AlgoOrder:
    """A conditional order of the algo service, or (``order_id`` set) placed as an order."""

    account: str
    algo_id: int
    client_id: str
    symbol: str
    side: str
    type: str
    tif: str
    quantity: Decimal
    price: Decimal
    trigger_price: Decimal
    reduce_only: bool
    close_position: bool
    working_type: str
    price_protect: bool
    create_time: int
    update_time: int
    activate_price: Decimal = ZERO
    callback_rate: Decimal = ZERO
    activated: bool = False
    extreme: Decimal = ZERO
    status: str = "NEW"
    trigger_time: int = 0
    child_id: int = 0
    child_type: str = ""
    actual_price: Decimal = ZERO
    actual_quantity: Decimal = ZERO
    reject_reason: str = ""
    prevention: str = "EXPIRE_MAKER"
    position_side: str = BOTH
    order_id: int = 0

    @property
    def open(self) -> bool:
        """Whether it still waits for its trigger."""
        return self.status == "NEW"

    @property
    def trailing(self) -> bool:
        """Whether its trigger follows the price."""
        return self.type == TRAILING

    @property
    def rising(self) -> bool:
        """Whether it fires on a price at or above its trigger (else at or below)."""
        return (self.side == "BUY") != (self.type in PROFIT_TYPES)

    @property
    def level(self) -> Decimal:
        """The price at which it fires now; 0 when a trailing stop is not active yet."""
        if not self.trailing:
            return self.trigger_price
        if not self.activated:
            return ZERO
        share = self.callback_rate / 100
        return self.extreme * (1 + share if self.side == "BUY" else 1 - share)

    def crossed(self, price: Decimal) -> bool:
        """Whether ``price`` fires it."""
        level = self.level
        if not level:
            return False
        return price >= level if self.rising else price <= level


@dataclass(slots=True)
class UsdmPosition:
    """A position; ``cost`` = Σ signed quantity × price of what is open, exactly.

    ``side`` is BOTH in one-way mode; in hedge mode a symbol has a LONG (amount never below 0) and a
    SHORT one (never above 0).
    """

    symbol: str
    side: str = BOTH
    amount: Decimal = ZERO
    cost: Decimal = ZERO
    leverage: int = 20
    isolated: bool = False
    isolated_wallet: Decimal = ZERO
    realised: Decimal = ZERO
    update_time: int = 0
    margin_called: bool = False

    @property
    def entry_price(self) -> Decimal:
        """Average entry price, 0 when flat."""
        return self.cost / self.amount if self.amount else ZERO

    def unrealised(self, price: Decimal) -> Decimal:
        """Profit when closed at ``price``, before fees."""
        return self.amount * price - self.cost


@dataclass(frozen=True, slots=True)
class UsdmFill(BaseFill):
    """One trade of an order; it ``closed`` so much of a position and ``opened`` so much."""

    realised: Decimal
    opened: Decimal
    closed: Decimal
    position_side: str = BOTH


@dataclass(frozen=True, slots=True)
class Income:
    """A wallet change: TRANSFER, REALIZED_PNL, COMMISSION, FUNDING_FEE or INSURANCE_CLEAR."""

    account: str
    kind: str
    symbol: str
    amount: Decimal
    time: int
    transaction: int
    trade_id: int
    wallet: Decimal


@dataclass(slots=True)
class UsdmMarket(RecordedMarket):
    """What the engine knows of a contract.

    ``mark_price`` 0 means that the mark price is the last price.
    """

    funding_rate: Decimal = ZERO
    mark_price: Decimal = ZERO

    @property
    def mark(self) -> Decimal:
        """The price that profit, margin, funding and liquidation are reckoned at."""
        return self.mark_price or self.price

    def working_price(self, working_type: str) -> Decimal:
        """The price that a conditional order watches."""
        return self.mark if working_type == "MARK_PRICE" else self.price

    @property
    def diverged(self) -> bool:
        """Whether mark and last price are too far apart for orders with price protection."""
        limit = Decimal(self.instrument.trigger_protect)
        return abs(self.mark - self.price) > limit * self.mark


@dataclass(slots=True)
class UsdmAccount:
    """One trading account in USDT margin, in one-way mode or (``hedge``) in hedge mode."""

    name: str
    wallet: Decimal = ZERO
    hedge: bool = False
    positions: dict[tuple[str, str], UsdmPosition] = field(default_factory=dict)
    orders: dict[int, UsdmOrder] = field(default_factory=dict)
    open_orders: dict[int, UsdmOrder] = field(default_factory=dict)
    algos: dict[int, AlgoOrder] = field(default_factory=dict)
    open_algos: dict[int, AlgoOrder] = field(default_factory=dict)
    fills: list[UsdmFill] = field(default_factory=list)
    incomes: list[Income] = field(default_factory=list)

    @property
    def sides(self) -> tuple[str, ...]:
        """The sides of a symbol's positions in the account's mode."""
        return (LONG, SHORT) if self.hedge else (BOTH,)

    def position(self, symbol: str, side: str = "") -> UsdmPosition:
        """A position of ``symbol`` (the first one of the mode), made flat when never touched.

        Leverage and margin type are the symbol's: a new side has those of the others.
        """
        key = (symbol, side or self.sides[0])
        position = self.positions.get(key)
        if position is None:
            like = next((p for p in self.positions.values() if p.symbol == symbol), None)
            position = self.positions[key] = UsdmPosition(symbol, key[1])
            if like is not None:
                position.leverage, position.isolated = like.leverage, like.isolated
        return position

    def positions_of(self, symbol: str) -> list[UsdmPosition]:
        """The positions that ``symbol`` has in the account's mode, flat ones too."""
        return [self.position(symbol, side) for side in self.sides]

    def held(self, symbol: str) -> list[UsdmPosition]:
        """The positions of ``symbol`` that are not flat."""
        found = (self.positions.get((symbol, side)) for side in self.sides)
        return [position for position in found if position is not None and position.amount]

    @property
    def cross_wallet(self) -> Decimal:
        """The wallet without what isolated positions hold."""
        held = sum((p.isolated_wallet for p in self.positions.values()), ZERO)
        return money(self.wallet - held)

    def busy(self, symbol: str) -> bool:
        """Whether the path of ``symbol``'s price matters to this account."""
        if self.held(symbol):
            return True
        return any(o.symbol == symbol for o in self.open_orders.values()) or any(
            a.symbol == symbol for a in self.open_algos.values()
        )
