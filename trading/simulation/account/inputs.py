"""What an account simulation is given: the strategies, the account, and the symbols' markets."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from trading.candles import CandleColumns
from trading.errors import ParameterError
from trading.positions.exit_rules import ExitRules
from trading.positions.forecasts import EntryChances, ForecastUse, VolatilityForecasts
from trading.positions.liquidation import MAJOR, Bracket
from trading.simulation.results import Costs
from trading.strategies.base import (
    Strategy,
)
from trading.strategies.parameters import (
    Value,
)


@dataclass(frozen=True, slots=True)
class TradedStrategy:
    """One strategy on one symbol; those that come first have priority."""

    strategy: Strategy
    symbol: str
    params: Mapping[str, Value] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class AccountLimits:
    """What the account allows: shares of the equity, and the number of positions.

    ``daily_loss`` refuses entries once the equity, open profit included, has fallen that far below
    the start of the UTC day. ``impact`` adds slippage, as a factor of the root of the participation
    in the candle's turnover. ``max_correlation`` refuses a position whose correlation with an open
    one, over the last 30 days, is above it or unknown (`trading.market.correlation`); 1 switches it
    off.
    """

    max_positions: int = 10
    max_exposure: float = 1.0
    daily_loss: float = 0.06
    impact: float = 0.0
    max_correlation: float = 1.0


@dataclass(frozen=True, slots=True)
class SymbolFilters:
    """What a symbol's venue requires.

    ``step`` of quantities, the least notional, brackets of the maintenance margin, and ``tick`` of
    prices. Resting stops and targets lie on the nearest tick.
    """

    step: float = 0.0
    min_notional: float = 0.0
    brackets: tuple[Bracket, ...] = MAJOR
    tick: float = 0.0

    @property
    def ticks(self) -> float:
        """Ticks per unit, 0 for none; whole where a tick is a share of 1, so prices are exact."""
        if not self.tick > 0.0:
            return 0.0
        return float(round(1.0 / self.tick)) if self.tick < 1.0 else 1.0 / self.tick

    def grid(self, symbol: str, costs: Costs) -> tuple[float, ...]:
        """Return a row for the exchange fills: ticks and steps per unit, fee, least notional.

        `ParameterError` without a tick or a step.
        """
        if not (self.tick > 0.0 and self.step > 0.0):
            raise ParameterError(
                f"{symbol}: the profile exchange needs its tick and step; give both in its filters"
            )
        steps = float(round(1.0 / self.step)) if self.step < 1.0 else 1.0 / self.step
        return self.ticks, steps, costs.fee_bps / 10_000.0, self.min_notional, 0.0, 0.0


@dataclass(frozen=True, slots=True)
class ExchangeProfile:
    """The fill profile `exchange`: what the executor would trade at the sandbox exchange.

    ``leverage`` is the account's there; one that follows the ATR is at most ``max_leverage``.
    Candles are 1m, and every symbol has a tick and a step. In
    minutes without a candle the last price stands: orders trade at it, and nothing is decided. All
    fills pay the taker's fee; the spread of a tick replaces slippage. A position that is open at
    the end is not a trade.
    """

    leverage: int = 5
    max_leverage: int = 10

    def rules_of(self, strategy: Strategy, params: Mapping[str, Value]) -> ExitRules:
        """Return the exits as the executor applies them, and its leverage."""
        wanted = strategy.exit_rules(params)
        if not wanted.target_volatility:
            return strategy.live_rules(params, self.leverage)
        most = int(min(wanted.leverage, self.max_leverage))
        own = strategy.live_rules(params, most)
        return replace(own, target_volatility=wanted.target_volatility)

    def check(self, costs: Costs, limits: AccountLimits) -> None:
        """`ParameterError` for costs that no order has there."""
        maker = costs.fee_bps if costs.maker_fee_bps is None else costs.maker_fee_bps
        if costs.slippage_bps or limits.impact or maker != costs.fee_bps:
            raise ParameterError(
                "the profile exchange trades at the quotes of the exchange and pays one fee; leave"
                " slippage_bps, impact and maker_fee_bps out"
            )


@dataclass(frozen=True, slots=True)
class AccountSettings:
    """The account: its ``balance`` at the start (quote currency), costs, limits, fill profile.

    ``forecast_use`` says what the markets' forecasts change in an entry.
    """

    balance: float
    costs: Costs = field(default_factory=Costs)
    limits: AccountLimits = field(default_factory=AccountLimits)
    profile: ExchangeProfile | None = None
    forecast_use: ForecastUse = field(default_factory=ForecastUse)

    def check(self) -> None:
        """`ParameterError` for an account that cannot trade."""
        if self.profile is not None:
            self.profile.check(self.costs, self.limits)
        if self.costs.forecast_use.is_on:
            raise ParameterError("an account has its own forecast_use; leave out that of the costs")
        if self.costs.funding:
            raise ParameterError(
                "an account pays funding by symbol; give its rates in the funding of the markets"
            )
        if self.balance <= 0.0:
            raise ParameterError(
                f"balance = {self.balance:g} is not positive; give what the account holds"
            )


@dataclass(frozen=True, slots=True)
class SymbolMarkets:
    """Candles, venue filters and funding rates by symbol.

    Funding has rates by time (ms): longs pay a positive rate at the open of the first candle at
    that time. ``forecasts`` are of the volatility of the next hour, ``chances`` that an entry of a
    strategy on a symbol wins.
    """

    candles: Mapping[str, CandleColumns]
    filters: Mapping[str, SymbolFilters] = field(default_factory=dict)
    funding: Mapping[str, Mapping[int, float]] = field(default_factory=dict)
    forecasts: Mapping[str, VolatilityForecasts] = field(default_factory=dict)
    chances: Mapping[tuple[str, str], EntryChances] = field(default_factory=dict)

    def filters_of(self, symbol: str) -> SymbolFilters:
        """Return the filters of ``symbol``; without any, nothing is required."""
        return self.filters.get(symbol, SymbolFilters())
