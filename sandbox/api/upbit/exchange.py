"""The running Upbit exchange: spot with KRW markets, and users who listen on its WebSocket."""

from __future__ import annotations

from dataclasses import dataclass

import orjson

from sandbox.api.spot.exchange import SpotExchange
from sandbox.api.upbit import order_json
from sandbox.api.upbit.streams import UpbitConnection, UpbitHub
from sandbox.engines.spot.model import BalanceSnapshot, OrderReport, SpotEvent
from sandbox.market.clock import LockstepMarketClock, wall_ms


@dataclass(slots=True, kw_only=True)
class UpbitExchange(SpotExchange):
    """The Upbit exchange."""

    microseconds: bool = False
    hub: UpbitHub  # type: ignore[assignment]

    async def publish(self) -> None:
        """Record the engine's new events and send them to their users."""
        events = self.engine.take_events()
        if not events:
            return
        wall = wall_ms()
        self.show_books({e.order.symbol: None for e in events if isinstance(e, OrderReport)})
        for event in events:
            self.ledger.write_spot(event, wall)
            self._notify_listeners(event)
        self.changed()
        if isinstance(self.clock, LockstepMarketClock):
            for connection in self._listeners(""):
                await connection.flushed()

    def _listeners(self, account: str) -> list[UpbitConnection]:
        """Return the connections of an account, or of all."""
        found = (c for c in self.hub.connections if isinstance(c, UpbitConnection) and c.account)
        return [c for c in found if account in ("", c.account)]

    def _notify_listeners(self, event: SpotEvent) -> None:
        core = self.engine.core
        listeners = self._listeners(event.account)
        if not listeners:
            return
        account = core.accounts[event.account]
        match event:
            case OrderReport():
                kind, code = "myOrder", event.order.symbol
                raw = orjson.dumps(order_json.my_order_event(core, account, event))
            case BalanceSnapshot():
                kind, code = "myAsset", ""
                raw = orjson.dumps(order_json.my_asset_event(account, event.time))
            case _:
                return
        for connection in listeners:
            codes = connection.codes.get(kind, frozenset())
            if kind in connection.private and (not codes or not code or code in codes):
                self.hub.messages += 1
                connection.send(kind, raw)
