"""The spot engine: the only entry to the pure exchange. Time and prices in, events out."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from decimal import Decimal

from sandbox.engines.common.engine import BaseEngine
from sandbox.engines.common.fees import Fees
from sandbox.engines.common.instruments import ExchangeInstrument
from sandbox.engines.common.money import money
from sandbox.engines.spot import filters, order_lists, order_routes, orders, pegs, rejections
from sandbox.engines.spot.matching import take
from sandbox.engines.spot.model import (
    PENDING,
    OrderList,
    SpotAccount,
    SpotEvent,
    SpotOrder,
    SpotOrderRequest,
)
from sandbox.engines.spot.state import FEES, SpotCore

DUST_BELOW = Decimal(10)
DUST_CHARGE = Decimal("0.02")


class SpotEngine(BaseEngine[SpotCore, SpotEvent]):
    """Spot: balances, order lists, conversion of small balances."""

    def __init__(self, instruments: Iterable[ExchangeInstrument], fees: Fees = FEES) -> None:
        super().__init__(SpotCore(fees=fees))
        for instrument in instruments:
            self.core.add_market(instrument)

    def open_account(self, name: str, deposits: Mapping[str, Decimal]) -> SpotAccount:
        """Open an account with its first deposits."""
        account = self.core.accounts[name] = SpotAccount(name)
        for asset, amount in deposits.items():
            self.core.credit(account, "DEPOSIT", asset, amount)
        return account

    def exposure(self, symbol: str) -> int:
        """Return 0: spot has no positions."""
        del symbol
        return 0

    def on_price(self, symbol: str, price: Decimal) -> None:
        """Handle a trade at ``price``: fill and trigger orders."""
        self.core.markets[symbol].price = price
        if self.busy(symbol):
            orders.on_price(self.core, symbol, price)

    def levels(self, symbol: str) -> list[Decimal]:
        """Return the prices at which something happens: triggers, limits traded through."""
        tick = self.core.markets[symbol].instrument.tick
        found: list[Decimal] = []
        for account in self.core.accounts.values():
            for order in account.open_orders.values():
                if order.symbol != symbol:
                    continue
                if order.working:
                    found.append(order.price - tick if order.buying else order.price + tick)
                elif order.status != PENDING:
                    found.append(order.level or order.stop_price)
        return [level for level in found if level > 0]

    def mark_levels(self, symbol: str) -> list[Decimal]:
        """Return none: spot has no mark price."""
        del symbol
        return []

    def set_mark(self, symbol: str, mark: Decimal) -> None:
        """Do nothing: spot has no mark price."""

    def apply_funding(self, symbol: str, rate: Decimal) -> None:
        """Do nothing: spot has no funding."""

    def set_funding_rate(self, symbol: str, rate: Decimal) -> None:
        """Do nothing: spot has no funding."""

    def place(self, account: SpotAccount, request: SpotOrderRequest) -> SpotOrder:
        """Accept an order or raise ``ExchangeError``."""
        return orders.place(self.core, account, request)

    def place_routed(self, account: SpotAccount, request: SpotOrderRequest) -> SpotOrder:
        """Accept an order for smart order routing or raise ``ExchangeError``."""
        return order_routes.place(self.core, account, request)

    def place_list(
        self, account: SpotAccount, above: SpotOrderRequest, below: SpotOrderRequest, client_id: str
    ) -> OrderList:
        """Accept both legs of an OCO pair, or neither."""
        core = self.core
        market = core.market(above.symbol)
        above, below = (pegs.priced(core, market, leg) for leg in (above, below))
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
        core.record_list(account, found)
        return found

    def place_triggering(
        self,
        account: SpotAccount,
        working: SpotOrderRequest,
        pending: Sequence[SpotOrderRequest],
        client_id: str,
        *,
        pays: bool = False,
    ) -> OrderList:
        """Accept an order and the one (OTO) or two (OTOCO) that its fill places, or none of them.

        With ``pays`` the pending ones have no quantity: they get what the first one receives (OPO).
        What a fill at once has triggered is placed by ``activate_due``, after the response.
        """
        core = self.core
        market = core.market(working.symbol)
        working = pegs.priced(core, market, working)
        pending = [pegs.priced(core, market, leg) for leg in pending]
        orders.check(core, market, account, working)
        check = filters.check_unsized if pays else filters.check
        for leg in pending:
            check(market, account, leg)
        if len(pending) > 1:
            prices = [leg.stop_price or leg.price for leg in pending]
            if not any(leg.trailing for leg in pending) and prices[0] <= prices[1]:
                raise rejections.PRICE_RELATION()
        first = orders.build(core, market, account, working)
        orders.require_balance(core, market, account, first)
        rest = [orders.build(core, market, account, leg, pending=True) for leg in pending]
        core.last_list_id += 1
        list_id = core.last_list_id
        legs = [first, *rest]
        ids = tuple(order.order_id for order in legs)
        found = account.lists[list_id] = OrderList(
            list_id, client_id or f"list{list_id}", working.symbol, account.name, ids, core.now,
            pending=ids[1:], pays=pays,
        )  # fmt: skip
        for order in legs:
            order.list_id = list_id
            account.orders[order.order_id] = order
        for order in legs:
            orders.accept(core, account, order)
        core.record_list(account, found)
        take(core, market, first)
        return found

    def activate_due(self) -> None:
        """Place the pending orders whose working order has filled."""
        orders.activate_due(self.core)

    def cancel(self, account: SpotAccount, order: SpotOrder | None) -> SpotOrder:
        """Cancel an order (and its list) or raise ``ExchangeError``."""
        return orders.cancel(self.core, account, order)

    def reduce(self, account: SpotAccount, order: SpotOrder | None, quantity: Decimal) -> SpotOrder:
        """Lower an open order's quantity or raise ``ExchangeError``."""
        return orders.reduce(self.core, account, order, quantity)

    def cancel_list(self, account: SpotAccount, found: OrderList | None) -> OrderList:
        """Cancel an order list or raise ``ExchangeError``."""
        if found is None or found.order_status != "EXECUTING":
            raise rejections.UNKNOWN_LIST()
        order_lists.cancel(self.core, account, found)
        return found

    def value(self, asset: str) -> Decimal:
        """Return an asset's price in USDT; 0 when it is unknown."""
        return self.core.value(asset)

    def dust(self, account: SpotAccount) -> list[str]:
        """Return the assets whose free balance is small enough to convert to BNB."""
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
            self.core.record_balances(account, "BNB", *assets)
        return converted


def _check_relation(price: Decimal, above: SpotOrderRequest, below: SpotOrderRequest) -> None:
    high = above.stop_price or above.price
    low = below.stop_price or below.price
    if not (above.trailing or high > price) or not (below.trailing or low < price):
        raise rejections.PRICE_RELATION()
