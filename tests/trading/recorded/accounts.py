"""What accounts of several strategies trade on recorded candles, as lines of text."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache

import numpy as np

from tests.trading import engines
from tests.trading.account_runs import run_account
from tests.trading.recorded.markets import coarse, number, real, total
from tests.trading.recorded.trades import EAGER, MORE_RULES, shown
from trading.candles import HOUR_MS, CandleColumns
from trading.positions.exit_rules import ExitRules
from trading.positions.liquidation import brackets_of
from trading.simulation import Costs
from trading.simulation.account.simulation import (
    AccountLimits,
    AccountResult,
    ExchangeProfile,
    SymbolFilters,
    TradedStrategy,
)
from trading.strategies.registry import get_strategy
from trading.strategies.technical.rsi_bollinger import RsiBollinger

WIDE = AccountLimits(max_positions=20, max_exposure=50.0, daily_loss=1.0)
FILTERS = {
    "BTCUSDT": SymbolFilters(0.001, 100.0, tick=0.1),
    "ETHUSDT": SymbolFilters(0.01, 20.0, brackets_of([(125, 3_000, 0.004), (50, 1e6, 0.01)]), 0.01),
}
MOST = 5


@cache
def candles() -> dict[str, CandleColumns]:
    """Two symbols over one midnight; the second is coarse and begins later."""
    return {
        "BTCUSDT": real("BTCUSDT", 6_500, 1_000),
        "ETHUSDT": coarse("ETHUSDT", 6_550, 900, 0.5),
    }


def trader(
    rules: str, symbol: str = "BTCUSDT", share: float = 0.2, side: int = 1, **values: object
) -> TradedStrategy:
    """A strategy that enters often, with the exits of ``rules``."""
    chosen: ExitRules = {**engines.RULES, **MORE_RULES}[rules]
    strategy = engines.with_rules(RsiBollinger, chosen, side)
    return TradedStrategy(strategy, symbol, {**EAGER, "max_position_size": share, **values})


def funded() -> dict[str, dict[int, float]]:
    """Rates every 40 minutes, of both signs."""
    return {
        symbol: {int(t): (-1.0) ** n * 2e-4 for n, t in enumerate(c.open_time[7::40].tolist())}
        for symbol, c in candles().items()
    }


def everything() -> AccountResult:
    """Many rules on two symbols, with limits, funding, impact and the filters of a venue."""
    traded = [
        trader("ladder, trailing"),
        trader("additions, trailing", "ETHUSDT", 0.3, -1),
        trader("by ATR", side=-1),
        trader("averaged, guarded", "ETHUSDT", 0.25),
        trader("fixed", sizing="risk", risk=0.0005),
    ]
    limits = AccountLimits(max_positions=2, max_exposure=0.5, daily_loss=0.02, impact=0.0005)
    start = int(candles()["BTCUSDT"].open_time[60])
    return run_account(
        traded,
        candles(),
        Costs(4.0, 1.0, 2.0),
        limits,
        filters=FILTERS,
        funding=funded(),
        trade_from_ms=start,
        compiled=False,
    )


def shared() -> AccountResult:
    """Entries that may take a share of the account which changes, on leverage."""
    traded = [trader("liquidation", share=1.0), trader("dynamic leverage", "ETHUSDT", 0.5, -1)]
    shares = [
        np.tile([0.0, 0.1, 0.25, 0.6], 250),
        np.repeat([0.3, 0.05, 0.0], 300),
    ]
    return run_account(
        traded, candles(), Costs(), WIDE, filters=FILTERS, shares=shares, compiled=False
    )


def refused() -> AccountResult:
    """Entries that are too small, too many, or too large together."""
    filters = {
        "BTCUSDT": SymbolFilters(0.002, 900.0, tick=0.5),
        "ETHUSDT": SymbolFilters(0.1, 1_490.0, tick=0.05),
    }
    traded = [
        trader("fixed", sizing="turtle", unit_risk=0.0003),
        trader("averaged, guarded", share=0.3),
        trader("trailing", "ETHUSDT", sizing="volatility", volatility_target=0.0004),
        trader("time", "ETHUSDT", 0.6),
    ]
    limits = AccountLimits(max_positions=1, max_exposure=0.55, daily_loss=0.02)
    costs = Costs(1.0, 2.0)
    return run_account(
        traded, candles(), costs, limits, filters=filters, funding=funded(), compiled=False
    )


def losing() -> AccountResult:
    """An account whose days end at a loss of three tenths of a percent."""
    traded = [trader("fixed", share=1.0), trader("time", "ETHUSDT", 1.0)]
    limits = AccountLimits(max_positions=2, max_exposure=2.0, daily_loss=0.003)
    return run_account(traded, candles(), Costs(2.0), limits, compiled=False)


def exchanged(*rules: str, leverage: int = 5) -> AccountResult:
    """The fills of the executor at the exchange."""
    sides = [1, -1, 1, -1]
    traded = [
        trader(name, symbol, 0.25, sides[place])
        for symbol in ("BTCUSDT", "ETHUSDT")
        for place, name in enumerate(rules)
    ]
    limits = AccountLimits(max_positions=2, max_exposure=1.0, daily_loss=0.02)
    return run_account(
        traded,
        candles(),
        Costs(5.0),
        limits,
        filters=FILTERS,
        funding=funded(),
        profile=ExchangeProfile(leverage),
        compiled=False,
    )


def alike() -> AccountResult:
    """Positions that would be the same bet are refused, once a month of hours is known."""
    hours = {s: real(s, 1_000, 14 * 1_440).higher(HOUR_MS) for s in ("BTCUSDT", "ETHUSDT")}
    values = {**EAGER, "signal_tf": "1h", "filter_tf": "4h", "max_position_size": 0.3}
    traded = [TradedStrategy(get_strategy("rsi_bollinger"), symbol, values) for symbol in hours]
    limits = AccountLimits(max_exposure=10.0, daily_loss=1.0, max_correlation=0.75)
    return run_account(traded, hours, Costs(), limits, compiled=False)


CASES: dict[str, Callable[[], AccountResult]] = {
    "everything": everything,
    "shared": shared,
    "refused": refused,
    "losing": losing,
    "exchange, simple": lambda: exchanged("fixed", "trailing"),
    "exchange, staged": lambda: exchanged("ladder, trailing", "additions", leverage=3),
    "exchange, guarded": lambda: exchanged("guard", "averaged, guarded", leverage=50),
    "exchange, by ATR": lambda: exchanged("by ATR", "time", "emergency"),
    "exchange, half closed": lambda: exchanged("exit after half", "whole ladder"),
    "alike": alike,
}


def lines_of(run: AccountResult) -> list[str]:
    """Return the account at the end, refusals, sums of all columns, first trades and fills."""
    lines = [
        f"wallet {number(run.wallet)}, funding {number(run.funding_paid)}",
        f"ambiguous candles: {run.ambiguous_candles}",
        *(f"refused, {reason}: {count}" for reason, count in run.refused.items()),
        f"equity: {total(run.equity)}",
    ]
    names = [
        name
        for name in run.__dataclass_fields__
        if name not in ("moments", "equity", "wallet", "funding_paid", "ambiguous_candles")
        and name not in ("refused", "fills")
    ]
    lines += [f"{name}: {total(getattr(run, name))}" for name in names]
    for row in range(min(len(run), MOST)):
        lines.append(" ".join(shown(getattr(run, name)[row]) for name in names))
    if run.fills is not None:
        fields = list(run.fills.__dataclass_fields__)
        lines += [f"fills, {name}: {total(getattr(run.fills, name))}" for name in fields]
        for row in range(min(len(run.fills.time), MOST)):
            lines.append(" ".join(shown(getattr(run.fills, name)[row]) for name in fields))
    return lines


def recorded() -> dict[str, list[str]]:
    """Return the lines of every case."""
    return {name: lines_of(run()) for name, run in CASES.items()}
