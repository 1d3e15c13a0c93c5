"""The futures engine: the only entry to the pure exchange. Time and prices in, events out."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from decimal import Decimal

from sandbox.engines.common import matching
from sandbox.engines.common.engine import BaseEngine
from sandbox.engines.common.fees import Fees
from sandbox.engines.common.instruments import ExchangeInstrument
from sandbox.engines.common.money import ZERO, money
from sandbox.engines.usdm import (
    account_settings,
    conditional_orders,
    liquidation,
    margin,
    orders,
    settlement,
)
from sandbox.engines.usdm.events import UsdmEvent
from sandbox.engines.usdm.matching import UsdmBook
from sandbox.engines.usdm.model import (
    NO_MATCH,
    AlgoOrder,
    UsdmAccount,
    UsdmOrder,
    UsdmPosition,
)
from sandbox.engines.usdm.requests import AlgoOrderRequest, UsdmOrderRequest
from sandbox.engines.usdm.state import UsdmCore


class UsdmEngine(BaseEngine[UsdmCore, UsdmEvent]):
    """USDⓈ-M futures: margin, positions, conditional orders, funding, liquidation."""

    def __init__(self, instruments: Iterable[ExchangeInstrument], fees: Fees | None = None) -> None:
        super().__init__(UsdmCore(fees=fees or Fees()))
        for instrument in instruments:
            self.core.add_market(instrument)

    def open_account(self, name: str, deposits: Mapping[str, Decimal]) -> UsdmAccount:
        """Open an account with its first deposits; USDT is the margin asset."""
        account = UsdmAccount(name)
        self.core.accounts[name] = account
        for amount in deposits.values():
            self.core.credit(account, "TRANSFER", amount)
        return account

    def exposure(self, symbol: str) -> int:
        """Return the sign of the net position of all accounts in ``symbol``."""
        held = (p.amount for a in self.core.accounts.values() for p in a.held(symbol))
        total = sum(held, ZERO)
        return (total > 0) - (total < 0)

    def set_mark(self, symbol: str, mark: Decimal) -> None:
        """Set the mark price, which holds until the next one; by default it is the last price."""
        self.core.markets[symbol].mark_price = mark

    def on_price(self, symbol: str, price: Decimal) -> None:
        """Handle a trade at ``price``: fill, fire, liquidate."""
        market = self.core.markets[symbol]
        market.price = price
        busy = [account for account in self.core.accounts.values() if account.busy(symbol)]
        matching.match_resting(UsdmBook(self.core), market, price)
        if market.supply is not None:
            orders.fill_waiting(self.core, symbol)
        for account in busy:
            conditional_orders.on_price(self.core, account, symbol)
            liquidation.check(self.core, account)

    def levels(self, symbol: str) -> list[Decimal]:
        """Return the last prices at which something happens: triggers, limits traded through."""
        core, tick = self.core, self.core.markets[symbol].instrument.tick
        found = _triggers(core, symbol, "CONTRACT_PRICE")
        for account in core.accounts.values():
            for order in account.open_orders.values():
                if order.symbol == symbol and order.price:
                    found.append(order.price - tick if order.side == "BUY" else order.price + tick)
        return [level for level in found if level > 0]

    def mark_levels(self, symbol: str) -> list[Decimal]:
        """Return the mark prices at which something happens: triggers, liquidations."""
        core = self.core
        found = _triggers(core, symbol, "MARK_PRICE")
        for account in core.accounts.values():
            for position in account.held(symbol):
                found.append(margin.liquidation_price(core, account, position))
        return [level for level in found if level > 0]

    def set_funding_rate(self, symbol: str, rate: Decimal) -> None:
        """Set the rate that is shown until the next funding."""
        self.core.markets[symbol].funding_rate = rate

    def apply_funding(self, symbol: str, rate: Decimal) -> None:
        """Charge ``rate`` on every position at its mark price; longs pay when it is positive."""
        core = self.core
        core.markets[symbol].funding_rate = rate
        for account in core.accounts.values():
            for position in account.held(symbol):
                self._fund(account, position, rate)

    def _fund(self, account: UsdmAccount, position: UsdmPosition, rate: Decimal) -> None:
        core, symbol = self.core, position.symbol
        payment = money(-position.amount * core.markets[symbol].mark * rate)
        if not payment:
            return
        if position.isolated:
            position.isolated_wallet += payment
        core.credit(account, "FUNDING_FEE", payment, symbol)
        core.record_account(account, "FUNDING_FEE", payment, (position,))
        liquidation.check(core, account)

    def place(self, account: UsdmAccount, request: UsdmOrderRequest) -> UsdmOrder:
        """Accept an order or raise ``ExchangeError``."""
        return orders.place(self.core, account, request)

    def place_algo(self, account: UsdmAccount, request: AlgoOrderRequest) -> AlgoOrder:
        """Accept a conditional order or raise ``ExchangeError``."""
        return conditional_orders.place(self.core, account, request)

    def cancel(self, account: UsdmAccount, order: UsdmOrder | None) -> UsdmOrder:
        """Cancel an order or raise ``ExchangeError``."""
        return orders.cancel(self.core, account, order)

    def cancel_algo(self, account: UsdmAccount, algo: AlgoOrder | None) -> AlgoOrder:
        """Cancel a conditional order or raise ``ExchangeError``."""
        return conditional_orders.cancel(self.core, account, algo)

    def amend(
        self,
        account: UsdmAccount,
        order: UsdmOrder | None,
        quantity: Decimal,
        price: Decimal,
        price_match: str = NO_MATCH,
    ) -> UsdmOrder:
        """Change an order's quantity and price or raise ``ExchangeError``."""
        return orders.amend(self.core, account, order, quantity, price, price_match)

    def set_time(self, now: int) -> None:
        """Set the market time (ms) and end the orders that were good until then."""
        super().set_time(now)
        orders.expire(self.core)

    def move_margin(
        self, account: UsdmAccount, symbol: str, side: str, amount: Decimal
    ) -> UsdmPosition:
        """Add margin to an isolated position, or take some away (``amount`` below 0)."""
        return account_settings.move_margin(self.core, account, symbol, side, amount)

    def set_multi_assets(self, account: UsdmAccount, *, multi: bool) -> None:
        """Change between single-asset and multi-assets mode."""
        account_settings.set_multi_assets(account, multi=multi)

    def cancel_all(self, account: UsdmAccount, symbol: str) -> int:
        """Cancel all orders of ``symbol`` and return how many there were."""
        found = [order for order in account.open_orders.values() if order.symbol == symbol]
        for order in found:
            settlement.end_order(self.core, account, order, "CANCELED")
        return len(found)

    def cancel_all_algos(self, account: UsdmAccount, symbol: str) -> int:
        """Cancel all conditional orders of ``symbol`` and return how many there were."""
        found = [algo for algo in account.open_algos.values() if algo.symbol == symbol]
        for algo in found:
            settlement.set_algo_status(self.core, account, algo, "CANCELED")
        return len(found)

    def set_leverage(self, account: UsdmAccount, symbol: str, leverage: int) -> UsdmPosition:
        """Change the leverage of ``symbol``; the margin of an open position must allow it."""
        account_settings.set_leverage(self.core, account, symbol, leverage)
        return account.position(symbol)

    def set_margin_type(self, account: UsdmAccount, symbol: str, *, isolated: bool) -> None:
        """Change between cross and isolated margin while flat and without orders."""
        account_settings.set_margin_type(self.core, account, symbol, isolated=isolated)

    def set_hedge_mode(self, account: UsdmAccount, *, hedge: bool) -> None:
        """Change between one-way and hedge mode while flat and without orders."""
        account_settings.set_hedge_mode(self.core, account, hedge=hedge)


def _triggers(core: UsdmCore, symbol: str, working_type: str) -> list[Decimal]:
    """Return the prices at which orders that watch ``working_type`` trigger or begin to trail."""
    return [
        algo.level or algo.activate_price
        for account in core.accounts.values()
        for algo in account.open_algos.values()
        if algo.symbol == symbol and algo.working_type == working_type
    ]
