"""The request that an Upbit handler works on."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal

from sandbox.api.requests import ApiRequest
from sandbox.api.spot.call import SpotCall
from sandbox.api.spot.exchange import SpotExchange
from sandbox.engines.upbit.engine import UpbitError
from sandbox.market.feed import SymbolFeed
from sandbox.protocol.params import AMOUNT, INTEGER, Params


@dataclass(frozen=True, slots=True)
class UpbitCall(SpotCall):
    """A request; ``repeated`` has the values of parameters such as ``states[]``."""

    @classmethod
    def of(cls, exchange: SpotExchange, request: ApiRequest, account: str) -> UpbitCall:
        """Make the call of a request by ``account`` (empty without a token)."""
        caller = exchange.engine.core.accounts[account] if account else None
        return cls(exchange, Params(request.values), caller, request.repeated)

    def feed(self, symbol: str) -> SymbolFeed:
        """Return the feed of a market; refuse one that is not listed."""
        found = self.exchange.feeds.get(symbol)
        if found is None:
            raise UpbitError("Code not found", f"The market {symbol[:40]} does not exist.", 404)
        return found

    def markets(self) -> list[SymbolFeed]:
        """Return the feeds that ``markets`` names, separated by commas."""
        names = (self.need("markets")).split(",")
        if len(names) > len(self.exchange.feeds):
            raise UpbitError("invalid_parameter", "markets names more than there are.")
        return [self.feed(name) for name in names]

    def need(self, name: str) -> str:
        """Return a parameter; refuse its absence."""
        value = self.params.text(name)
        if value is None:
            raise UpbitError("validation_error", f"{name} is missing, {name} is required.")
        return value

    def amount(self, name: str) -> Decimal:
        """Return an amount above 0; refuse anything else."""
        text = self.need(name)
        if not AMOUNT.match(text) or not Decimal(text):
            raise UpbitError("validation_error", f"{name} does not have a valid value.")
        return Decimal(text)

    def count(self, default: int, most: int) -> int:
        """Return the page size."""
        for name in ("count", "limit"):
            if self.params.text(name) is not None:
                return min(self.whole(name, default), most)
        return default

    def whole(self, name: str, default: int) -> int:
        """Return a whole number above 0; refuse anything else."""
        text = self.params.text(name)
        if text is None:
            return default
        if not INTEGER.match(text) or not int(text):
            raise UpbitError("validation_error", f"{name} does not have a valid value.")
        return int(text)

    def listed(self, name: str) -> list[str]:
        """Return the values of a parameter such as ``states[]``."""
        values = self.repeated.get(f"{name}[]") or (self.params.text(f"{name}[]") or "",)
        return [value for text in values for value in text.split(",") if value]
