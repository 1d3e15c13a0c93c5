"""Whether the entries of a release are large enough under the limits that hold."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal

from executor.model import Balance, Instrument
from executor.risk.entry_size import Funds, SizeRequest, size_entry
from executor.risk.evidence_size import size_by_evidence
from executor.settings import Settings
from executor.settings.first_week import FirstWeek
from lake.releases import StrategyEntry
from trading.strategies.base import Strategy
from trading.strategies.registry import get_strategy


@dataclass(frozen=True, slots=True)
class PlannedSize:
    """The notional of an entry and the least that exchange and settings take (quote currency)."""

    entry: StrategyEntry
    notional: Decimal
    least: Decimal
    bound_by: str

    @property
    def enough(self) -> bool:
        """Whether such an entry would be sent."""
        return self.notional >= self.least

    @property
    def text(self) -> str:
        """The entry with its size and what decides it."""
        by = f" (by {self.bound_by})" if self.bound_by else ""
        return (
            f"{self.entry.strategy} on {self.entry.symbol}: {self.notional:.2f}{by},"
            f" at least {self.least:.2f}"
        )


def planned_size(
    entry: StrategyEntry,
    instrument: Instrument,
    balance: Balance,
    price: float,
    settings: Settings,
    share: Decimal,
) -> PlannedSize:
    """Size an entry as the executor would with a share of its limits and nothing else open.

    An entry that is sized by its risk is sized at its widest stop, the emergency stop: with a
    nearer one it is larger.
    """
    leverage = settings.venue_of(instrument.symbol).leverage
    strategy, params = get_strategy(entry.strategy), entry.params
    sizing = strategy.sizing(params)
    limits = FirstWeek(share, until_ms=1).capped(settings.risk, 0)
    rules = strategy.live_rules(params, leverage)
    planned = 1.0 + sum(addition.weight for addition in rules.additions)
    request = SizeRequest(
        price=price,
        stop=price * (1.0 - _widest_stop(strategy, rules.emergency_stop)),
        max_position_size=sizing.share * float(share) / planned,
        risk=sizing.risk * float(share),
        planned=planned,
        size_share=size_by_evidence(entry, settings.live.probation).share,
    )
    funds = Funds(balance.available, balance.wallet, leverage, balance.wallet)
    sized = size_entry(request, funds, limits)
    quantity = instrument.floor_quantity(max(sized.quantity, Decimal(0)))
    smallest = instrument.min_quantity * Decimal(str(price))
    least = max(instrument.min_notional, settings.risk.min_trade_notional, smallest)
    return PlannedSize(entry, quantity * Decimal(str(price)), least, sized.bound_by)


def _widest_stop(strategy: Strategy, emergency: float) -> float:
    return emergency or strategy.widest_emergency or 1.0
