"""The running spot exchange: its engine, feeds, accounts and subscribers."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import orjson

from sandbox.api.exchange import BaseExchange
from sandbox.api.sessions import UserStreams
from sandbox.api.spot import user_events
from sandbox.api.spot.streams import SpotHub
from sandbox.engines.common.money import money_text
from sandbox.engines.spot.engine import SpotEngine
from sandbox.engines.spot.model import (
    BalanceChange,
    BalanceSnapshot,
    ListChanged,
    OrderReport,
    SpotEvent,
)
from sandbox.faults.injection import MESSAGES_USER, Fault, altered
from sandbox.market.candles import Kline
from sandbox.market.clock import LockstepMarketClock, wall_ms
from sandbox.market.feed import TradePrint

# Balance changes without an order; users get a `balanceUpdate`.
OUTSIDE = ("DEPOSIT", "DUST_OUT", "DUST_IN", "FOREIGN")


@dataclass(slots=True, kw_only=True)
class SpotExchange(BaseExchange[SpotEngine, SpotHub]):
    """The spot exchange."""

    microseconds: bool = True
    users: UserStreams = field(default_factory=UserStreams)
    reordered: list[tuple[str, dict[str, Any]]] = field(default_factory=list)

    async def step(self, time: int, closed: Mapping[str, Kline], ticks: list[TradePrint]) -> bool:
        """Publish a step of the market: user events first, then market data."""
        await self.publish()
        return self.hub.send_step(time, closed, ticks, dict.fromkeys(self.feeds, 0))

    async def publish(self) -> None:
        """Record the engine's new events and send them to their users."""
        events = self.engine.take_events()
        if not events:
            return
        wall = wall_ms()
        changed = {e.order.symbol: None for e in events if isinstance(e, OrderReport)}
        self.show_books(changed)
        for event in events:
            self.ledger.write_spot(event, wall)
            if self.users.of(event.account) or self.listen_keys.key_of(event.account):
                message = user_message(event)
                if message is not None:
                    self._notify(event.account, message)
        self.changed()
        if isinstance(self.clock, LockstepMarketClock):
            for session in self.users.sessions:
                await session.flushed()

    def _notify(self, account: str, message: dict[str, Any]) -> None:
        if self.faults.shapes_messages:
            fault = self.faults.take(MESSAGES_USER, "", message["e"])
            if fault is not None:
                kept = self._apply_fault(account, message, fault)
                if kept is None:
                    return
                message = kept
        self._send(account, message)
        reordered, self.reordered = self.reordered, []
        for late_account, late in reordered:
            self._send(late_account, late)

    def _apply_fault(
        self, account: str, message: dict[str, Any], fault: Fault
    ) -> dict[str, Any] | None:
        """Let a fault have the message: what to send now, None for nothing."""
        match fault.kind:
            case "duplicate_user":
                self._send(account, message)
                return message
            case "alter_user":
                found: dict[str, Any] = orjson.loads(altered(orjson.dumps(message), fault))
                return found
            case "delay_user":
                task = asyncio.create_task(self._send_late(account, message, fault.seconds))
                self.background.add(task)
                task.add_done_callback(self.background.discard)
            case "reorder_user":
                self.reordered.append((account, message))
        return None

    async def _send_late(self, account: str, message: dict[str, Any], seconds: float) -> None:
        await asyncio.sleep(seconds)
        self._send(account, message)

    def _send(self, account: str, message: dict[str, Any]) -> None:
        for session, number in self.users.of(account):
            self.hub.messages += 1
            session.send({"subscriptionId": number, "event": message})
        self.hub.send_user(self.listen_keys.key_of(account), message)


def user_message(event: SpotEvent) -> dict[str, Any] | None:
    """Return the user-stream message of an engine event, None when there is none."""
    match event:
        case OrderReport():
            return user_events.execution_report_event(event)
        case BalanceSnapshot():
            return user_events.account_position_event(event)
        case ListChanged():
            return user_events.list_status_event(event)
        case BalanceChange(kind=kind) if kind in OUTSIDE:
            return {
                "e": "balanceUpdate",
                "E": event.time,
                "a": event.asset,
                "d": money_text(event.amount),
                "T": event.time,
            }
    return None
