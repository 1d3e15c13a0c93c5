"""Whether a signal may become an entry, and the position that it would open."""

from __future__ import annotations

import json
from dataclasses import replace
from decimal import Decimal

from executor.bus.events import Event
from executor.ledger.records import PositionRow
from executor.model import ZERO
from executor.portfolio.account_snapshot import AccountSnapshot
from executor.portfolio.portfolio import Portfolio
from executor.portfolio.position_state import open_position
from executor.risk.pre_trade import EntryRequest, RiskVerdict, check_entry
from executor.services import Services
from executor.strategy.signal import Signal
from executor.strategy.signal_engine import SignalEngine
from trading.order_ids import order_key
from trading.strategies.registry import get_strategy


class EntryCheck:
    """Checks entries against the release's allocation and the risk limits."""

    def __init__(
        self,
        services: Services,
        portfolio: Portfolio,
        signal_engine: SignalEngine,
        account: AccountSnapshot,
    ) -> None:
        self._services = services
        self._portfolio = portfolio
        self._signal_engine = signal_engine
        self._account = account

    def evaluate(self, event: Event[Signal], row: PositionRow) -> RiskVerdict:
        """Whether the entry may be made, with its size or every reason against it."""
        signal = event.payload
        instrument = self._portfolio.instruments.get(signal.symbol)
        if instrument is None:
            return _refused(f"{signal.symbol} is not listed at the exchange")
        allocation = self._signal_engine.allocation_of(signal)
        if allocation.reason:
            return _refused(allocation.reason)
        request = self._request(event, row, allocation.most)
        account = self._account.state(signal.symbol)
        return check_entry(request, account, self._services.settings.risk, instrument)

    def _request(self, event: Event[Signal], row: PositionRow, most: float) -> EntryRequest:
        """The entry with its levels at the decision's price, within ``most`` of the equity."""
        signal = event.payload
        position = open_position(replace(row, quantity=Decimal(1), entry_price=signal.price))
        sizing = get_strategy(signal.strategy).sizing(row.params)
        planned = 1.0 + sum(addition.weight for addition in position.rules.additions)
        return EntryRequest(
            symbol=signal.symbol,
            strategy=signal.strategy,
            side=signal.side,
            price=signal.price,
            last_price=self._portfolio.slot(signal.symbol).last_price or signal.price,
            max_position_size=min(sizing.share, most / planned),
            stop_price=position.protective_price,
            emergency_price=position.emergency_price,
            target_price=position.take_profit_price,
            risk=sizing.risk,
            planned=planned,
            age_s=(self._services.clock.now_ms() - event.time) / 1000,
        )


def position_of(event: Event[Signal], account: str, leverage: int) -> PositionRow:
    """The position that a signal would open."""
    signal = event.payload
    return PositionRow(
        id=0,
        symbol=signal.symbol,
        strategy=signal.strategy,
        side=signal.side,
        status="opening",
        quantity=ZERO,
        entry_price=0.0,
        opened_at=event.time,
        release_id=signal.release_id,
        release_short=signal.release_short,
        key=order_key(account, signal.strategy, signal.symbol, signal.bar_time),
        bar_time=signal.bar_time,
        params=json.loads(json.dumps(dict(signal.params), default=str)),
        atr=signal.levels.atr or 0.0,
        high_water=0.0,
        cause=event.id,
        stop_price=signal.levels.stop,
        target_price=signal.levels.target,
        confidence=signal.confidence,
        leverage=leverage,
    )


def _refused(reason: str) -> RiskVerdict:
    return RiskVerdict(ZERO, (reason,))
