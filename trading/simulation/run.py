"""Running simulations: one parameter set (`backtest`) or a grid of them (`search`), compiled or
plain.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from trading.candles import DAY_MS, CandleColumns, Floats, Integers
from trading.decider import Setup
from trading.errors import DataError, ParameterError
from trading.metrics import SUMS_SIZE, metrics_of
from trading.position import POSITION_SIZE, REASONS
from trading.simulation import kernels
from trading.simulation.kernels import Speed
from trading.simulation.lifecycle import STREAM_WIDTH
from trading.simulation.results import BacktestResult, Costs, SearchResult, SearchRow, Trades
from trading.strategies.base import Strategy, Value


def decide(
    strategy: Strategy,
    candles: CandleColumns,
    params: Mapping[str, Value],
    *,
    compiled: bool = True,
) -> Floats:
    """The decision stream: for each candle action, reason code, seen, limit and ATR (n x 5)."""
    setup = Setup.of(strategy, params, candles.interval_ms)
    stream = _decide(kernels.speed(compiled), setup, candles)
    return np.asarray(stream, dtype=np.float64).reshape(-1, STREAM_WIDTH)


def backtest(
    strategy: Strategy,
    candles: CandleColumns,
    params: Mapping[str, Value],
    costs: Costs,
    *,
    trade_from_ms: int | None = None,
    compiled: bool = True,
) -> BacktestResult:
    """Simulate one parameter set candle by candle with the whole equity.

    Candles before ``trade_from_ms`` only warm the indicators. `DataError` without candles.
    """
    setup = Setup.of(strategy, params, candles.interval_ms)
    run = _Span(candles, trade_from_ms)
    speed = kernels.speed(compiled)
    seconds_compile = _ready_to_backtest(speed, setup, costs)
    started = time.perf_counter()
    stream = _decide(speed, setup, candles)
    rows, prices, count, sums, daily = _simulate(speed, candles, stream, _rules(setup, costs), run)
    trades = _trades(candles, np.asarray(rows), np.asarray(prices), count)
    metrics = metrics_of(sums, run.days, run.candles)
    return BacktestResult(
        params=setup.params,
        trades=trades,
        metrics=metrics,
        equity=np.multiply.accumulate(1.0 + trades.net_return, dtype=np.float64),
        days=run.day_starts,
        daily_returns=np.asarray(daily, dtype=np.float64),
        seconds_compile=seconds_compile,
        seconds_run=time.perf_counter() - started,
    )


def search(
    strategy: Strategy,
    candles: CandleColumns,
    grid: Sequence[Mapping[str, Value]],
    fixed: Mapping[str, Value],
    costs: Costs,
    *,
    trade_from_ms: int | None = None,
    compiled: bool = True,
) -> SearchResult:
    """Simulate every combination of ``grid`` (each with ``fixed`` added), in the order given.

    The result of a combination is that of :func:`backtest`; signals are found once for all
    combinations that share them. `ParameterError` when the grid is empty.
    """
    if not grid:
        raise ParameterError("the grid is empty; give at least one combination")
    run = _Span(candles, trade_from_ms)
    speed = kernels.speed(compiled)
    base = strategy.resolve(fixed)
    setup = Setup.of(strategy, {**fixed, **grid[0]}, candles.interval_ms)
    seconds_compile = _ready_to_search(speed, setup, costs)
    started = time.perf_counter()
    setups = [
        Setup.resolved(strategy, strategy.refine(base, values), candles.interval_ms)
        for values in grid
    ]
    engine = kernels.FastEngine(speed, candles, run.first_row, run.first_day, run.days)
    sums = np.empty((len(setups), SUMS_SIZE))
    daily = np.zeros((len(setups), run.days))
    for members in _by_signals(setups):
        rules = np.concatenate([_rules(setups[m], costs) for m in members])
        sums[members], daily[members] = engine.run(setups[members[0]], rules)
    results = [
        SearchRow(setup.params, metrics_of(row, run.days, run.candles))
        for setup, row in zip(setups, sums.tolist(), strict=True)
    ]
    seconds = time.perf_counter() - started
    return SearchResult(results, daily, run.day_starts, seconds_compile, seconds)


class _Span:
    """The part of the candles that is traded, and its calendar days."""

    def __init__(self, candles: CandleColumns, trade_from_ms: int | None) -> None:
        if len(candles) == 0:
            raise DataError("there are no candles to simulate")
        first = 0
        if trade_from_ms is not None:
            first = int(np.searchsorted(candles.open_time, trade_from_ms))
        if first == len(candles):
            raise DataError(f"no candle opens at or after the start of trading, {trade_from_ms} ms")
        self.first_row = first
        self.candles = len(candles) - first
        self.first_day = int(candles.open_time[first]) // DAY_MS
        self.days = int(candles.open_time[-1]) // DAY_MS - self.first_day + 1

    @property
    def day_starts(self) -> Integers:
        """Starts of the UTC days, ms."""
        return (self.first_day + np.arange(self.days, dtype=np.int64)) * DAY_MS


def _decide(speed: Speed, setup: Setup, candles: CandleColumns) -> Any:
    stream: Any = speed.floats(STREAM_WIDTH * len(candles))
    bars, filters, state, par, out = (speed.buffer(b) for b in setup.buffers())
    speed.decide_rows(setup.step)(
        *speed.columns(candles), bars, filters, state, par, out, setup.base_ms, stream
    )
    return stream


def _simulate(
    speed: Speed, candles: CandleColumns, stream: Any, rules: Floats, run: _Span
) -> tuple[Any, Any, int, Any, Any]:
    """The full simulation: rows and prices of the trades, how many, sums and daily returns."""
    sums, daily = speed.floats(SUMS_SIZE), speed.floats(run.days)
    rows, prices = speed.integers(3 * len(candles)), speed.floats(3 * len(candles))
    count = speed.simulate_rows(
        *speed.columns(candles)[:5],
        stream,
        speed.buffer(rules),
        candles.interval_ms,
        run.first_row,
        run.days,
        speed.floats(POSITION_SIZE),
        sums,
        daily,
        rows,
        prices,
    )
    return rows, prices, int(count), sums, daily


def _rules(setup: Setup, costs: Costs) -> Floats:
    """The rules of one combination as the kernels read them."""
    rules = setup.strategy.exit_rules(setup.params)
    return np.array(
        [
            rules.take_profit,
            rules.stop_loss,
            rules.atr_multiplier,
            rules.trailing_stop,
            rules.emergency_stop,
            1.0 if rules.day_end else 0.0,
            costs.fee_bps / 10_000.0,
            costs.slippage_bps / 10_000.0,
        ]
    )


def _by_signals(setups: Sequence[Setup]) -> list[list[int]]:
    """Positions of the combinations that share their signals, in the order of their first."""
    groups: dict[tuple[object, ...], list[int]] = {}
    for position, setup in enumerate(setups):
        key = (setup.signal_ms, setup.filter_ms, setup.hourly_ms, setup.par)
        groups.setdefault(key, []).append(position)
    return list(groups.values())


def _trades(candles: CandleColumns, rows: Integers, prices: Floats, count: int) -> Trades:
    entry, closed, code = rows[: 3 * count].astype(np.int64).reshape(-1, 3).T
    entry_price, exit_price, growth = prices[: 3 * count].reshape(-1, 3).T
    return Trades(
        signal_time=candles.open_time[entry - 1],
        entry_time=candles.open_time[entry],
        exit_time=candles.open_time[closed],
        side=np.ones(count, dtype=np.int64),
        entry_price=entry_price,
        exit_price=exit_price,
        net_return=growth - 1.0,
        reason=np.array(REASONS)[code],
    )


def _ready_to_backtest(speed: Speed, setup: Setup, costs: Costs) -> float:
    """Compile (or load) the kernels by a run on two candles; the seconds it took."""

    def try_out(tiny: CandleColumns) -> None:
        _simulate(speed, tiny, _decide(speed, setup, tiny), _rules(setup, costs), _Span(tiny, None))

    return _time_first(speed, "backtest", setup, try_out)


def _ready_to_search(speed: Speed, setup: Setup, costs: Costs) -> float:
    """Compile (or load) the kernels by a run on two candles; the seconds it took."""

    def try_out(tiny: CandleColumns) -> None:
        kernels.FastEngine(speed, tiny, 0, 0, 1).run(setup, _rules(setup, costs))

    return _time_first(speed, "search", setup, try_out)


def _time_first(
    speed: Speed, what: str, setup: Setup, try_out: Callable[[CandleColumns], None]
) -> float:
    if not speed.compiled or speed.is_ready(what, setup.step):
        return 0.0
    started = time.perf_counter()
    ones = [1.0, 1.0]
    try_out(CandleColumns.of([0, setup.base_ms], ones, ones, ones, ones))
    speed.mark_ready(what, setup.step)
    return time.perf_counter() - started
