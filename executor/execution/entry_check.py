"""Whether a signal may become an entry."""

from __future__ import annotations

from dataclasses import replace

from executor.bus.events import Event
from executor.ledger.records import PositionRow
from executor.model import ZERO, venue_of
from executor.portfolio.account_snapshot import AccountSnapshot
from executor.portfolio.portfolio import Portfolio
from executor.portfolio.position_state import (
    entered_position,
    live_rules_of,
    sizing_of,
)
from executor.risk.pre_trade import EntryRequest, RiskVerdict, check_entry
from executor.risk.trading_state import TradingState, strategy_is_off
from executor.services import Services
from executor.strategy.forecasts import ForecastEffect
from executor.strategy.signal import Signal
from executor.strategy.signal_engine import SignalEngine


class EntryCheck:
    """Checks entries against the release's allocation and the risk limits."""

    def __init__(
        self,
        services: Services,
        portfolio: Portfolio,
        signal_engine: SignalEngine,
        account: AccountSnapshot,
        trading_state: TradingState,
    ) -> None:
        self._services = services
        self._portfolio = portfolio
        self._signal_engine = signal_engine
        self._account = account
        self._trading_state = trading_state

    def evaluate(
        self, event: Event[Signal], row: PositionRow, effect: ForecastEffect
    ) -> RiskVerdict:
        """Whether the entry may be made, with its size or every reason against it.

        ``row`` has the levels that the forecast's ``effect`` gives it.
        """
        signal = event.payload
        if effect.refusal:
            return _refused(effect.refusal)
        instrument = self._portfolio.instruments.get(signal.symbol)
        if instrument is None:
            return _refused(f"{signal.symbol} is not listed at the exchange")
        off = strategy_is_off(self._services, self._trading_state, signal.strategy)
        if off:
            return _refused(off)
        allocation = self._signal_engine.allocation_of(signal)
        if allocation.reason:
            return _refused(allocation.reason)
        if (
            signal.side < 0
            and not self._services.venue_of(signal.symbol).capabilities.short_selling
        ):
            return _refused(f"{venue_of(signal.symbol)} cannot sell short")
        foreign = self._portfolio.slot(signal.symbol).foreign
        if foreign * signal.side < 0:
            return _refused(f"a foreign position of {foreign} stands against it")
        limits = self._services.risk
        account = self._account.state(signal.symbol, row.leverage)
        request = self._request(event, row, allocation.most, effect)
        verdict = check_entry(request, account, limits, instrument)
        if verdict.risk is not None and allocation.facts is not None:
            known = replace(verdict.risk, allocation=allocation.facts)
            verdict = replace(verdict, risk=known)
        if effect.facts is None or verdict.risk is None:
            return verdict
        plain = replace(row, atr=signal.levels.atr or 0.0)
        without = check_entry(
            self._request(event, plain, allocation.most, ForecastEffect()),
            account,
            limits,
            instrument,
        )
        known = replace(
            verdict.risk,
            forecast=dict(effect.facts),
            without_forecast=f"{without.quantity:f}",
        )
        return replace(verdict, risk=known)

    def _request(
        self, event: Event[Signal], row: PositionRow, most: float, effect: ForecastEffect
    ) -> EntryRequest:
        """The entry with its levels at the decision's price, within ``most`` of the equity."""
        signal = event.payload
        sizing = sizing_of(signal.strategy, row.params)
        rules = live_rules_of(signal.strategy, row.params, row.leverage)
        position = entered_position(row, rules, signal.price, 1.0)
        planned = 1.0 + sum(addition.weight for addition in rules.additions)
        share = min(sizing.share, most / planned)
        first_week = float(self._services.first_week.share_at(self._services.clock.now_ms()))
        return EntryRequest(
            symbol=signal.symbol,
            strategy=signal.strategy,
            side=signal.side,
            price=signal.price,
            last_price=self._portfolio.slot(signal.symbol).last_price or signal.price,
            max_position_size=share * first_week,
            stop_price=position.protective_price,
            emergency_price=position.emergency_price,
            target_price=position.take_profit_price,
            risk=sizing.risk * first_week,
            risk_distance=_risk_distance(row.atr, sizing.atrs),
            share_limit="ensemble" if share < sizing.share else "max_position_size",
            planned=planned,
            size_share=min(signal.size.share, effect.evidence),
            forecast_share=effect.share,
            age_s=(self._services.clock.now_ms() - event.time) / 1000,
        )


def _risk_distance(atr: float, atrs: float) -> float | None:
    """The move that counts as the risk: 0 for the stop's own, None where the ATR is not known."""
    if atrs == 0.0:
        return 0.0
    return atr * atrs if atr > 0.0 else None


def _refused(reason: str) -> RiskVerdict:
    return RiskVerdict(ZERO, (reason,))
