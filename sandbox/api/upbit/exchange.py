"""The running Upbit exchange: spot with KRW markets, and users who listen on its WebSocket."""

from __future__ import annotations

from dataclasses import dataclass

import orjson

from sandbox.api.krw.account_streams import AccountConnection, AccountExchange
from sandbox.api.upbit import order_json
from sandbox.api.upbit.streams import UpbitConnection, UpbitHub
from sandbox.engines.spot.model import BalanceSnapshot, OrderReport, SpotEvent


@dataclass(slots=True, kw_only=True)
class UpbitExchange(AccountExchange):
    """The Upbit exchange."""

    hub: UpbitHub  # type: ignore[assignment]

    def notify(self, event: SpotEvent, listeners: list[AccountConnection]) -> None:
        """Send `myOrder` and `myAsset` to those who subscribed to them."""
        core = self.engine.core
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
            assert isinstance(connection, UpbitConnection)
            codes = connection.codes.get(kind, frozenset())
            if kind in connection.private and (not codes or not code or code in codes):
                self.hub.messages += 1
                connection.send(kind, raw)
