"""What a spot handler works on."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import orjson

from sandbox import errors
from sandbox.calls import Request
from sandbox.feed import Feed
from sandbox.spot.core import SpotCore
from sandbox.spot.exchange import SpotExchange
from sandbox.spot.model import SpotAccount
from sandbox.usdm.params import Params


@dataclass(frozen=True, slots=True)
class SpotCall:
    """A call by ``key_account`` (set for every call with a key)."""

    exchange: SpotExchange
    params: Params
    key_account: SpotAccount | None = None
    repeated: Mapping[str, tuple[str, ...]] = field(default_factory=dict)

    @classmethod
    def of(cls, exchange: SpotExchange, request: Request, account: str) -> SpotCall:
        """The call of a request that may be made by ``account`` (empty without a key)."""
        caller = exchange.engine.core.accounts[account] if account else None
        return cls(exchange, Params(request.values), caller, request.repeated)

    @property
    def account(self) -> SpotAccount:
        """The caller's account."""
        if self.key_account is None:
            raise errors.BAD_KEY_FORMAT()
        return self.key_account

    @property
    def core(self) -> SpotCore:
        """The engine's state."""
        return self.exchange.engine.core

    def feed(self, symbol: str) -> Feed:
        """The feed of a symbol; −1121 when it is not listed."""
        feed = self.exchange.feeds.get(symbol)
        if feed is None:
            raise errors.BAD_SYMBOL()
        return feed

    def feeds(self) -> list[Feed]:
        """The feeds of ``symbol`` or ``symbols`` (a JSON list), or all."""
        symbol, symbols = self.params.text("symbol"), self.params.text("symbols")
        if symbol:
            return [self.feed(symbol)]
        if symbols:
            try:
                return [self.feed(str(name)) for name in orjson.loads(symbols)]
            except (ValueError, TypeError) as error:
                raise errors.BAD_VALUE("symbols") from error
        return list(self.exchange.feeds.values())

    def one_or_all(self, view: Callable[[Feed], Any]) -> Any:
        """An object for a given symbol, a list without one."""
        shown = [view(feed) for feed in self.feeds()]
        return shown[0] if self.params.text("symbol") else shown

    def many(self, name: str) -> list[str]:
        """A parameter that may be sent several times, or once with commas."""
        values = self.repeated.get(name) or (self.params.text(name) or "",)
        return [part for value in values for part in value.split(",") if part]
