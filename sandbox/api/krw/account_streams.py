"""Exchanges whose users hear of their orders on the sockets of the market data."""

from __future__ import annotations

from abc import abstractmethod
from dataclasses import dataclass

from sandbox.api.spot.exchange import SpotExchange
from sandbox.api.stream_connection import StreamConnection
from sandbox.engines.spot.model import OrderReport, SpotEvent
from sandbox.market.clock import LockstepMarketClock, wall_ms


class AccountConnection(StreamConnection):
    """A connection that may belong to an account (empty: to none)."""

    account = ""


@dataclass(slots=True, kw_only=True)
class AccountExchange(SpotExchange):
    """A spot exchange that sends account events to the connections of the account."""

    microseconds: bool = False

    async def publish(self) -> None:
        """Record the engine's new events and send them to their users."""
        events = self.engine.take_events()
        if not events:
            return
        wall = wall_ms()
        self.show_books({e.order.symbol: None for e in events if isinstance(e, OrderReport)})
        for event in events:
            self.ledger.write_spot(event, wall)
            listeners = self.listeners(event.account)
            if listeners:
                self.notify(event, listeners)
        self.changed()
        if isinstance(self.clock, LockstepMarketClock):
            for connection in self.listeners(""):
                await connection.flushed()

    def listeners(self, account: str) -> list[AccountConnection]:
        """Return the connections of an account, or of all."""
        found = (c for c in self.hub.connections if isinstance(c, AccountConnection) and c.account)
        return [c for c in found if account in ("", c.account)]

    @abstractmethod
    def notify(self, event: SpotEvent, listeners: list[AccountConnection]) -> None:
        """Send an event of an account to its connections."""
