"""What a USDⓈ-M handler works on."""

from __future__ import annotations

from dataclasses import dataclass

from sandbox.calls import KEY, PUBLIC, SIGNED, Request, Route, by_limit, by_symbol, names
from sandbox.engine.core import Core
from sandbox.engine.model import Account
from sandbox.usdm.exchange import Exchange
from sandbox.usdm.params import Params
from sandbox.venue import BaseCall

__all__ = ["KEY", "PUBLIC", "SIGNED", "Call", "Route", "by_limit", "by_symbol", "names"]


@dataclass(frozen=True, slots=True)
class Call(BaseCall[Exchange, Account]):
    """A call of futures."""

    @classmethod
    def of(cls, exchange: Exchange, request: Request, account: str) -> Call:
        """The call of a request that may be made by ``account`` (empty without a key)."""
        caller = exchange.engine.core.accounts[account] if account else None
        return cls(exchange, Params(request.values), caller)

    @property
    def core(self) -> Core:
        """The engine's state."""
        return self.exchange.engine.core
