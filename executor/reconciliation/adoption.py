"""Adoption: a position missing in the ledger is rebuilt from its orders' ids and trades."""

from __future__ import annotations

import logging
from collections.abc import Iterable
from dataclasses import replace
from decimal import Decimal
from typing import Any

from executor.bus.events import EventType
from executor.execution.fills import FillRecorder
from executor.execution.position_updates import PositionUpdates
from executor.ledger.records import OrderRow, PositionRow
from executor.model import (
    ZERO,
    InstrumentId,
    OrderState,
    VenueOrder,
    VenuePosition,
    symbol_of,
)
from executor.portfolio.portfolio import Portfolio
from executor.portfolio.position_state import ADDITION_LEGS, ADOPTED_STRATEGY
from executor.services import Services
from executor.strategy.release_keeper import ReleaseKeeper
from executor.strategy.traded import traded_entries
from lake.releases import Release, read_release
from trading.candles import DAY_MS, MINUTE_MS
from trading.errors import ReleaseRefused
from trading.order_ids import OrderId, OrderLeg, is_ours, order_key, parse_order_id
from trading.positions.position import (
    ADD_FIRST,
    ADD_SECOND,
    HALF_CLOSE,
    REASONS,
    RETURN_TO_FIRST,
    RETURN_TO_INITIAL,
)
from trading.strategies.registry import get_strategy

log = logging.getLogger(__name__)

LOOK_BACK_MS = 7 * DAY_MS
BARS_BACK = 5
"""Minutes before an order to search for the bar that caused it."""


class Adoption:
    """Finds the entry behind a position and records it as if it had just been sent."""

    def __init__(
        self,
        services: Services,
        portfolio: Portfolio,
        fills: FillRecorder,
        position_updates: PositionUpdates,
        releases: ReleaseKeeper,
    ) -> None:
        self._services = services
        self._portfolio = portfolio
        self._fills = fills
        self._updates = position_updates
        self._releases = releases

    async def adopt(self, position: VenuePosition) -> bool:
        """Record the position; False when no order of ours opened it."""
        start = self._services.clock.now_ms() - LOOK_BACK_MS
        side = "BUY" if position.quantity > 0 else "SELL"
        venue = self._services.venue_of(position.symbol)
        plain = await venue.recent_orders(position.symbol, start)
        entries = [
            order for order in plain if order.side == side and order.filled > 0 and _is_entry(order)
        ]
        if not entries:
            return False
        entry = entries[-1]
        row = self._services.ledger.order(entry.client_id)
        if row is None:
            levels = _levels(entry, await venue.open_orders(entry.symbol))
            row = self._record(entry, 1 if position.quantity > 0 else -1, levels)
        await self._take_trades(entry, row)
        for order, reason in steps_after(entry, plain):
            self._services.ledger.add_intent(_step_row(order, row, reason))
            known = self._services.ledger.order(order.client_id)
            if known is not None:
                await self._take_trades(order, known)
        if self._portfolio.holding(position.symbol) is None and not self._reopened(row):
            # Every trade of that entry is recorded and closed: the position there now is not ours.
            return False
        self._services.alerts.send(
            "position adopted", symbol=position.symbol, order=entry.client_id
        )
        return True

    async def _take_trades(self, order: VenueOrder, row: OrderRow) -> None:
        venue = self._services.venue_of(order.symbol)
        for fill in await venue.trades(order.symbol, order_id=order.exchange_id):
            await self._fills.take(fill, row)

    def _reopened(self, row: OrderRow) -> bool:
        stored = self._services.ledger.position(row.position_id) if row.position_id else None
        return stored is not None and self._updates.reopen(stored, stored.cause)

    def _record(self, entry: VenueOrder, side: int, levels: dict[OrderLeg, float]) -> OrderRow:
        """Write the position and its entry order as if they had just been sent."""
        ours = parse_order_id(entry.client_id)
        release = self._release(ours)
        strategy, bar_time = self._origin(ours, entry, release)
        params = self._params_of(release, strategy, entry.symbol)
        if not params or not _has_stop(strategy, params):
            strategy = ADOPTED_STRATEGY
        if strategy != ADOPTED_STRATEGY and not get_strategy(strategy).own_levels:
            levels = {}
        event = self._services.emit(
            EventType.POSITION_CORRECTED,
            symbol=entry.symbol,
            reason="adopted",
            client_id=entry.client_id,
            strategy=strategy,
        )
        position = self._services.ledger.insert_position(
            PositionRow(
                id=0,
                symbol=entry.symbol,
                strategy=strategy,
                side=side,
                status="opening",
                quantity=ZERO,
                entry_price=0.0,
                opened_at=entry.time,
                release_id=release.release_id if release is not None else ours.release,
                release_short=ours.release,
                key=ours.key,
                bar_time=bar_time,
                params=params,
                atr=0.0,
                high_water=0.0,
                cause=event.id,
                stop_price=levels.get(OrderLeg.STOP),
                target_price=levels.get(OrderLeg.TARGET),
                leverage=self._services.leverage(entry.symbol),
                quote_asset=self._portfolio.instruments[entry.symbol].quote_asset,
            )
        )
        row = _entry_row(entry, position)
        self._services.ledger.add_intent(row)
        return row

    def _release(self, ours: OrderId) -> Release | None:
        try:
            return read_release(self._services.settings.paths.published, ours.release)
        except ReleaseRefused as error:
            log.warning("the release of an adopted position cannot be read: %s", error)
            return self._releases.current

    def _params_of(
        self, release: Release | None, strategy: str, symbol: InstrumentId
    ) -> dict[str, Any]:
        for entry, traded in traded_entries(release, self._services.settings.venues):
            if (entry.strategy, traded) == (strategy, symbol):
                return dict(entry.params)
        return {}

    def _origin(self, ours: OrderId, entry: VenueOrder, release: Release | None) -> tuple[str, int]:
        """Strategy and bar whose hash is the key of the id, which proves them."""
        newest = entry.time - entry.time % MINUTE_MS
        account = self._services.settings.account
        for candidate in release.strategies if release is not None else ():
            for back in range(BARS_BACK):
                bar = newest - back * MINUTE_MS
                for name in (entry.symbol, symbol_of(entry.symbol)):
                    # Keys of ledgers from before there were several venues name the symbol alone.
                    if order_key(account, candidate.strategy, name, bar) == ours.key:
                        return candidate.strategy, bar
        return ADOPTED_STRATEGY, newest


def _entry_row(entry: VenueOrder, position: PositionRow) -> OrderRow:
    ours = parse_order_id(entry.client_id)
    return OrderRow(
        client_id=entry.client_id,
        key=ours.key,
        leg=ours.leg,
        n=ours.n,
        symbol=entry.symbol,
        strategy=position.strategy,
        release_id=position.release_id,
        bar_time=position.bar_time,
        side=entry.side,
        kind=entry.kind,
        quantity=entry.quantity,
        trigger_price=None,
        reduce_only=False,
        close_position=False,
        position_id=position.id,
        status=OrderState.FILLED,
        exchange_id=entry.exchange_id,
        cause=position.cause,
        created_at=entry.time,
        updated_at=entry.time,
    )


def _levels(entry: VenueOrder, resting: Iterable[VenueOrder]) -> dict[OrderLeg, float]:
    """Prices where the entry's own stop and target rest: the levels of a lost signal."""
    key = parse_order_id(entry.client_id).key
    ours = [o for o in resting if o.conditional and o.resting and is_ours(o.client_id)]
    found = {parse_order_id(o.client_id): float(o.trigger_price) for o in ours}
    return {order.leg: price for order, price in found.items() if order.key == key}


def steps_after(entry: VenueOrder, orders: Iterable[VenueOrder]) -> list[tuple[VenueOrder, str]]:
    """Additions and partial exits of the same position, with their reasons.

    The reason of an exit is lost with the ledger, and follows from its size.
    """
    key = parse_order_id(entry.client_id).key
    code_of = {leg: code for code, leg in ADDITION_LEGS.items()}
    returns = {ADD_FIRST: REASONS[RETURN_TO_INITIAL], ADD_SECOND: REASONS[RETURN_TO_FIRST]}
    found: list[tuple[VenueOrder, str]] = []
    sold_as: dict[Decimal, str] = {}
    for order in orders:
        if not order.filled > 0 or not is_ours(order.client_id):
            continue
        ours = parse_order_id(order.client_id)
        if ours.key != key or ours.leg is OrderLeg.ENTRY:
            continue
        if ours.leg in code_of:
            sold_as[order.filled] = returns[code_of[ours.leg]]
            found.append((order, REASONS[code_of[ours.leg]]))
        else:
            found.append((order, sold_as.pop(order.filled, REASONS[HALF_CLOSE])))
    return found


def _step_row(order: VenueOrder, entry: OrderRow, reason: str) -> OrderRow:
    ours = parse_order_id(order.client_id)
    return replace(
        entry,
        client_id=order.client_id,
        leg=ours.leg,
        n=ours.n,
        side=order.side,
        kind=order.kind,
        quantity=order.quantity,
        reduce_only=order.reduce_only,
        exchange_id=order.exchange_id,
        status=OrderState.FILLED,
        filled=ZERO,
        average_price=None,
        reason=reason,
        created_at=order.time,
        updated_at=order.time,
    )


def _has_stop(strategy: str, params: dict[str, Any]) -> bool:
    """Whether a stop can be computed without the ATR of the entry, which is lost."""
    rules = get_strategy(strategy).exit_rules(params)
    return rules.stop_loss > 0 or rules.emergency_stop > 0


def _is_entry(order: VenueOrder) -> bool:
    return is_ours(order.client_id) and parse_order_id(order.client_id).leg is OrderLeg.ENTRY
