"""One back-test of a strategy: its market, its backend, its result and what is written of it."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from cli.backtesting.results import measured
from cli.compilation.choice import CANDLE_SECONDS, uses_compiled
from cli.inputs.market import Market, MarketChoice
from cli.inputs.progress import LongRun
from cli.summary.backtest import BacktestReport, EmergencyStop, document_of
from trading.candles import interval_name
from trading.research.marked_drawdown import marked_drawdown
from trading.research.trading_costs import fill_metrics
from trading.simulation import BacktestResult, Costs, Trades
from trading.simulation import backtest as simulate
from trading.simulation.signal_interval import with_signal_interval
from trading.simulation.summary import RunSummary, beyond_emergency
from trading.strategies.base import Strategy
from trading.strategies.parameters import Value


@dataclass(frozen=True, slots=True)
class StrategyRun:
    """A finished back-test; ``given`` are the parameters that were set, ``costs`` hold funding."""

    strategy: Strategy
    given: Mapping[str, Value]
    market: Market
    costs: Costs
    result: BacktestResult
    marked: Mapping[str, float]
    """The drawdown marked at the extremes of each candle."""
    trading_costs: Mapping[str, Any]
    """What the fills paid."""
    seconds_load: float
    seconds_compile: float

    @property
    def signals(self) -> str:
        """The interval that decisions come from."""
        return interval_name(self.strategy.signal_tf(self.result.params))

    @property
    def summary(self) -> RunSummary:
        """Balance, exits and months."""
        return RunSummary.of(self.result, self.market.traded, self.costs.margin.capital)

    @property
    def measures(self) -> dict[str, float | int]:
        """Every measure of the run, those of its costs included."""
        return {**self.result.metrics.as_dict(), **self.marked, **self.trading_costs}

    @property
    def emergency(self) -> EmergencyStop:
        """The emergency stop of the run beside the one of live trades."""
        own = self.strategy.exit_rules(self.result.params).emergency_stop
        live = self.strategy.widest_emergency
        if own > 0.0:
            return EmergencyStop(own, live)
        return EmergencyStop(
            own, live, beyond_emergency(self.result.trades, self.market.traded, live)
        )

    def document(self) -> dict[str, Any]:
        """Return the JSON document."""
        return {
            "strategy": self.strategy.name,
            "candles": self.market.label,
            "signals": self.signals,
            "fee_bps": self.costs.fee_bps,
            "slippage_bps": self.costs.slippage_bps,
            "funding": self.market.funding_source,
            "capital": self.costs.margin.capital,
            "seconds_load": self.seconds_load,
            "seconds_compile": self.seconds_compile + self.result.seconds_compile,
            "seconds_search": self.result.seconds_run,
            "ambiguous_candles": self.result.ambiguous_candles,
            "emergency_stop": self.emergency.simulated,
            "live_emergency_stop": self.emergency.live,
            "beyond_live_emergency_stop": self.emergency.beyond,
            "summary": document_of(self.summary, self.market.gaps_count),
            "results": [measured(self.given, self.result.metrics)],
            **self.marked,
            "dealings": self.trading_costs,
        }

    def text(self) -> str:
        """Return the result for the terminal."""
        return BacktestReport(
            self.strategy.name,
            self.market,
            self.signals,
            self.costs,
            self.summary,
            self.measures,
            self.emergency,
        ).text()

    def write_page(self, target: str) -> None:
        """Write the page with charts."""
        from cli.pages.backtest_page import write_page

        write_page(target, self)


def run_strategy(
    strategy: Strategy, given: Mapping[str, Value], choice: MarketChoice, costs: Costs
) -> StrategyRun:
    """Read the market, choose the backend, simulate; a terminal shows that it works."""
    choice.refuse_none()
    begun = time.perf_counter()
    with LongRun(f"reading candles of {choice.name}"):
        market = choice.load(strategy, given)
    seconds_load = time.perf_counter() - begun
    columns = market.columns
    params = with_signal_interval(strategy, given, columns.interval_ms)
    begun = time.perf_counter()
    compiled = uses_compiled(
        strategy, params, columns.interval_ms, "backtest", lambda: CANDLE_SECONDS * len(columns)
    )
    seconds_compile = time.perf_counter() - begun
    paid = replace(costs, funding=dict(market.funding), forecast_use=choice.forecast_use)
    with LongRun(f"back-testing {strategy.name} over {len(market.traded):,} candles"):
        result = simulate(
            strategy,
            columns,
            params,
            paid,
            trade_from_ms=market.start_ms,
            compiled=compiled,
        )
    marked = {"marked_drawdown": marked_drawdown(market.traded, [result], paid)}
    trading_costs = fill_metrics(result, paid).as_dict()
    return StrategyRun(
        strategy, given, market, paid, result, marked, trading_costs, seconds_load, seconds_compile
    )


def write_trades(target: str, trades: Trades) -> None:
    """Write one row a trade as Parquet; `DataError` if the file cannot be written."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    from trading.errors import DataError

    moment = pa.timestamp("ms", "UTC")
    table = pa.table(
        {
            "signal_time": pa.array(trades.signal_time, pa.int64()).cast(moment),
            "entry_time": pa.array(trades.entry_time, pa.int64()).cast(moment),
            "exit_time": pa.array(trades.exit_time, pa.int64()).cast(moment),
            "side": pa.array(trades.side, pa.int8()),
            "entry_price": pa.array(trades.entry_price, pa.float64()),
            "exit_price": pa.array(trades.exit_price, pa.float64()),
            "net_return": pa.array(trades.net_return, pa.float64()),
            "reason": pa.array(trades.reason.tolist(), pa.string()),
            "funding": pa.array(trades.funding, pa.float64()),
            "risk_wanted": pa.array(trades.risk_wanted, pa.float64(), from_pandas=True),
            "risk_taken": pa.array(trades.risk_taken, pa.float64(), from_pandas=True),
            "bound_by": pa.array(trades.bound_by.tolist(), pa.string()),
        }
    )
    try:
        pq.write_table(table, target, compression="zstd")
    except OSError as error:
        raise DataError(f"--trades {target} cannot be written: {error}") from error
