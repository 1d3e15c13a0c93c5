"""The request that a spot handler works on."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import orjson

from sandbox.api.exchange import BaseCall
from sandbox.api.requests import ApiRequest
from sandbox.api.spot.exchange import SpotExchange
from sandbox.engines.common import error_codes
from sandbox.engines.spot.model import SpotAccount
from sandbox.engines.spot.state import SpotCore
from sandbox.market.feed import SymbolFeed
from sandbox.protocol.params import Params


@dataclass(frozen=True, slots=True)
class SpotCall(BaseCall[SpotExchange, SpotAccount]):
    """A spot request; ``repeated`` has all values of each parameter that was sent repeatedly."""

    repeated: Mapping[str, tuple[str, ...]] = field(default_factory=dict)

    @classmethod
    def of(cls, exchange: SpotExchange, request: ApiRequest, account: str) -> SpotCall:
        """Make the call of a request by ``account`` (empty without a key)."""
        caller = exchange.engine.core.accounts[account] if account else None
        return cls(exchange, Params(request.values), caller, request.repeated)

    @property
    def core(self) -> SpotCore:
        """The engine's state."""
        return self.exchange.engine.core

    def feeds(self) -> list[SymbolFeed]:
        """Return the feeds of ``symbol`` or ``symbols`` (a JSON list), or all."""
        symbol, symbols = self.params.text("symbol"), self.params.text("symbols")
        if symbol:
            return [self.feed(symbol)]
        if symbols:
            try:
                return [self.feed(str(name)) for name in orjson.loads(symbols)]
            except (ValueError, TypeError) as error:
                raise error_codes.BAD_VALUE("symbols") from error
        return list(self.exchange.feeds.values())

    def many(self, name: str) -> list[str]:
        """Return the values of a parameter that is sent several times, or once with commas."""
        values = self.repeated.get(name) or (self.params.text(name) or "",)
        return [part for value in values for part in value.split(",") if part]
