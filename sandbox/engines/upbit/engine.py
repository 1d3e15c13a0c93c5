"""The Upbit engine: spot orders in KRW markets. Time and prices in, events out."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from decimal import ROUND_DOWN, Decimal

from sandbox.engines.common.engine import BaseEngine
from sandbox.engines.common.error_codes import ExchangeError
from sandbox.engines.common.fees import Fees
from sandbox.engines.common.instruments import ExchangeInstrument
from sandbox.engines.common.money import CENT8, ZERO
from sandbox.engines.common.recorded_market import RecordedMarket
from sandbox.engines.spot import orders
from sandbox.engines.spot.engine import SpotEngine
from sandbox.engines.spot.matching import take
from sandbox.engines.spot.model import SpotAccount, SpotOrder, SpotOrderRequest
from sandbox.engines.spot.state import SpotCore
from sandbox.engines.upbit.price_steps import step_of

MIN_TOTAL = Decimal(5_000)
MAX_TOTAL = Decimal(1_000_000_000)
FEES = Fees(maker=Decimal("0.0005"), taker=Decimal("0.0005"))


class UpbitError(ExchangeError):
    """A refusal with Upbit's ``name``, such as ``under_min_total_bid``."""

    def __init__(self, name: str, message: str, status: int = 400) -> None:
        super().__init__(-status, message, status)
        self.name = name

    def body(self) -> dict[str, object]:  # type: ignore[override]
        """Return the JSON body of the response."""
        return {"error": {"name": self.name, "message": self.message}}


@dataclass(slots=True)
class UpbitCore(SpotCore):
    """The state of the Upbit engine: fees are paid in KRW, on top of what an order costs."""

    def _fee(
        self,
        account: SpotAccount,
        order: SpotOrder,
        quantity: Decimal,
        value: Decimal,
        rate: Decimal,
    ) -> tuple[Decimal, str]:
        """Return the fee, rounded down so that the reserve always covers it."""
        del account, quantity
        fee = (value * rate).quantize(CENT8, rounding=ROUND_DOWN)
        return fee, self.markets[order.symbol].instrument.quote

    def cost(self, order: SpotOrder) -> Decimal:
        """Return what an order may still cost: base for an ask, KRW with the fee for a bid."""
        if not order.open:
            return ZERO
        if not order.buying:
            return order.remaining
        if order.price:
            value = order.remaining * order.price
        else:
            value = self.markets[order.symbol].value("BUY", order.remaining)
        return value * (1 + self.fees.taker)


class UpbitEngine(SpotEngine):
    """KRW markets: minimum 5,000 KRW, price steps by band, order names that are never reused."""

    def __init__(self, instruments: Iterable[ExchangeInstrument]) -> None:
        BaseEngine.__init__(self, UpbitCore(fees=FEES))
        for instrument in instruments:
            self.core.add_market(instrument)

    def check(self, account: SpotAccount, request: SpotOrderRequest) -> None:
        """Check everything about an order except balances."""
        market = self.core.market(request.symbol)
        word = "bid" if request.side == "BUY" else "ask"
        if market.instrument.status != "TRADING":
            raise UpbitError("market_offline", "The market is closed.")
        if request.client_id and any(o.client_id == request.client_id for o in _orders(account)):
            raise UpbitError("identifier_already_used", "The identifier was used before.")
        if request.price and request.price % step_of(request.symbol, request.price):
            raise UpbitError(f"invalid_price_{word}", f"{request.price} is not on the price step.")
        total = request.quote or request.quantity * (request.price or market.best(request.side))
        if total < MIN_TOTAL:
            raise UpbitError(f"under_min_total_{word}", f"An order has at least {MIN_TOTAL} KRW.")
        if total > MAX_TOTAL:
            raise UpbitError(f"over_max_total_{word}", f"An order has at most {MAX_TOTAL} KRW.")
        self._check_crossing(market, request)

    def _check_crossing(self, market: RecordedMarket, request: SpotOrderRequest) -> None:
        if request.type == "LIMIT_MAKER":
            best = market.best(request.side)
            crosses = request.price >= best if request.side == "BUY" else request.price <= best
            if crosses:
                raise UpbitError("post_only_would_match", "The order would match at once.")

    def place(self, account: SpotAccount, request: SpotOrderRequest) -> SpotOrder:
        """Accept an order or raise ``UpbitError``."""
        order = self._prepare(account, request)
        orders.accept(self.core, account, order)
        take(self.core, self.core.market(request.symbol), order)
        return order

    def test(self, account: SpotAccount, request: SpotOrderRequest) -> SpotOrder:
        """Return the order that would be accepted, or raise ``UpbitError``; nothing changes."""
        order = self._prepare(account, request)
        self.core.last_order_id -= 1
        return order

    def _prepare(self, account: SpotAccount, request: SpotOrderRequest) -> SpotOrder:
        """Check an order and build it."""
        core = self.core
        market = core.market(request.symbol)
        self.check(account, request)
        order = orders.build(core, market, account, request)
        buying = request.side == "BUY"
        asset = market.instrument.quote if buying else market.instrument.base
        if core.cost(order) > account.free(asset):
            core.last_order_id -= 1
            name = f"insufficient_funds_{'bid' if buying else 'ask'}"
            raise UpbitError(name, f"Not enough {asset} for the order.")
        return order


def _orders(account: SpotAccount) -> Iterable[SpotOrder]:
    return account.orders.values()


def krw_instrument(symbol: str, price: Decimal) -> ExchangeInstrument:
    """Return the rules of a KRW market; ``tick`` is the step at ``price``."""
    quote, _, base = symbol.partition("-")
    tick = step_of(symbol, price)
    return ExchangeInstrument(
        symbol=symbol,
        base=base,
        quote=quote,
        tick=tick,
        min_price=CENT8,
        max_price=Decimal(10_000_000_000),
        step=CENT8,
        min_quantity=CENT8,
        max_quantity=Decimal(1_000_000_000),
        market_max_quantity=Decimal(1_000_000_000),
        min_notional=MIN_TOTAL,
        multiplier_up=Decimal(4),
        multiplier_down=Decimal("0.25"),
        price_precision=8,
        quantity_precision=8,
        liquidation_fee=ZERO,
        brackets=(),
    )
