"""The running market of Korean stocks, and users who listen on its WebSocket."""

from __future__ import annotations

from dataclasses import dataclass

import orjson

from sandbox.api.kis.access import Access
from sandbox.api.kis.socket import notices
from sandbox.api.kis.socket.streams import NOTICE, KisConnection, KisHub
from sandbox.api.krw.account_streams import AccountConnection, AccountExchange
from sandbox.engines.kis.engine import KisEngine
from sandbox.engines.spot.model import OrderReport, SpotEvent


@dataclass(slots=True, kw_only=True)
class KisExchange(AccountExchange):
    """The exchange."""

    hub: KisHub  # type: ignore[assignment]
    access: Access

    @property
    def stocks(self) -> KisEngine:
        """The engine."""
        assert isinstance(self.engine, KisEngine)
        return self.engine

    async def publish(self) -> None:
        """Record new events and send them; the feeds follow the day's price limits."""
        for symbol, feed in self.feeds.items():
            feed.instrument = self.engine.core.markets[symbol].instrument
        await AccountExchange.publish(self)

    def notify(self, event: SpotEvent, listeners: list[AccountConnection]) -> None:
        """Send order and trade notices to those who subscribed to them."""
        if not isinstance(event, OrderReport):
            return
        number = self.access.numbers[event.account]
        form = self.stocks.kis.forms[event.order.order_id]
        for connection in listeners:
            assert isinstance(connection, KisConnection)
            shown = notices.notice_event(event, form, number, connection.customer)
            self.hub.messages += 1
            connection.send(NOTICE, orjson.dumps(shown))
