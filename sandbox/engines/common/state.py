"""The base of the state of both engines."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Generic, Protocol, TypeVar

from sandbox.engines.common.error_codes import BAD_SYMBOL
from sandbox.engines.common.fees import Fees
from sandbox.engines.common.recorded_market import RecordedMarket


class VenueAccount(Protocol):
    """What an engine needs to know about an account."""

    def busy(self, symbol: str) -> bool:
        """Whether the path of the symbol's price matters to this account."""


M = TypeVar("M", bound=RecordedMarket)
A = TypeVar("A", bound=VenueAccount)
E = TypeVar("E")


@dataclass(slots=True)
class BaseCore(ABC, Generic[M, A, E]):
    """Markets, accounts, the market time ``now`` (ms) and the events not yet collected."""

    fees: Fees = field(default_factory=Fees)
    now: int = 0
    markets: dict[str, M] = field(default_factory=dict)
    accounts: dict[str, A] = field(default_factory=dict)
    events: list[E] = field(default_factory=list)
    last_order_id: int = 0
    last_trade_id: int = 0

    def market(self, symbol: str) -> M:
        """Return the market of ``symbol``; −1121 when it is not listed."""
        market = self.markets.get(symbol)
        if market is None:
            raise BAD_SYMBOL()
        return market

    def next_trade_id(self) -> int:
        """Return a new trade id; both sides of a trade between accounts share it."""
        self.last_trade_id += 1
        return self.last_trade_id

    @abstractmethod
    def resting(self, symbol: str) -> Sequence[Any]:
        """Return the resting orders of all accounts in ``symbol``."""
