"""`nocturne backtest` with filters and impact, on the account simulation."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from trading.candles import CandleColumns
    from trading.simulation import Costs
    from trading.strategies.base import Strategy
    from trading.strategies.parameters import Value


@dataclass(frozen=True, slots=True)
class VenueOptions:
    """Funding rates (a Parquet file), filters and impact; nothing by default."""

    funding: Path | None = None
    tick: float = 0.0
    step: float = 0.0
    min_notional: float = 0.0
    impact: float = 0.0

    @property
    def needs_account(self) -> bool:
        """Whether an option needs position sizes; funding alone does not."""
        return bool(self.tick or self.step or self.min_notional or self.impact)

    @property
    def given(self) -> list[str]:
        """The options that were given."""
        return [f"--{name.replace('_', '-')}" for name, value in asdict(self).items() if value]


@dataclass(frozen=True, slots=True)
class VenueRun:
    """One back-test with a venue's rules; ``costs`` hold the capital and the brackets."""

    strategy: Strategy
    candles: Path
    fixed: Mapping[str, Value]
    costs: Costs
    venue: VenueOptions
    trades_out: str | None


def whole_account(
    strategy: Strategy, params: dict[str, Value], candles: CandleColumns
) -> dict[str, Value]:
    """Return the parameters with the whole account for a position, unless they give a share.

    A strategy that divides the account itself keeps its parameters.
    """
    from trading.errors import ParameterError
    from trading.strategies.setup import Setup

    whole = {"max_position_size": 1.0} | params
    try:
        Setup.of(strategy, whole, candles.interval_ms)
    except ParameterError:
        return params
    return whole


def run_venue(wanted: VenueRun) -> dict[str, Any]:
    """Return the JSON document; a position takes the whole equity if it may (`whole_account`)."""
    from cli.backtesting.account import trades_table, write_table
    from cli.backtesting.account_file import read_funding
    from cli.backtesting.results import enable_compiling
    from cli.inputs.candle_files import read_candles
    from trading.research.account_metrics import account_metrics
    from trading.simulation.account.simulation import (
        AccountLimits,
        AccountSettings,
        SymbolFilters,
        SymbolMarkets,
        TradedStrategy,
        simulate_account,
    )
    from trading.simulation.signal_interval import with_signal_interval

    begun = time.perf_counter()
    venue, margin, symbol = wanted.venue, wanted.costs.margin, wanted.candles.stem
    columns = read_candles(wanted.candles)
    funding = {} if venue.funding is None else {symbol: read_funding(venue.funding)}
    seconds_load = time.perf_counter() - begun
    params = with_signal_interval(wanted.strategy, wanted.fixed, columns.interval_ms)
    traded = TradedStrategy(
        wanted.strategy, symbol, whole_account(wanted.strategy, params, columns)
    )
    enable_compiling()
    begun = time.perf_counter()
    filters = SymbolFilters(venue.step, venue.min_notional, margin.brackets, tick=venue.tick)
    limits = AccountLimits(max_exposure=float("inf"), daily_loss=1.0, impact=venue.impact)
    run = simulate_account(
        [traded],
        SymbolMarkets({symbol: columns}, {symbol: filters}, funding),
        AccountSettings(margin.capital, wanted.costs, limits),
    )
    seconds = time.perf_counter() - begun
    write_table(wanted.trades_out, "--trades", lambda: trades_table([traded], run))
    given = {name: value for name, value in asdict(venue).items() if value}
    measures = account_metrics(run, margin.capital).as_dict()
    return {
        "strategy": wanted.strategy.name,
        "candles": str(wanted.candles),
        "fee_bps": wanted.costs.fee_bps,
        "slippage_bps": wanted.costs.slippage_bps,
        "capital": margin.capital,
        "venue": given | ({"funding": str(venue.funding)} if venue.funding else {}),
        "seconds_load": seconds_load,
        "seconds_search": seconds,
        "ambiguous_candles": run.ambiguous_candles,
        "refused": dict(run.refused),
        "equity": run.wallet,
        "results": [{"params": dict(wanted.fixed), **measures}],
    }


def text_of(document: Mapping[str, Any]) -> str:
    """Format each measure on its own line, then the entries that were refused."""
    from cli.backtesting.account import shown
    from flows.report.tables import said_instead

    (found,) = document["results"]
    lines = {
        name: said_instead(name, found) or shown(name, value)
        for name, value in found.items()
        if name != "params"
    }
    lines |= {f"refused: {name}": f"{n:,}" for name, n in document["refused"].items() if n}
    width = max(len(name) for name in lines)
    return "\n".join(f"{name:<{width}}  {value:>14}" for name, value in lines.items())
