"""The fine grid over the last days: which parameters to trade with, inside the approved plateau."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from flows.steps.search.optimize_request import OptimizeRequest, Params
from flows.steps.search.validation import HistoryValidation, Measures, fold_objective
from trading.candles import DAY_MS, CandleColumns, Floats
from trading.research.marked_drawdown import marked_drawdown
from trading.research.overfitting import deflated_sharpe, sharpe_ratios
from trading.research.trading_costs import fill_metrics
from trading.simulation import BacktestResult, SearchRow, backtest, search


@dataclass(frozen=True, slots=True)
class RecentRanking:
    """What the last days chose: the searched parameters, their state, and how they did.

    ``approved`` says whether the plateau holds them. ``rows`` are the results of
    ``request.recent_grid`` over those days, in its order.
    """

    chosen: Params
    approved: bool
    measures: Measures
    rows: tuple[SearchRow, ...]
    run: BacktestResult


def rank_recent(
    request: OptimizeRequest, candles: CandleColumns, validation: HistoryValidation
) -> RecentRanking:
    """Search the last ``recent_days`` days; earlier history only warms up the indicators.

    Without an approved plateau the whole grid is ranked, and the choice is not approved. If no
    combination traded in those days, the long history decides.
    """
    strategy, settings = request.strategy, request.settings
    end = int(candles.open_time[-1]) + candles.interval_ms
    start = end - settings.recent_days * DAY_MS
    found = search(
        strategy,
        candles,
        request.recent_grid,
        request.fixed,
        request.costs,
        trade_from_ms=start,
    )
    places = [
        i for i, params in enumerate(request.recent_grid) if validation.approved.holds(params)
    ]
    approved = bool(places)
    places = places or list(range(len(request.recent_grid)))
    if any(found.results[i].metrics.trades for i in places):
        scores = _scores(settings.objective, found.results, found.daily_returns, validation)
        rows = found.results
    else:
        rows = _long_rows(request, validation)
        scores = [float(getattr(r.metrics, fold_objective(settings.objective))) for r in rows]
    # A set that traded comes first, then the score, the return, and the order of the grid.
    best = max(
        places,
        key=lambda i: (
            rows[i].metrics.trades > 0,
            -math.inf if math.isnan(scores[i]) else scores[i],
            rows[i].metrics.total_return,
            -i,
        ),
    )
    chosen = request.recent_grid[best]
    run = backtest(
        strategy,
        candles,
        {**request.fixed, **chosen},
        request.costs,
        trade_from_ms=start,
    )
    fills = fill_metrics(run, request.costs).as_dict()
    measures: Measures = {
        **run.metrics.as_dict(),
        "exit_drawdown": run.metrics.max_drawdown,
        "max_drawdown": marked_drawdown(candles, [run], request.costs),
        **fills,
        "window_days": settings.recent_days,
    }
    return RecentRanking(chosen, approved, measures, tuple(found.results), run)


def _long_rows(request: OptimizeRequest, validation: HistoryValidation) -> list[SearchRow]:
    """Return the results of the recent grid's sets over the long history."""
    by_set = {
        _identity(params): row
        for params, row in zip(request.trials, validation.trials, strict=True)
    }
    return [by_set[_identity({**request.fixed, **values})] for values in request.recent_grid]


def _identity(params: Params) -> tuple[tuple[str, object], ...]:
    return tuple(sorted(params.items()))


def _scores(
    objective: str, rows: list[SearchRow], daily: Floats, validation: HistoryValidation
) -> list[float]:
    """Return the configured objective of every combination."""
    if objective != "deflated_sharpe":
        return [float(getattr(row.metrics, objective)) for row in rows]
    ratios = sharpe_ratios(daily)
    if daily.shape[1] < 3:
        return [float(value) for value in ratios]
    effective = max(validation.effective_trials, 1.0)
    return [
        deflated_sharpe(np.ascontiguousarray(returns), ratios, effective).probability
        for returns in daily
    ]
