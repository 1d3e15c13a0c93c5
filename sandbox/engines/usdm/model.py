"""Orders, conditional orders, positions and accounts of USDⓈ-M futures."""

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
# The side of a position in one-way mode, and the two of hedge mode.
BOTH, LONG, SHORT = "BOTH", "LONG", "SHORT"
POSITION_SIDES = (BOTH, LONG, SHORT)
# A limit price that follows the book when the order is placed: `priceMatch`.
NO_MATCH = "NONE"
PRICE_MATCHES = tuple(
    f"{kind}{depth}" for kind in ("OPPONENT", "QUEUE") for depth in ("", "_5", "_10", "_20")
)


def sign_of(side: str) -> int:
    """Return +1 for BUY, −1 for SELL."""
    return 1 if side == "BUY" else -1


def closes(side: str, position_side: str) -> bool:
    """Whether a ``side`` order can only close a position of hedge mode."""
    return (side, position_side) in (("SELL", LONG), ("BUY", SHORT))


@dataclass(slots=True)
class UsdmOrder(BaseOrder):
    """A futures order; ``quote`` = Σ price × quantity of its fills."""

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
    price_match: str = NO_MATCH

    @property
    def rank(self) -> tuple[int, int]:
        """Its time priority at its price; a new price or a larger quantity loses it."""
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
    """A conditional order of the algo service, or one placed as an order (``order_id`` set)."""

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
    price_match: str = NO_MATCH
    good_till: int = 0

    @property
    def open(self) -> bool:
        """Whether it is waiting for its trigger."""
        return self.status == "NEW"

    @property
    def trailing(self) -> bool:
        """Whether its trigger follows the price."""
        return self.type == TRAILING

    @property
    def rising(self) -> bool:
        """Whether it fires at or above its trigger (else at or below)."""
        return (self.side == "BUY") != (self.type in PROFIT_TYPES)

    @property
    def level(self) -> Decimal:
        """The price at which it fires now; 0 while a trailing stop is not active."""
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
    """A position; ``cost`` = Σ signed quantity × price of the open amount, exactly.

    ``side`` is BOTH in one-way mode. In hedge mode a symbol has a LONG position (amount never below
    0) and a SHORT position (never above 0).
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
        """Return the profit of closing at ``price``, before fees."""
        return self.amount * price - self.cost


@dataclass(frozen=True, slots=True)
class UsdmFill(BaseFill):
    """One trade of an order, with the quantities that it ``opened`` and ``closed``."""

    realised: Decimal
    opened: Decimal
    closed: Decimal
    position_side: str = BOTH


@dataclass(frozen=True, slots=True)
class Amendment:
    """A change of an open order's price and quantity; ``number`` counts those of the order."""

    symbol: str
    order_id: int
    client_id: str
    time: int
    price_before: Decimal
    price: Decimal
    quantity_before: Decimal
    quantity: Decimal
    number: int


@dataclass(frozen=True, slots=True)
class MarginMove:
    """Margin that was added to an isolated position, or taken from it (``amount`` below 0)."""

    symbol: str
    position_side: str
    amount: Decimal
    time: int


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
    """The market of a contract; ``mark_price`` 0 means that the last price stands for it."""

    funding_rate: Decimal = ZERO
    mark_price: Decimal = ZERO

    @property
    def mark(self) -> Decimal:
        """The price that profit, margin, funding and liquidation use."""
        return self.mark_price or self.price

    def working_price(self, working_type: str) -> Decimal:
        """Return the price that a conditional order watches."""
        return self.mark if working_type == "MARK_PRICE" else self.price

    @property
    def diverged(self) -> bool:
        """Whether mark and last price differ too much for orders with price protection."""
        limit = Decimal(self.instrument.trigger_protect)
        return abs(self.mark - self.price) > limit * self.mark


@dataclass(slots=True)
class UsdmAccount:
    """A trading account with USDT margin, in one-way or hedge mode."""

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
    multi_assets: bool = False
    amendments: list[Amendment] = field(default_factory=list)
    margin_moves: list[MarginMove] = field(default_factory=list)

    @property
    def sides(self) -> tuple[str, ...]:
        """The sides of a symbol's positions in the account's mode."""
        return (LONG, SHORT) if self.hedge else (BOTH,)

    def position(self, symbol: str, side: str = "") -> UsdmPosition:
        """Return a position of ``symbol``, by default the first of the mode; a new one is flat.

        Leverage and margin type belong to the symbol: a new side takes those of the others.
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
        """Return the positions of ``symbol`` in the account's mode, flat ones included."""
        return [self.position(symbol, side) for side in self.sides]

    def held(self, symbol: str) -> list[UsdmPosition]:
        """Return the positions of ``symbol`` that are not flat."""
        found = (self.positions.get((symbol, side)) for side in self.sides)
        return [position for position in found if position is not None and position.amount]

    @property
    def cross_wallet(self) -> Decimal:
        """The wallet without the margin of isolated positions."""
        held = sum((p.isolated_wallet for p in self.positions.values()), ZERO)
        return money(self.wallet - held)

    def busy(self, symbol: str) -> bool:
        """Whether the path of ``symbol``'s price matters to this account."""
        if self.held(symbol):
            return True
        return any(o.symbol == symbol for o in self.open_orders.values()) or any(
            a.symbol == symbol for a in self.open_algos.values()
        )
