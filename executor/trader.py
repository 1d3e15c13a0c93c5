"""The trader: a signal becomes an entry, when risk allows, or the close of what is held."""

from __future__ import annotations

import json
import logging
from collections.abc import Callable
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from executor.book import Holding
from executor.context import Context
from executor.deciding import Deciding
from executor.events import Event, EventType
from executor.feed import Feed
from executor.guarding import Closer, DayGuard
from executor.ledger.records import PositionRow
from executor.orders import OrderDesk, Result, Ticket
from executor.ports import ZERO, OrderKind
from executor.releases import ReleaseKeeper
from executor.risk import AccountState, EntryRequest, Verdict, check_entry, daily_loss
from executor.settings import Mode
from executor.venues.errors import VenueFaultError
from trading.order_ids import order_key
from trading.position import Position
from trading.strategies.registry import get_strategy

log = logging.getLogger(__name__)

ENTRY_ATTEMPTS = 2
"""An entry that provably died is tried once more; a third time its price is too old."""


@dataclass(frozen=True, slots=True)
class Parts:
    """What the trader works with."""

    desk: OrderDesk
    closer: Closer
    feed: Feed
    deciding: Deciding
    releases: ReleaseKeeper
    day: DayGuard


class Trader:
    """Handles `signal_generated`."""

    def __init__(self, ctx: Context, parts: Parts) -> None:
        self._ctx = ctx
        self._parts = parts
        self.release_is_valid: Callable[[], bool] = parts.releases.valid

    def on_signal(self, event: Event) -> None:
        """Act on one signal."""
        if event.data["action"] == "exit":
            self._exit(event)
            return
        verdict = self._check(event)
        if not verdict.allowed:
            self._ctx.emit(
                EventType.ENTRY_REFUSED,
                symbol=event.symbol,
                cause=event.id,
                strategy=event.data["strategy"],
                reasons=list(verdict.reasons),
            )
            log.info("%s: entry refused: %s", event.symbol, "; ".join(verdict.reasons))
            return
        holding = self._claim(event)
        if holding is not None:
            price = self._ctx.book.slot(event.symbol).last_price or event.data["price"]
            holding.reserved = verdict.quantity * Decimal(str(price))
            entry = self._enter(event, holding, verdict.quantity)
            self._ctx.spawn(f"entry {event.symbol}", entry)

    def _exit(self, event: Event) -> None:
        holding = self._ctx.book.holding(event.symbol)
        if holding is not None and holding.row.strategy == event.data["strategy"]:
            self._parts.closer.close(holding, "strategy_exit", event.id)

    def _check(self, event: Event) -> Verdict:
        ctx, data = self._ctx, event.data
        strategy = get_strategy(data["strategy"])
        params = self._params(event)
        if params is None:
            return Verdict(ZERO, ("the release changed since the decision",))
        if event.symbol not in ctx.book.instruments:
            return Verdict(ZERO, (f"{event.symbol} is not listed at the exchange",))
        slot = ctx.book.slot(event.symbol)
        price = float(data["price"])
        guard = Position(
            int(data["side"]), price, 1.0, event.time, strategy.exit_rules(params), _atr(data)
        )
        request = EntryRequest(
            symbol=event.symbol,
            strategy=data["strategy"],
            side=int(data["side"]),
            price=price,
            last_price=slot.last_price or price,
            max_position_size=float(params["max_position_size"]),
            stop_price=guard.protective_price,
            emergency_price=guard.emergency_price,
            age_s=(ctx.clock.now_ms() - event.time) / 1000,
        )
        return check_entry(
            request,
            self._account(event.symbol),
            ctx.settings.risk,
            ctx.book.instruments[event.symbol],
        )

    def _params(self, event: Event) -> dict[str, Any] | None:
        """Parameters that the decision was made with; None once another release has replaced them.

        A strategy without a lane (a signal from outside) has its defaults.
        """
        for lane in self._parts.deciding.lanes:
            if (lane.strategy, lane.symbol) == (event.data["strategy"], event.symbol):
                same = lane.release.release_id == event.data["release_id"]
                return dict(lane.decider.params) if same else None
        return get_strategy(event.data["strategy"]).resolve({})

    def _account(self, symbol: str) -> AccountState:
        ctx, parts = self._ctx, self._parts
        slot = ctx.book.slot(symbol)
        parts.day.roll()
        state = AccountState(
            wallet=ctx.book.balance.wallet,
            available=ctx.book.free(
                ctx.settings.venue.leverage,
                believe_exchange=ctx.settings.mode is not Mode.REPLAY,
            ),
            equity=ctx.book.equity,
            day_baseline=parts.day.baseline,
            owner=slot.holding.row.strategy if slot.holding else None,
            open_positions=sum(1 for _ in ctx.book.holdings()),
            orders_last_minute=parts.desk.orders_last_minute,
            candles_seen=parts.feed.seen[symbol],
            stream_fresh=parts.feed.fresh(symbol),
            entries_on=ctx.switches.entries,
            release_valid=self.release_is_valid(),
            halted=slot.halted,
            leverage=ctx.settings.venue.leverage,
            day_limit_reached=parts.day.limit_reached,
            durable=ctx.ledger.durable,
            live=ctx.settings.mode is Mode.LIVE,
        )
        parts.day.check(daily_loss(state.equity, state.day_baseline))
        return state

    def _claim(self, event: Event) -> Holding | None:
        """Write the position to be, and so own the symbol before anything is awaited."""
        ctx, data = self._ctx, event.data
        account = ctx.settings.account
        key = order_key(account, data["strategy"], event.symbol, int(data["bar_time"]))
        if ctx.ledger.position_of_key(key) is not None:
            log.warning("%s: this bar was entered already", event.symbol)
            return None
        row = ctx.ledger.insert_position(
            PositionRow(
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
                key=key,
                bar_time=int(data["bar_time"]),
                params=json.loads(json.dumps(self._params(event) or {}, default=str)),
                atr=_atr(data),
                high_water=0.0,
                cause=event.id,
            )
        )
        holding = Holding(row)
        ctx.book.slot(event.symbol).holding = holding
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
            sent = await self._parts.desk.send(ticket, side, OrderKind.MARKET, quantity=quantity)
            if sent.result is Result.PLACED:
                await self._parts.closer.settle(sent.client_id)
                break
            known = self._ctx.ledger.order(sent.client_id)
            if known is None or known.status != "dead" or not await self._again(ticket):
                break
        self.abandon(holding)

    async def _again(self, ticket: Ticket) -> bool:
        """Whether a second attempt may follow one that died: nothing came of it, and the price
        is still that of the decision."""
        slot = self._ctx.book.slot(ticket.symbol)
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
        slot = self._ctx.book.slot(holding.symbol)
        if slot.holding is holding:
            slot.holding = None
        holding.closed.set()


def _atr(data: Any) -> float:
    value = data.get("atr")
    return float(value) if value is not None else 0.0
