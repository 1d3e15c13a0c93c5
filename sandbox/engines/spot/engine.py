"""The spot engine: one door to the pure exchange. Time and prices come in; events go out."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from decimal import Decimal

from sandbox.engines.common import order_book, serialization
from sandbox.engines.common.fees import Fees
from sandbox.engines.common.instruments import ExchangeInstrument
from sandbox.engines.common.money import money
from sandbox.engines.spot import order_lists, orders, rejections
from sandbox.engines.spot.model import (
    OrderList,
    SpotAccount,
    SpotEvent,
    SpotOrder,
    SpotOrderRequest,
)
from sandbox.engines.spot.state import FEES, SpotCore

DUST_BELOW = Decimal(10)
DUST_CHARGE = Decimal("0.02")


class SpotEngine:
    """Accounts trading against recorded prices; every amount is a ``Decimal``."""

    def __init__(self, instruments: Iterable[ExchangeInstrument], fees: Fees = FEES) -> None:
        self.core = SpotCore(fees=fees)
        for instrument in instruments:
            self.core.add_market(instrument)

    def open_account(self, name: str, deposits: Mapping[str, Decimal]) -> SpotAccount:
        """An account with its first deposits."""
        account = self.core.accounts[name] = SpotAccount(name)
        for asset, amount in deposits.items():
            self.core.credit(account, "DEPOSIT", asset, amount)
        return account

    def take_events(self) -> list[SpotEvent]:
        """The events since the last call, in order."""
        events, self.core.events = self.core.events, []
        return events

    def freeze(self) -> bytes:
        """The whole state, as it is."""
        return serialization.freeze(self.core)

    def thaw(self, state: bytes) -> None:
        """Put a frozen state back; prices, rules and the time stay as they are."""
        self.adopt(serialization.thaw(state))

    def adopt(self, core: SpotCore) -> None:
        """Go on with another state; prices, rules and the time stay as they are."""
        core.markets, core.now = self.core.markets, self.core.now
        self.core = core

    def at(self, now: int) -> None:
        """Set the market time (ms)."""
        self.core.now = now

    def busy(self, symbol: str) -> bool:
        """Whether any account has an order in ``symbol``."""
        return any(account.busy(symbol) for account in self.core.accounts.values())

    def exposure(self, symbol: str) -> int:
        """Spot holds no positions: 0."""
        del symbol
        return 0

    def resting(self, symbol: str) -> order_book.Levels:
        """Bids and asks that accounts rest: price -> quantity."""
        return order_book.levels(self.core.resting(symbol))

    def supply(self, symbol: str, quantity: Decimal | None) -> None:
        """Bound what may fill at the next print (None: without bound)."""
        self.core.markets[symbol].supply = quantity

    def supplied(self, symbol: str) -> Decimal | None:
        """What is left of the bound."""
        return self.core.markets[symbol].supply

    def set_price(self, symbol: str, price: Decimal) -> None:
        """The price at the start."""
        self.core.markets[symbol].price = price

    def on_price(self, symbol: str, price: Decimal) -> None:
        """A trade printed at ``price``: fill, trigger."""
        self.core.markets[symbol].price = price
        if self.busy(symbol):
            orders.on_price(self.core, symbol, price)

    def levels(self, symbol: str) -> list[Decimal]:
        """Prices at which something happens: triggers, limits traded through."""
        tick = self.core.markets[symbol].instrument.tick
        found: list[Decimal] = []
        for account in self.core.accounts.values():
            for order in account.open_orders.values():
                if order.symbol != symbol:
                    continue
                if order.working:
                    found.append(order.price - tick if order.buying else order.price + tick)
                else:
                    found.append(order.level or order.stop_price)
        return [level for level in found if level > 0]

    def mark_levels(self, symbol: str) -> list[Decimal]:
        """Spot has no mark price."""
        del symbol
        return []

    def set_quote(self, symbol: str, quote: order_book.Quote | None) -> None:
        """The recorded best bid and ask, which hold until the next ones."""
        self.core.markets[symbol].quote = quote

    def set_mark(self, symbol: str, mark: Decimal) -> None:
        """Spot has no mark price."""

    def apply_funding(self, symbol: str, rate: Decimal) -> None:
        """Spot pays no funding."""

    def place(self, account: SpotAccount, request: SpotOrderRequest) -> SpotOrder:
        """Accept an order or raise ``ExchangeError``."""
        return orders.place(self.core, account, request)

    def place_list(
        self, account: SpotAccount, above: SpotOrderRequest, below: SpotOrderRequest, client_id: str
    ) -> OrderList:
        """Accept an OCO pair, both legs or none."""
        core = self.core
        market = core.market(above.symbol)
        for leg in (above, below):
            orders.check(core, market, account, leg)
        _check_relation(market.price, above, below)
        core.last_list_id += 1
        list_id = core.last_list_id
        legs: list[SpotOrder] = []
        try:
            for leg in (below, above):
                legs.append(orders.build(core, market, account, leg))
            for order in legs:
                order.list_id = list_id
                orders.require_balance(core, market, account, order)
        except Exception:
            core.last_list_id -= 1
            raise
        ids = tuple(order.order_id for order in legs)
        found = OrderList(
            list_id, client_id or f"list{list_id}", above.symbol, account.name, ids, core.now
        )
        account.lists[list_id] = found
        for order in legs:
            account.orders[order.order_id] = order
        for order in legs:
            orders.accept(core, account, order)
        core.tell_list(account, found)
        return found

    def cancel(self, account: SpotAccount, order: SpotOrder | None) -> SpotOrder:
        """Cancel an order (and its list) or raise ``ExchangeError``."""
        return orders.cancel(self.core, account, order)

    def cancel_list(self, account: SpotAccount, found: OrderList | None) -> OrderList:
        """Cancel an order list or raise ``ExchangeError``."""
        if found is None or found.order_status != "EXECUTING":
            raise rejections.UNKNOWN_LIST()
        order_lists.cancel(self.core, account, found)
        return found

    def value(self, asset: str) -> Decimal:
        """An asset's price in USDT; 0 when nothing tells it."""
        return self.core.value(asset)

    def dust(self, account: SpotAccount) -> list[str]:
        """Assets whose free balance is small enough to be converted to BNB."""
        return [
            asset
            for asset in account.totals
            if asset != "BNB" and 0 < account.free(asset) * self.value(asset) < DUST_BELOW
        ]

    def convert_dust(
        self, account: SpotAccount, assets: list[str]
    ) -> list[tuple[str, Decimal, Decimal, Decimal]]:
        """Convert small balances to BNB: (asset, amount, BNB received, BNB charged) of each."""
        small = self.dust(account)
        for asset in assets:
            if asset not in small:
                raise rejections.NOT_DUST(asset)
        converted = []
        for asset in assets:
            amount = account.free(asset)
            worth = money(amount * self.value(asset) / self.value("BNB"))
            charge = money(worth * DUST_CHARGE)
            self.core.credit(account, "DUST_OUT", asset, -amount)
            self.core.credit(account, "DUST_IN", "BNB", worth - charge)
            converted.append((asset, amount, worth - charge, charge))
        if converted:
            self.core.show(account, "BNB", *assets)
        return converted


def _check_relation(price: Decimal, above: SpotOrderRequest, below: SpotOrderRequest) -> None:
    high = above.stop_price or above.price
    low = below.stop_price or below.price
    if not (above.trailing or high > price) or not (below.trailing or low < price):
        raise rejections.PRICE_RELATION()
