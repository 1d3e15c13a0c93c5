"""Spot orders, order lists, balances, and the events of their changes."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, field
from decimal import Decimal

from sandbox.engines.common.money import ZERO
from sandbox.engines.common.orders import BaseFill, BaseOrder

PENDING = "PENDING_NEW"
OPEN = ("NEW", "PARTIALLY_FILLED", PENDING)
STOPS = ("STOP_LOSS", "STOP_LOSS_LIMIT")
PROFITS = ("TAKE_PROFIT", "TAKE_PROFIT_LIMIT")
CONDITIONAL = (*STOPS, *PROFITS)
TYPES = ("LIMIT", "LIMIT_MAKER", "MARKET", *CONDITIONAL)
BIPS = Decimal(10_000)


@dataclass(frozen=True, slots=True)
class Peg:
    """Where a pegged order takes its price from: the side of the book, and the levels below best.

    ``offset`` is None where none was sent; ``price`` is the price that was sent, 0 for none.
    """

    kind: str
    offset: int | None
    price: Decimal


@dataclass(frozen=True, slots=True)
class SpotOrderRequest:
    """A request for an order; unused amounts are 0, ``quote`` is a MARKET order's quoteOrderQty."""

    symbol: str
    side: str
    type: str
    quantity: Decimal = ZERO
    quote: Decimal = ZERO
    price: Decimal = ZERO
    stop_price: Decimal = ZERO
    trailing: int = 0
    tif: str = "GTC"
    client_id: str = ""
    list_id: int = -1
    prevention: str = "EXPIRE_MAKER"
    peg: Peg | None = None


@dataclass(frozen=True, slots=True)
class PreventedMatch:
    """Two orders of one account that did not trade with each other.

    ``quantity`` would have been traded. What each order lost is 0 where it did not end.
    """

    symbol: str
    match_id: int
    taker_id: int
    maker_id: int
    mode: str
    price: Decimal
    quantity: Decimal
    taker_quantity: Decimal
    maker_quantity: Decimal
    time: int

    def lost(self, order_id: int) -> Decimal:
        """Return the quantity that an order of the match lost."""
        return self.taker_quantity if order_id == self.taker_id else self.maker_quantity


@dataclass(slots=True)
class SpotOrder(BaseOrder):
    """A spot order; ``spent`` = Σ price × quantity of its fills in quote currency."""

    trailing: int = 0
    list_id: int = -1
    quote: Decimal = ZERO
    spent: Decimal = ZERO
    working: bool = True
    working_time: int = -1
    trailing_time: int = -1
    extreme: Decimal = ZERO
    cancel_id: str = ""
    expiry: str = ""
    routed: bool = False
    """Whether it was placed by smart order routing (SOR)."""
    peg: Peg | None = None
    ended_by: PreventedMatch | None = None
    """The prevented match that ended it."""
    floor: str = "EXCHANGE"
    """Where its last activity was: ``SOR`` after an allocation from another symbol's book."""

    @property
    def rank(self) -> tuple[int, int]:
        """Its time priority at its price, from the moment it entered the book."""
        return (self.working_time, self.order_id)

    @property
    def open(self) -> bool:
        """Whether it can still fill."""
        return self.status in OPEN

    @property
    def buying(self) -> bool:
        """Whether it is a BUY."""
        return self.side == "BUY"

    @property
    def sent_price(self) -> Decimal:
        """The limit price that was sent; that of a pegged order may differ from its price."""
        return self.price if self.peg is None else self.peg.price

    @property
    def limited(self) -> bool:
        """Whether it has a limit price once it is working."""
        return self.type in ("LIMIT", "LIMIT_MAKER", "STOP_LOSS_LIMIT", "TAKE_PROFIT_LIMIT")

    @property
    def rising(self) -> bool:
        """Whether the price reaches its trigger from below."""
        return self.buying == (self.type in STOPS)

    @property
    def level(self) -> Decimal:
        """The price at which it triggers now; 0 while a trailing order is not active."""
        if not self.trailing:
            return self.stop_price
        if self.trailing_time < 0:
            return ZERO
        share = Decimal(self.trailing) / BIPS
        return self.extreme * (1 + share if self.rising else 1 - share)

    def crossed(self, price: Decimal) -> bool:
        """Whether ``price`` triggers it."""
        level = self.level
        if self.working or not level:
            return False
        return price >= level if self.rising else price <= level

    def follow(self, price: Decimal, now: int) -> None:
        """Activate a trailing order, or move its extreme."""
        if self.trailing_time < 0:
            start = self.stop_price
            reached = price <= start if self.rising else price >= start
            if start and not reached:
                return
            self.trailing_time, self.extreme = now, price
        elif price < self.extreme if self.rising else price > self.extreme:
            self.extreme = price


@dataclass(slots=True)
class OrderList:
    """An OCO pair, or (OTO) an order and the one or two that are placed when it has filled."""

    list_id: int
    client_id: str
    symbol: str
    account: str
    order_ids: tuple[int, ...]
    time: int
    status: str = "EXEC_STARTED"
    order_status: str = "EXECUTING"
    pending: tuple[int, ...] = ()
    pays: bool = False
    """Whether what the working order receives is the quantity of the pending ones (OPO)."""

    @property
    def contingency(self) -> str:
        """The kind of the list, as the exchange names it."""
        return "OTO" if self.pending else "OCO"

    @property
    def pair(self) -> tuple[int, ...]:
        """The orders that end each other, or the only pending one."""
        return self.pending or self.order_ids


@dataclass(frozen=True, slots=True)
class SpotFill(BaseFill):
    """One trade of an order; the fee is taken from the received asset."""

    list_id: int
    fee_asset: str
    allocation: int = -1
    """Its number if smart order routing filled it from another symbol's book."""


@dataclass(frozen=True, slots=True)
class SpotAmendment:
    """A quantity that was lowered from ``before``; ``number`` is that of its execution."""

    symbol: str
    order_id: int
    client_id: str
    number: int
    before: Decimal
    quantity: Decimal
    time: int


@dataclass(frozen=True, slots=True)
class BalanceChange:
    """A change of an asset's total: DEPOSIT, TRADE, FEE, DUST_OUT or DUST_IN."""

    account: str
    kind: str
    asset: str
    amount: Decimal
    total: Decimal
    time: int
    reference: int


@dataclass(frozen=True, slots=True)
class OrderReport:
    """An order changed (``execution``: NEW, TRADE, CANCELED, EXPIRED, REPLACED)."""

    account: str
    time: int
    execution: str
    order: SpotOrder
    fill: SpotFill | None = None
    number: int = 0


@dataclass(frozen=True, slots=True)
class BalanceSnapshot:
    """Free and locked amounts of the named assets as they are now."""

    account: str
    time: int
    balances: tuple[tuple[str, Decimal, Decimal], ...]


@dataclass(frozen=True, slots=True)
class ListChanged:
    """An order list changed."""

    account: str
    time: int
    list_id: int
    client_id: str
    symbol: str
    status: str
    order_status: str
    orders: tuple[tuple[int, str], ...]
    contingency: str = "OCO"


SpotEvent = OrderReport | BalanceSnapshot | ListChanged | BalanceChange


@dataclass(slots=True)
class SpotAccount:
    """Balances by asset; ``reserved`` is what each open order or list reserves.

    With ``burn``, fees are paid in BNB at a discount while there is enough of it.
    """

    name: str
    totals: dict[str, Decimal] = field(default_factory=lambda: defaultdict(Decimal))
    locked: dict[str, Decimal] = field(default_factory=lambda: defaultdict(Decimal))
    reserved: dict[tuple[str, int], tuple[str, Decimal]] = field(default_factory=dict)
    orders: dict[int, SpotOrder] = field(default_factory=dict)
    open_orders: dict[int, SpotOrder] = field(default_factory=dict)
    lists: dict[int, OrderList] = field(default_factory=dict)
    fills: list[SpotFill] = field(default_factory=list)
    amendments: list[SpotAmendment] = field(default_factory=list)
    prevented: list[PreventedMatch] = field(default_factory=list)
    update_time: int = 0
    burn: bool = False

    def free(self, asset: str) -> Decimal:
        """Return the free amount of ``asset``."""
        return self.totals[asset] - self.locked[asset]

    def reserve(self, key: tuple[str, int], asset: str, amount: Decimal) -> None:
        """Reserve ``amount`` of ``asset`` for an order or a list, in place of its last reserve."""
        held_asset, held = self.reserved.pop(key, (asset, ZERO))
        self.locked[held_asset] -= held
        if amount:
            self.reserved[key] = (asset, amount)
            self.locked[asset] += amount

    def busy(self, symbol: str) -> bool:
        """Whether the path of ``symbol``'s price matters to this account."""
        return any(order.symbol == symbol for order in self.open_orders.values())
