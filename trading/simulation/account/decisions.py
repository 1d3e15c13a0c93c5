"""Decisions, rules and sizing of all strategies on an account, as the kernels read them."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from trading.candles import Floats
from trading.errors import ParameterError
from trading.jit.backends import Backend
from trading.positions.exit_rules import R_GAP, R_TICKS, RULES_SIZE
from trading.positions.forecasts import NO_CHANCES, NO_FORECASTS, EntryForecasts
from trading.positions.liquidation import Margin
from trading.simulation.account.candles import AccountCandles
from trading.simulation.account.inputs import AccountSettings, SymbolMarkets, TradedStrategy
from trading.simulation.account.layout import StrategyColumns
from trading.simulation.backtest import decide
from trading.simulation.search_plan import rules_of, write_sizing
from trading.strategies import priority
from trading.strategies.layout import (
    ACTION,
    ATR,
    CONFIDENCE,
    ENTER,
    HOLD,
    SIDE,
    STOP_PRICE,
    TARGET_PRICE,
)
from trading.strategies.parameters import (
    Value,
)
from trading.strategies.setup import Setup

COLUMNS = [ACTION, ATR, SIDE, STOP_PRICE, TARGET_PRICE]
"""What the account reads of a decision."""


@dataclass(frozen=True)
class DecisionMaker:
    """Lets strategies decide on the candles of their symbols.

    Candles before ``trade_from_ms`` only warm the indicators.
    """

    traded: Sequence[TradedStrategy]
    candles: AccountCandles
    markets: SymbolMarkets
    settings: AccountSettings
    trade_from_ms: int | None = None

    def columns(self, backend: Backend, shares: Sequence[Floats] | None) -> StrategyColumns:
        """Decisions, rules and venues of all strategies, with the ``shares`` that they may take."""
        count, size = len(self.traded), self.candles.size
        rules = np.zeros((count, RULES_SIZE))
        venues: list[float] = []
        decided = np.full((len(COLUMNS), count, size), math.nan)
        confidence = np.full((count, size), math.nan)
        most = None if shares is None else self._shares(shares)
        forecast = np.ones((2, count, size)) if self.settings.forecast_use.is_on else None
        for s, one in enumerate(self.traded):
            params = Setup.of(one.strategy, one.params, self.candles.base_ms).params
            rules[s] = self._rules(one, params)
            filters = self.markets.filters_of(one.symbol)
            venues += [filters.step, filters.min_notional]
            stream = self._decide(one, compiled=backend.compiled)
            rows = self.candles.rows_of(s)
            if forecast is not None:
                forecast[:, s, rows] = self._forecast(one, stream, backend)
            decided[:, s, rows] = stream[:, COLUMNS].T
            confidence[s, rows] = stream[:, CONFIDENCE]
            # A decision that names no side takes the strategy's own.
            sides = decided[COLUMNS.index(SIDE), s]
            sides[sides == 0.0] = one.strategy.side
        if most is not None:
            confidence[most <= 0.0] = math.nan  # an entry that may take nothing outranks no other
        _drop_weaker(self.traded, decided[COLUMNS.index(ACTION)], confidence)
        actions, atrs, sides, stops, targets = (backend.floats(x.reshape(-1)) for x in decided)
        slippage = self.settings.costs.slippage_bps / 10_000.0
        return StrategyColumns(
            symbols=backend.integers(self.candles.symbol_of),
            actions=actions,
            atrs=atrs,
            sides=sides,
            stops=stops,
            targets=targets,
            venues=backend.floats(venues),
            rules=backend.floats(rules.reshape(-1)),
            slippage=backend.floats([slippage] * count),
            shares=backend.floats(np.empty(0) if most is None else most.reshape(-1)),
            scales=backend.floats(np.empty(0) if forecast is None else forecast[0].reshape(-1)),
            swings=backend.floats(np.empty(0) if forecast is None else forecast[1].reshape(-1)),
        )

    def _forecast(self, one: TradedStrategy, stream: Floats, backend: Backend) -> Floats:
        """Apply forecasts to the entries of ``stream``; return scales and swings of all rows."""
        columns = self.candles.candles[one.symbol]
        scales_and_swings = np.stack((np.ones(len(stream)), stream[:, ATR]))
        rows = np.flatnonzero(stream[:, ACTION] == ENTER)
        known = self.markets.forecasts.get(one.symbol, NO_FORECASTS)
        closes = columns.open_time[rows] + columns.interval_ms
        found = EntryForecasts(known, self.settings.forecast_use).applied(
            closes,
            columns.close[rows],
            stream[rows, ATR],
            Setup.of(one.strategy, one.params, columns.interval_ms).filter_ms,
            backend,
        )
        stream[rows, ATR] = found.atrs
        chances = self.markets.chances.get((one.strategy.name, one.symbol), NO_CHANCES)
        taken = chances.taken(closes, self.settings.forecast_use)
        stream[rows[(np.asarray(found.made) == 0.0) | ~taken], ACTION] = HOLD
        scales_and_swings[:, rows] = found.scales, found.swings
        return scales_and_swings

    def _decide(self, one: TradedStrategy, *, compiled: bool) -> Floats:
        columns = self.candles.candles[one.symbol]
        stream = decide(one.strategy, columns, one.params, compiled=compiled)
        if self.trade_from_ms is not None:
            stream[columns.open_time < self.trade_from_ms, ACTION] = HOLD
        return stream

    def _rules(self, one: TradedStrategy, params: Mapping[str, Value]) -> Floats:
        profile = self.settings.profile
        if profile is not None:
            # As the executor protects a position: levels off the grid, the maintenance of the
            # rules; fees and spread are the exchange's.
            own = profile.rules_of(one.strategy, params)
            row = np.array(own.layout(one.strategy.side))
            write_sizing(row, one.strategy.sizing(params))
            return row
        filters = self.markets.filters_of(one.symbol)
        # Quantities here are those of the venue: notionals are in quote currency already.
        costs = replace(self.settings.costs, margin=Margin(1.0, filters.brackets))
        rules = rules_of(one.strategy, params, costs)
        rules[R_GAP] = 1.0
        rules[R_TICKS] = filters.ticks
        return rules

    def _shares(self, shares: Sequence[Floats]) -> Floats:
        """Return the shares as the kernels read them (strategies x rows).

        `ParameterError` unless each candle has one of 0 or more.
        """
        most = np.full((len(self.traded), self.candles.size), math.inf)
        for s, (one, own) in enumerate(zip(self.traded, shares, strict=True)):
            count = len(self.candles.candles[one.symbol])
            if own.shape != (count,) or not (own >= 0.0).all():
                raise ParameterError(
                    f"{one.strategy.name} on {one.symbol}: shares are needed of 0 or more for each"
                    f" of the {count} candles"
                )
            most[s, self.candles.rows_of(s)] = own
        return most


def _drop_weaker(traded: Sequence[TradedStrategy], actions: Floats, confidence: Floats) -> None:
    """Hold where another strategy enters the same symbol at the same moment with a better signal.

    Changes ``actions`` (strategies x rows). A row belongs to one symbol, so only strategies on that
    symbol have a decision there. Entries without a confidence are left to the strategies' order.
    """
    rated = np.where((actions == ENTER) & ~np.isnan(confidence), confidence, -1.0)
    places = [priority.priority_of(one.strategy.name) for one in traded]
    taken = np.zeros(actions.shape[1], dtype=bool)
    for rate in sorted(set(rated[rated >= 0.0].tolist()), reverse=True):
        for s in sorted(range(len(traded)), key=lambda s: places[s]):
            enters = rated[s] == rate
            actions[s, enters & taken] = HOLD
            taken |= enters
