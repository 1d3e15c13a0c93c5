"""The trader: a signal becomes an entry, when risk allows, or the close of what is held."""

from __future__ import annotations

import json
import logging
from collections.abc import Mapping
from dataclasses import dataclass, replace
from decimal import Decimal
from typing import Any

from executor.bus.events import Event, EventType
from executor.context import Context
from executor.execution.closer import Closer
from executor.execution.order_log import Ticket
from executor.execution.order_manager import OrderManager, SendResult
from executor.ledger.records import PositionRow
from executor.model import ZERO, OrderKind
from executor.portfolio.account_snapshot import AccountSnapshot
from executor.portfolio.portfolio import Holding
from executor.portfolio.position_state import open_position
from executor.risk.pre_trade import EntryRequest, RiskVerdict, check_entry
from executor.strategy.signal_engine import SignalEngine
from executor.venues.faults import VenueFaultError
from trading.order_ids import order_key
from trading.strategies.registry import get_strategy

log = logging.getLogger(__name__)

ENTRY_ATTEMPTS = 2
"""An entry that provably died is tried once more; a third time its price is too old."""


@dataclass(frozen=True, slots=True)
class Parts:
    """What the trader works with."""

    order_manager: OrderManager
    closer: Closer
    signal_engine: SignalEngine
    account: AccountSnapshot


class EntryHandler:
    """Handles `signal_generated`."""

    def __init__(self, ctx: Context, parts: Parts) -> None:
        self._ctx = ctx
        self._parts = parts

    def on_signal(self, event: Event) -> None:
        """Act on one signal."""
        if event.data["action"] == "exit":
            self._exit(event)
            return
        verdict, row = self._check(event)
        if row is None or not verdict.allowed:
            self._ctx.emit(
                EventType.ENTRY_REFUSED,
                symbol=event.symbol,
                cause=event.id,
                strategy=event.data["strategy"],
                reasons=list(verdict.reasons),
            )
            log.info("%s: entry refused: %s", event.symbol, "; ".join(verdict.reasons))
            return
        holding = self._claim(row)
        if holding is not None:
            price = self._ctx.portfolio.slot(event.symbol).last_price or event.data["price"]
            holding.reserved = verdict.quantity * Decimal(str(price))
            entry = self._enter(event, holding, verdict.quantity)
            self._ctx.spawn(f"entry {event.symbol}", entry)

    def _exit(self, event: Event) -> None:
        holding = self._ctx.portfolio.holding(event.symbol)
        if holding is None or holding.row.strategy != event.data["strategy"]:
            return
        if holding.heeds_exit:
            self._parts.closer.close(holding, "strategy_exit", event.id)

    def _check(self, event: Event) -> tuple[RiskVerdict, PositionRow | None]:
        """Whether an entry may be made, and the position that it would become."""
        ctx = self._ctx
        params = self._params(event)
        if params is None:
            return _refused("the release changed since the decision"), None
        if event.symbol not in ctx.portfolio.instruments:
            return _refused(f"{event.symbol} is not listed at the exchange"), None
        row = self._row(event, params)
        if why := self._parts.signal_engine.not_chosen(row.strategy, row.symbol):
            return _refused(why), row
        share = self._parts.signal_engine.allocation_of(row.strategy, row.symbol)
        if share.reason:
            return _refused(share.reason), row
        request = self._request(event, row, share.most)
        instrument = ctx.portfolio.instruments[event.symbol]
        account = self._parts.account.state(event.symbol)
        return check_entry(request, account, ctx.settings.risk, instrument), row

    def _request(self, event: Event, row: PositionRow, most: float) -> EntryRequest:
        """The entry with the levels that it would get at the decision's price; its whole plan takes
        ``most`` of the equity at the most.
        """
        price = float(event.data["price"])
        position = open_position(replace(row, quantity=Decimal(1), entry_price=price))
        sizing = get_strategy(row.strategy).sizing(row.params)
        planned = 1.0 + sum(addition.weight for addition in position.rules.additions)
        return EntryRequest(
            symbol=event.symbol,
            strategy=row.strategy,
            side=row.side,
            price=price,
            last_price=self._ctx.portfolio.slot(event.symbol).last_price or price,
            max_position_size=min(sizing.share, most / planned),
            stop_price=position.protective_price,
            emergency_price=position.emergency_price,
            target_price=position.take_profit_price,
            risk=sizing.risk,
            planned=planned,
            age_s=(self._ctx.clock.now_ms() - event.time) / 1000,
        )

    def _params(self, event: Event) -> dict[str, Any] | None:
        """Parameters that the decision was made with; None once another release has replaced them.

        A strategy without a lane (a signal from outside) has its defaults.
        """
        for runner in self._parts.signal_engine.runners:
            if (runner.strategy, runner.symbol) == (event.data["strategy"], event.symbol):
                same = runner.plan.release_id == event.data["release_id"]
                return dict(runner.decider.params) if same else None
        return get_strategy(event.data["strategy"]).resolve({})

    def _row(self, event: Event, params: dict[str, Any]) -> PositionRow:
        """The position to be."""
        data, account = event.data, self._ctx.settings.account
        bar_time = int(data["bar_time"])
        return PositionRow(
            id=0,
            symbol=event.symbol,
            strategy=data["strategy"],
            side=int(data["side"]),
            status="opening",
            quantity=ZERO,
            entry_price=0.0,
            opened_at=event.time,
            release_id=data["release_id"],
            release_short=data["release_short"],
            key=order_key(account, data["strategy"], event.symbol, bar_time),
            bar_time=bar_time,
            params=json.loads(json.dumps(params, default=str)),
            atr=_number(data, "atr") or 0.0,
            high_water=0.0,
            cause=event.id,
            stop_price=_number(data, "stop_price"),
            target_price=_number(data, "target_price"),
            confidence=_number(data, "confidence"),
            leverage=self._ctx.settings.venue.leverage,
        )

    def _claim(self, row: PositionRow) -> Holding | None:
        """Write the position to be, and so own the symbol before anything is awaited."""
        ctx = self._ctx
        if ctx.ledger.position_of_key(row.key) is not None:
            log.warning("%s: this bar was entered already", row.symbol)
            return None
        holding = Holding(ctx.ledger.insert_position(row))
        ctx.portfolio.slot(row.symbol).holding = holding
        return holding

    async def _enter(self, event: Event, holding: Holding, quantity: Decimal) -> None:
        row = holding.row
        ticket = Ticket(
            symbol=row.symbol,
            strategy=row.strategy,
            release_id=row.release_id,
            release_short=row.release_short,
            key=row.key,
            bar_time=row.bar_time,
            leg="en",
            position_id=row.id,
            cause=event.id,
            decision_price=float(event.data["price"]),
        )
        side = "BUY" if row.side > 0 else "SELL"
        for _ in range(ENTRY_ATTEMPTS):
            sent = await self._parts.order_manager.send(
                ticket, side, OrderKind.MARKET, quantity=quantity
            )
            if sent.result is SendResult.PLACED:
                await self._parts.closer.settle(sent.client_id)
                break
            known = self._ctx.ledger.order(sent.client_id)
            if known is None or known.status != "dead" or not await self._again(ticket):
                break
        self.abandon(holding)

    async def _again(self, ticket: Ticket) -> bool:
        """Whether a second attempt may follow one that died: nothing came of it, and the price
        is still that of the decision."""
        slot = self._ctx.portfolio.slot(ticket.symbol)
        decided = ticket.decision_price
        if slot.last_price is not None and decided:
            moved = abs(slot.last_price / decided - 1)
            if moved > float(self._ctx.settings.risk.max_price_deviation):
                log.info(
                    "%s: no second attempt, the price moved %.2f %%", ticket.symbol, moved * 100
                )
                return False
        try:
            held = await self._ctx.venue.positions()
        except VenueFaultError as fault:
            log.warning("%s: no second attempt: %s", ticket.symbol, fault)
            return False
        return all(position.symbol != ticket.symbol for position in held)

    def abandon(self, holding: Holding) -> None:
        """Give the symbol free again if its entry has ended without a trade."""
        if holding.filled or holding.closed.is_set():
            return
        if any(order.open for order in self._ctx.ledger.orders_of_key(holding.row.key)):
            return
        if holding.row.status == "opening":
            self._ctx.ledger.update_position(holding.row.id, status="void")
        slot = self._ctx.portfolio.slot(holding.symbol)
        if slot.holding is holding:
            slot.holding = None
        holding.closed.set()


def _refused(reason: str) -> RiskVerdict:
    return RiskVerdict(ZERO, (reason,))


def _number(data: Mapping[str, Any], name: str) -> float | None:
    value = data.get(name)
    return None if value is None else float(value)
