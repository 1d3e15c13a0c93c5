"""The request that a USDⓈ-M handler works on."""

from __future__ import annotations

from dataclasses import dataclass

from sandbox.api.exchange import BaseCall
from sandbox.api.requests import ApiRequest
from sandbox.api.usdm.exchange import UsdmExchange
from sandbox.engines.usdm.model import UsdmAccount
from sandbox.engines.usdm.state import UsdmCore
from sandbox.protocol.params import Params


@dataclass(frozen=True, slots=True)
class UsdmCall(BaseCall[UsdmExchange, UsdmAccount]):
    """A futures request."""

    @classmethod
    def of(cls, exchange: UsdmExchange, request: ApiRequest, account: str) -> UsdmCall:
        """Make the call of a request by ``account`` (empty without a key)."""
        caller = exchange.engine.core.accounts[account] if account else None
        return cls(exchange, Params(request.values), caller)

    @property
    def core(self) -> UsdmCore:
        """The engine's state."""
        return self.exchange.engine.core
