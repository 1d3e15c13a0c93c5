"""What a USDⓈ-M handler works on."""

from __future__ import annotations

from dataclasses import dataclass

from sandbox.api.exchange import BaseCall
from sandbox.api.requests import KEY, PUBLIC, SIGNED, Request, Route, by_limit, by_symbol, names
from sandbox.api.usdm.exchange import Exchange
from sandbox.engines.usdm.model import UsdmAccount
from sandbox.engines.usdm.state import UsdmCore
from sandbox.protocol.params import Params

__all__ = ["KEY", "PUBLIC", "SIGNED", "Call", "Route", "by_limit", "by_symbol", "names"]


@dataclass(frozen=True, slots=True)
class Call(BaseCall[Exchange, UsdmAccount]):
    """A call of futures."""

    @classmethod
    def of(cls, exchange: Exchange, request: Request, account: str) -> Call:
        """The call of a request that may be made by ``account`` (empty without a key)."""
        caller = exchange.engine.core.accounts[account] if account else None
        return cls(exchange, Params(request.values), caller)

    @property
    def core(self) -> UsdmCore:
        """The engine's state."""
        return self.exchange.engine.core
