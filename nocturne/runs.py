"""Back-tests, searches and walk-forwards, with the defaults of the night and the commands."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta

import polars as pl

from nocturne.candles import Candles
from nocturne.results import BacktestResult, SearchResult, WalkForwardResult
from trading.defaults import CAPITAL, FEE_BPS, SLIPPAGE_BPS
from trading.positions.liquidation import Margin
from trading.research.grid import parse_grid
from trading.research.search_task import SearchTask
from trading.research.walk_forward import rolling_folds
from trading.research.walk_forward import walk_forward as _walk_forward
from trading.simulation import Costs
from trading.simulation import backtest as _backtest
from trading.simulation import search as _search
from trading.simulation.forecast_needs import refuse_without_forecasts
from trading.simulation.signal_interval import with_signal_interval
from trading.simulation.summary import RunSummary
from trading.strategies.base import Strategy
from trading.strategies.parameters import Value
from trading.strategies.registry import get_strategy, load_strategy, strategy_names

Grid = Mapping[str, str | Sequence[Value]]
"""Values of each searched parameter: ``"0.4:0.6:0.1"``, ``"0.4,0.5"`` or a list."""

FORECASTS = "take those of a `nocturne.Lake` in which `nocturne flow train` has stored some"


@dataclass(frozen=True, slots=True)
class Terms:
    """Costs in basis points of each fill, the capital, and the backend of a run."""

    fee_bps: float = FEE_BPS
    slippage_bps: float = SLIPPAGE_BPS
    capital: float = CAPITAL
    compiled: bool = True

    def costs(self, candles: Candles) -> Costs:
        """Return the costs of a run over ``candles``, their funding included."""
        margin = Margin(self.capital)
        return Costs(self.fee_bps, self.slippage_bps, margin=margin, funding=dict(candles.funding))


def strategies() -> pl.DataFrame:
    """Return name and summary of every strategy, the user's own included."""
    names = strategy_names()
    summaries = [get_strategy(name).summary for name in names]
    return pl.DataFrame({"name": names, "summary": summaries})


def backtest(
    strategy: str | Strategy | type[Strategy],
    candles: Candles,
    *,
    terms: Terms | None = None,
    **params: Value,
) -> BacktestResult:
    """Back-test one parameter set; those not given keep the strategy's defaults.

    ``strategy`` is a name, ``module:Class``, or the class itself.
    """
    terms = terms or Terms()
    chosen = _strategy(strategy)
    columns = candles.columns
    chosen.refuse_idle(params)
    given = with_signal_interval(chosen, params, columns.interval_ms)
    refuse_without_forecasts(chosen, [given], columns, FORECASTS)
    _enable(terms)
    ran = _backtest(chosen, columns, given, terms.costs(candles), compiled=terms.compiled)
    return BacktestResult(chosen.name, ran, RunSummary.of(ran, columns, terms.capital), candles)


def search(
    strategy: str | Strategy | type[Strategy],
    candles: Candles,
    grid: Grid,
    *,
    terms: Terms | None = None,
    **fixed: Value,
) -> SearchResult:
    """Back-test every combination of ``grid``; ``fixed`` holds for all."""
    terms = terms or Terms()
    task, sets = _task(strategy, candles, grid, terms, fixed)
    found = _search(
        task.strategy, task.candles, sets, task.fixed, task.costs, compiled=terms.compiled
    )
    return SearchResult(task.strategy.name, tuple(grid), found)


def walk_forward(
    strategy: str | Strategy | type[Strategy],
    candles: Candles,
    grid: Grid,
    *,
    train: timedelta = timedelta(days=14),
    test: timedelta = timedelta(days=5),
    purge: timedelta = timedelta(days=1),
    terms: Terms | None = None,
    **fixed: Value,
) -> WalkForwardResult:
    """Choose from ``grid`` in each training span and evaluate the choice in the test after it."""
    terms = terms or Terms()
    task, sets = _task(strategy, candles, grid, terms, fixed)
    times = candles.columns.open_time
    end = int(times[-1]) + candles.columns.interval_ms
    lengths = {"train": _ms(train), "test": _ms(test), "purge": _ms(purge)}
    folds = rolling_folds(int(times[0]), end, **lengths)
    return WalkForwardResult(task.strategy.name, _walk_forward(task, sets, folds))


def _task(
    strategy: str | Strategy | type[Strategy],
    candles: Candles,
    grid: Grid,
    terms: Terms,
    fixed: Mapping[str, Value],
) -> tuple[SearchTask, list[dict[str, Value]]]:
    chosen = _strategy(strategy)
    columns = candles.columns
    sets = parse_grid([f"{name}={_axis(values)}" for name, values in grid.items()], chosen)
    chosen.refuse_idle(fixed, grid)
    given = with_signal_interval(chosen, fixed, columns.interval_ms, tuple(grid))
    every = [{**given, **own} for own in sets.combinations()]
    refuse_without_forecasts(chosen, every, columns, FORECASTS)
    _enable(terms)
    task = SearchTask(chosen, columns, given, terms.costs(candles), terms.compiled)
    return task, sets.combinations()


def _strategy(given: str | Strategy | type[Strategy]) -> Strategy:
    if isinstance(given, Strategy):
        return given
    if isinstance(given, type):
        return given()
    return load_strategy(given) if ":" in given else get_strategy(given)


def _enable(terms: Terms) -> None:
    if terms.compiled:
        from trading.jit.compiler import enable

        enable()


def _axis(values: str | Sequence[Value]) -> str:
    return values if isinstance(values, str) else ",".join(str(value) for value in values)


def _ms(length: timedelta) -> int:
    return round(length.total_seconds() * 1000)
