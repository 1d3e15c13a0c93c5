"""The request that a spot handler works on."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import orjson

from sandbox.api.exchange import BaseCall
from sandbox.api.requests import ApiRequest
from sandbox.api.spot.exchange import SpotExchange
from sandbox.engines.common import error_codes
from sandbox.engines.spot import rejections
from sandbox.engines.spot.model import SpotAccount
from sandbox.engines.spot.state import SpotCore
from sandbox.market.feed import SymbolFeed
from sandbox.protocol.params import Params

# The statuses that a request may name.
STATUSES = ("TRADING", "HALT", "BREAK")


@dataclass(frozen=True, slots=True)
class SpotCall(BaseCall[SpotExchange, SpotAccount]):
    """A spot request; ``repeated`` has all values of each parameter that was sent repeatedly."""

    repeated: Mapping[str, tuple[str, ...]] = field(default_factory=dict)

    @classmethod
    def of(cls, exchange: SpotExchange, request: ApiRequest, account: str) -> SpotCall:
        """Make the call of a request by ``account`` (empty without a key)."""
        caller = exchange.engine.core.accounts[account] if account else None
        params = Params(request.values, microseconds=True)
        return cls(exchange, params, caller, request.repeated)

    @property
    def core(self) -> SpotCore:
        """The engine's state."""
        return self.exchange.engine.core

    def feeds(self) -> list[SymbolFeed]:
        """Return the feeds of ``symbol`` or ``symbols`` (a JSON list), or all.

        With ``symbolStatus`` only those in that status.
        """
        symbol, status = self.params.text("symbol"), self.params.text("symbolStatus")
        if status is not None and status not in STATUSES:
            raise rejections.BAD_STATUS()
        found = [self.feed(symbol)] if symbol else self._listed()
        kept = [feed for feed in found if status in (None, feed.instrument.status)]
        if symbol and not kept:
            raise rejections.OTHER_STATUS()
        return kept

    def _listed(self) -> list[SymbolFeed]:
        symbols = self.params.text("symbols")
        if not symbols:
            return list(self.exchange.feeds.values())
        try:
            named = [str(name) for name in orjson.loads(symbols)]
        except (ValueError, TypeError) as error:
            raise error_codes.BAD_VALUE("symbols") from error
        if len(set(named)) < len(named):
            raise rejections.DUPLICATE_SYMBOLS()
        return [self.feed(name) for name in named]

    def many(self, name: str) -> list[str]:
        """Return the values of a parameter that is sent several times, or once with commas."""
        values = self.repeated.get(name) or (self.params.text(name) or "",)
        return [part for value in values for part in value.split(",") if part]
