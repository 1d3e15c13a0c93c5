"""The engine of Korean stocks: cash orders of one day. Time and prices in, events out."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from decimal import ROUND_DOWN, Decimal

from sandbox.engines.common.engine import BaseEngine
from sandbox.engines.common.error_codes import ExchangeError
from sandbox.engines.common.fees import Fees
from sandbox.engines.common.instruments import ExchangeInstrument
from sandbox.engines.common.money import CENT8, ONE, ZERO
from sandbox.engines.kis import rejections
from sandbox.engines.kis.calendar import TradingCalendar, expiry_of
from sandbox.engines.kis.price_limits import LADDER, limits
from sandbox.engines.spot import orders
from sandbox.engines.spot.engine import SpotEngine
from sandbox.engines.spot.matching import take
from sandbox.engines.spot.model import SpotAccount, SpotOrder, SpotOrderRequest
from sandbox.engines.spot.state import SpotCore

# From memory: commission of an online account, transaction tax of 2025 on sales.
COMMISSION = Decimal("0.000140527")
TAX = Decimal("0.0015")
MAX_SHARES = Decimal(10_000_000)
# The limit while no base price is known.
MAX_PRICE = Decimal(100_000_000)
CURRENCY = "KRW"


@dataclass(frozen=True, slots=True)
class OrderForm:
    """How an order was sent: its ORD_DVSN, and the order that it corrects (0: none)."""

    division: str
    origin: int = 0


@dataclass(slots=True)
class KisCore(SpotCore):
    """The state of the engine; ``forms`` by order id."""

    forms: dict[int, OrderForm] = field(default_factory=dict)

    def _fee(
        self,
        account: SpotAccount,
        order: SpotOrder,
        quantity: Decimal,
        value: Decimal,
        rate: Decimal,
    ) -> tuple[Decimal, str]:
        """Return commission and tax in won, each rounded down."""
        del account, quantity
        fee = (value * rate).quantize(ONE, rounding=ROUND_DOWN)
        tax = ZERO if order.buying else (value * TAX).quantize(ONE, rounding=ROUND_DOWN)
        return fee + tax, CURRENCY

    def cost(self, order: SpotOrder) -> Decimal:
        """Return what an order may still cost; one without a price reserves the day's limit."""
        if not order.open:
            return ZERO
        if not order.buying:
            return order.remaining
        market = self.markets[order.symbol]
        price = order.price or max(market.instrument.max_price, market.best("BUY"))
        return order.remaining * price * (1 + self.fees.taker)


class KisEngine(SpotEngine):
    """Whole shares in won, from 09:00 to 15:30 in Korea; what is open at the close expires."""

    def __init__(
        self, instruments: Iterable[ExchangeInstrument], calendar: TradingCalendar
    ) -> None:
        core = KisCore(fees=Fees(maker=COMMISSION, taker=COMMISSION))
        core.last_order_id = core.last_trade_id = 0
        BaseEngine.__init__(self, core)
        self.calendar = calendar
        for instrument in instruments:
            self.core.add_market(instrument)

    @property
    def kis(self) -> KisCore:
        """The engine's state."""
        assert isinstance(self.core, KisCore)
        return self.core

    def set_time(self, now: int) -> None:
        """Set the market time (ms): the day's limits follow, and orders of ended days expire."""
        super().set_time(now)
        for symbol in self.core.markets:
            self._limit(symbol)
        for account in self.core.accounts.values():
            for order in list(account.open_orders.values()):
                if now >= expiry_of(order.time):
                    self.core.end(order, "EXPIRED")

    def set_price(self, symbol: str, price: Decimal) -> None:
        """Set the price at the start of the replay."""
        super().set_price(symbol, price)
        self._limit(symbol)

    def _limit(self, symbol: str) -> None:
        """Set the day's price limits; without a close before it, the first price is the base."""
        market = self.core.markets[symbol]
        base = self.calendar.base(symbol, self.core.now)
        if base is None and market.instrument.max_price == MAX_PRICE:
            base = market.price
        if base:
            low, high = limits(base)
            if (market.instrument.min_price, market.instrument.max_price) != (low, high):
                market.instrument = replace(market.instrument, min_price=low, max_price=high)

    def check(self, account: SpotAccount, request: SpotOrderRequest) -> None:
        """Check everything about an order except balances."""
        del account
        market = self.core.market(request.symbol)
        phase = self.calendar.phase(self.core.now)
        if phase != "open":
            raise rejections.closed(phase)
        rules = market.instrument
        if rules.status != "TRADING":
            raise rejections.refused("매매불가 종목")
        if request.quantity % 1 or not ONE <= request.quantity <= MAX_SHARES:
            raise rejections.refused("주문수량 오류")
        for price in (request.price, request.stop_price):
            if price and not LADDER.fits(price):
                raise rejections.refused("호가단위 오류")
            if price and not rules.min_price <= price <= rules.max_price:
                raise rejections.outside_limits()

    def place(
        self, account: SpotAccount, request: SpotOrderRequest, form: OrderForm | None = None
    ) -> SpotOrder:
        """Accept an order or raise ``KisError``."""
        self.check(account, request)
        order = self._build(account, request)
        if self.core.cost(order) > account.free(self._asset(order)):
            self.core.last_order_id -= 1
            raise rejections.no_funds() if order.buying else rejections.no_shares()
        return self._accept(account, order, form or OrderForm("01" if not order.price else "00"))

    def amend(
        self, account: SpotAccount, order: SpotOrder, request: SpotOrderRequest, division: str
    ) -> SpotOrder:
        """Replace a part of an open order by a new one, or raise ``KisError``; the old one shrinks.

        The new order has a number of its own and the queue's end.
        """
        if not order.open or request.quantity > order.remaining:
            raise rejections.nothing_left()
        self.check(account, request)
        new = self._build(account, request)
        held = self.core.cost(order) * request.quantity / order.remaining
        if self.core.cost(new) > account.free(self._asset(new)) + held:
            self.core.last_order_id -= 1
            raise rejections.no_funds() if new.buying else rejections.no_shares()
        self.cancel_part(account, order, request.quantity)
        return self._accept(account, new, OrderForm(division, order.order_id))

    def cancel_part(
        self, account: SpotAccount, order: SpotOrder, quantity: Decimal | None = None
    ) -> SpotOrder:
        """Cancel an open order, or ``quantity`` of it; ``KisError`` when that much is not open."""
        if not order.open or (quantity is not None and not 0 < quantity <= order.remaining):
            raise rejections.nothing_left()
        if quantity is None or quantity == order.remaining:
            self.core.end(order, "CANCELED")
            return order
        order.quantity -= quantity
        order.update_time = self.core.now
        self.core.hold(order)
        self.core.record_order(order, "REPLACED")
        self.core.record_balances(account, self._asset(order))
        return order

    def _build(self, account: SpotAccount, request: SpotOrderRequest) -> SpotOrder:
        market = self.core.market(request.symbol)
        try:
            return orders.build(self.core, market, account, request)
        except ExchangeError as error:
            raise rejections.refused("조건가격 오류") from error

    def _asset(self, order: SpotOrder) -> str:
        return CURRENCY if order.buying else self.core.markets[order.symbol].instrument.base

    def _accept(self, account: SpotAccount, order: SpotOrder, form: OrderForm) -> SpotOrder:
        self.kis.forms[order.order_id] = form
        orders.accept(self.core, account, order)
        if order.working:
            take(self.core, self.core.market(order.symbol), order)
        return order


def stock_instrument(symbol: str, price: Decimal) -> ExchangeInstrument:
    """Return the rules of a stock; ``tick`` is the finest step at ``price``."""
    return ExchangeInstrument(
        symbol=symbol,
        base=symbol,
        quote=CURRENCY,
        tick=LADDER.step(price),
        min_price=ONE,
        max_price=MAX_PRICE,
        step=ONE,
        min_quantity=ONE,
        max_quantity=MAX_SHARES,
        market_max_quantity=MAX_SHARES,
        min_notional=CENT8,
        multiplier_up=Decimal("1.3"),
        multiplier_down=Decimal("0.7"),
        price_precision=0,
        quantity_precision=0,
        liquidation_fee=ZERO,
        brackets=(),
    )
