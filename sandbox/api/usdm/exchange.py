"""The running futures exchange: its engine, feeds, accounts and subscribers."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from sandbox.api.exchange import BaseExchange
from sandbox.api.usdm import account_json, order_json, risk_json
from sandbox.api.usdm.streams import LIQUIDATION, UsdmHub
from sandbox.engines.usdm.engine import UsdmEngine
from sandbox.engines.usdm.events import (
    AccountChanged,
    AlgoChanged,
    ConfigChanged,
    MarginCalled,
    OrderChanged,
    UsdmEvent,
)
from sandbox.market.candles import Kline
from sandbox.market.clock import LockstepMarketClock, wall_ms
from sandbox.market.feed import TradePrint
from sandbox.market.mark_price import MarkRule


@dataclass(slots=True, kw_only=True)
class UsdmExchange(BaseExchange[UsdmEngine, UsdmHub]):
    """The futures exchange."""

    marks: Mapping[str, MarkRule] = field(default_factory=dict)
    countdowns: dict[tuple[str, str], asyncio.TimerHandle] = field(default_factory=dict)

    async def step(self, time: int, closed: Mapping[str, Kline], ticks: list[TradePrint]) -> bool:
        """Publish a step of the market: user events first, then market data."""
        self.expire_listen_keys()
        await self.publish()
        rates = {symbol: m.funding_rate for symbol, m in self.engine.core.markets.items()}
        return self.hub.send_step(time, closed, ticks, rates)

    async def publish(self) -> None:
        """Record the engine's new events and send them to their users."""
        events = self.engine.take_events()
        if not events:
            return
        wall = wall_ms()
        orders = [event for event in events if isinstance(event, OrderChanged)]
        self.show_books({event.order.symbol: None for event in orders})
        for order in filter(risk_json.is_liquidation, orders):
            self.hub.send_event(order.order.symbol, LIQUIDATION, risk_json.liquidation_event(order))
        for event in events:
            self.ledger.write(event, wall)
            key = self.listen_keys.key_of(event.account)
            if key:
                for message in user_messages(event):
                    self.hub.send_user(key, message)
        self.changed()
        if isinstance(self.clock, LockstepMarketClock):
            await self.hub.flush_user()

    def expire_listen_keys(self, *, force: bool = False) -> None:
        """Announce and forget the listen keys that have expired (or all of them)."""
        names = [c.account for c in self.credentials.values()]
        for account in names if force else self.listen_keys.expired(wall_ms()):
            key = self.listen_keys.stop(account)
            event = {"e": "listenKeyExpired", "E": self.now, "listenKey": key}
            self.hub.send_user(key, event)

    def set_countdown(self, account: str, symbol: str, length_ms: int) -> None:
        """Cancel the symbol's orders after ``length_ms`` of wall time; 0 stops the countdown."""
        timer = self.countdowns.pop((account, symbol), None)
        if timer is not None:
            timer.cancel()
        if length_ms > 0:
            loop = asyncio.get_running_loop()
            self.countdowns[account, symbol] = loop.call_later(
                length_ms / 1000, self._count_down, account, symbol
            )

    def _count_down(self, account: str, symbol: str) -> None:
        self.countdowns.pop((account, symbol), None)
        self.engine.cancel_all(self.engine.core.accounts[account], symbol)
        task = asyncio.get_running_loop().create_task(self.publish())
        self.background.add(task)
        task.add_done_callback(self.background.discard)


def user_messages(event: UsdmEvent) -> list[dict[str, Any]]:
    """Return the user-stream messages of an engine event in the order they are sent."""
    match event:
        case OrderChanged(fill=fill):
            lite = [order_json.trade_lite_event(event, fill)] if fill is not None else []
            return [*lite, order_json.order_update_event(event)]
        case AlgoChanged():
            if event.algo.order_id:
                return order_json.old_order_updates(event)
            return [order_json.algo_update_event(event.algo, event.time)]
        case AccountChanged():
            return [account_json.account_update_event(event)]
        case MarginCalled():
            return [risk_json.margin_call_event(event)]
        case ConfigChanged():
            change = {"s": event.symbol, "l": event.leverage}
            return [{"e": "ACCOUNT_CONFIG_UPDATE", "E": event.time, "T": event.time, "ac": change}]
        case _:
            return []
