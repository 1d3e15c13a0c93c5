"""What a spot handler works on."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import orjson

from sandbox import errors
from sandbox.calls import Request
from sandbox.feed import Feed
from sandbox.spot.core import SpotCore
from sandbox.spot.exchange import SpotExchange
from sandbox.spot.model import SpotAccount
from sandbox.usdm.params import Params
from sandbox.venue import BaseCall


@dataclass(frozen=True, slots=True)
class SpotCall(BaseCall[SpotExchange, SpotAccount]):
    """A call of spot; ``repeated`` has all values of what was sent more than once."""

    repeated: Mapping[str, tuple[str, ...]] = field(default_factory=dict)

    @classmethod
    def of(cls, exchange: SpotExchange, request: Request, account: str) -> SpotCall:
        """The call of a request that may be made by ``account`` (empty without a key)."""
        caller = exchange.engine.core.accounts[account] if account else None
        return cls(exchange, Params(request.values), caller, request.repeated)

    @property
    def core(self) -> SpotCore:
        """The engine's state."""
        return self.exchange.engine.core

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

    def many(self, name: str) -> list[str]:
        """A parameter that may be sent several times, or once with commas."""
        values = self.repeated.get(name) or (self.params.text(name) or "",)
        return [part for value in values for part in value.split(",") if part]
