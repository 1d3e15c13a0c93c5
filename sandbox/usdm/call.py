"""What a USDⓈ-M handler works on."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from sandbox import errors
from sandbox.calls import KEY, PUBLIC, SIGNED, Request, Route, by_limit, by_symbol, names
from sandbox.engine.core import Core
from sandbox.engine.model import Account
from sandbox.feed import Feed
from sandbox.usdm.exchange import Exchange
from sandbox.usdm.params import Params

__all__ = ["KEY", "PUBLIC", "SIGNED", "Call", "Route", "by_limit", "by_symbol", "names"]


@dataclass(frozen=True, slots=True)
class Call:
    """A call by ``key_account`` (set for every call with a key)."""

    exchange: Exchange
    params: Params
    key_account: Account | None = None

    @classmethod
    def of(cls, exchange: Exchange, request: Request, account: str) -> Call:
        """The call of a request that may be made by ``account`` (empty without a key)."""
        caller = exchange.engine.core.accounts[account] if account else None
        return cls(exchange, Params(request.values), caller)

    @property
    def account(self) -> Account:
        """The caller's account."""
        if self.key_account is None:
            raise errors.BAD_KEY_FORMAT()
        return self.key_account

    @property
    def core(self) -> Core:
        """The engine's state."""
        return self.exchange.engine.core

    def feed(self, symbol: str) -> Feed:
        """The feed of a symbol; −1121 when it is not listed."""
        feed = self.exchange.feeds.get(symbol)
        if feed is None:
            raise errors.BAD_SYMBOL()
        return feed

    def feeds(self) -> list[Feed]:
        """The feed of the given symbol, or all feeds."""
        symbol = self.params.text("symbol")
        return [self.feed(symbol)] if symbol else list(self.exchange.feeds.values())

    def one_or_all(self, view: Callable[[Feed], Any]) -> Any:
        """An object for a given symbol, a list without one."""
        shown = [view(feed) for feed in self.feeds()]
        return shown[0] if self.params.text("symbol") else shown
