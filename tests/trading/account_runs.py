"""Runs of the account simulation, with the settings of a test given by name."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from trading.candles import CandleColumns
from trading.simulation import Costs
from trading.simulation.account.simulation import (
    AccountLimits,
    AccountResult,
    AccountSettings,
    SymbolMarkets,
    TradedStrategy,
    simulate_account,
)

FREE = AccountLimits(max_exposure=100.0, daily_loss=1.0)
"""Limits that hardly ever bind."""


def run_account(
    traded: Sequence[TradedStrategy],
    candles: Mapping[str, CandleColumns],
    costs: Costs,
    limits: AccountLimits = FREE,
    **options: Any,
) -> AccountResult:
    """Return the account of 10,000 unless ``balance`` says otherwise."""
    markets = SymbolMarkets(candles, options.pop("filters", {}), options.pop("funding", {}))
    balance, profile = options.pop("balance", 10_000.0), options.pop("profile", None)
    settings = AccountSettings(balance, costs, limits, profile)
    return simulate_account(traded, markets, settings, **options)
