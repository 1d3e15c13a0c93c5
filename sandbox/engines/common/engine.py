"""The base of both engines: state, time, prices and volume."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal
from typing import Any, Generic, TypeVar

from sandbox.engines.common import order_book, serialization
from sandbox.engines.common.instruments import ExchangeInstrument
from sandbox.engines.common.recorded_market import Level
from sandbox.engines.common.state import BaseCore

C = TypeVar("C", bound=BaseCore[Any, Any, Any])
E = TypeVar("E")


class BaseEngine(Generic[C, E]):
    """Accounts trading against recorded prices; every amount is a ``Decimal``."""

    def __init__(self, core: C) -> None:
        self.core = core

    def take_events(self) -> list[E]:
        """Return the events since the last call, in order."""
        events: list[E] = self.core.events
        self.core.events = []
        return events

    def freeze(self) -> bytes:
        """Return the whole state as bytes."""
        return serialization.freeze(self.core)

    def thaw(self, state: bytes) -> None:
        """Restore a frozen state; prices, rules and time stay."""
        self.adopt(serialization.thaw(state))

    def adopt(self, core: C) -> None:
        """Continue with another state; prices, rules and time stay."""
        core.markets, core.now = self.core.markets, self.core.now
        self.core = core

    def set_time(self, now: int) -> None:
        """Set the market time (ms)."""
        self.core.now = now

    def busy(self, symbol: str) -> bool:
        """Whether the path of the symbol's price matters to any account."""
        return any(account.busy(symbol) for account in self.core.accounts.values())

    def resting(self, symbol: str) -> order_book.Levels:
        """Return the resting bids and asks of all accounts: price -> quantity."""
        return order_book.levels(self.core.resting(symbol))

    def supply(self, symbol: str, buys: Decimal | None, sells: Decimal | None = None) -> None:
        """Limit what BUY and SELL orders may fill until the next print (None: no limit).

        Without ``sells`` both sides have a budget of ``buys``.
        """
        found = None if buys is None else {"BUY": buys, "SELL": buys if sells is None else sells}
        self.core.markets[symbol].supply = found

    def supplied(self, symbol: str) -> dict[str, Decimal] | None:
        """Return what is left of the limits, by side."""
        supply: dict[str, Decimal] | None = self.core.markets[symbol].supply
        return supply

    def set_seen(self, symbol: str, bids: list[Level], asks: list[Level]) -> None:
        """Set the levels of a live market, best first, which hold until the next book."""
        market = self.core.markets[symbol]
        market.seen, market.stale = (bids, asks), False
        if bids and asks:
            market.quote = (bids[0].price, asks[0].price)

    def pass_through(self, symbol: str, price: Decimal, quantity: Decimal) -> None:
        """Drop the levels of a live market that a trade has passed."""
        self.core.markets[symbol].pass_through(price, quantity)

    def set_stale(self, symbol: str) -> None:
        """Mark a live market as unseen: nothing of it can be filled until the next book."""
        self.core.markets[symbol].stale = True

    def set_price(self, symbol: str, price: Decimal) -> None:
        """Set the price at the start of the replay."""
        self.core.markets[symbol].price = price

    def set_status(self, symbol: str, status: str) -> ExchangeInstrument:
        """Change the symbol's trading status; return its new rules."""
        return self.set_rules(symbol, status=status)

    def set_rules(self, symbol: str, **changes: Any) -> ExchangeInstrument:
        """Change fields of the symbol's rules; return the new rules."""
        market = self.core.markets[symbol]
        market.instrument = replace(market.instrument, **changes)
        rules: ExchangeInstrument = market.instrument
        return rules

    def set_quote(self, symbol: str, quote: order_book.Quote | None) -> None:
        """Set the recorded best bid and ask, which hold until the next ones."""
        self.core.markets[symbol].quote = quote
