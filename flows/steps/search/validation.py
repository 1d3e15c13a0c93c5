"""Evidence from the long history: walk-forward, overfitting tests, plateau and verdicts."""

from __future__ import annotations

from dataclasses import asdict, dataclass

import numpy as np

from flows.steps.search.optimize_request import OptimizeRequest
from flows.steps.search.plateau import ApprovedPlateau, approve
from trading.candles import DAY_MS, CandleColumns, Floats
from trading.metrics import Metrics
from trading.research.evidence.superior_ability import LEAST_PERIODS, samples_for, superior_ability
from trading.research.gates import GateEvidence, GateVerdict, Thresholds, own_gates
from trading.research.grid import check_memory
from trading.research.marked_drawdown import marked_drawdown
from trading.research.overfitting import (
    Overfitting,
    backtest_overfitting,
    deflated_sharpe,
    effective_trials,
    plateau,
    sharpe_ratios,
)
from trading.research.robustness import measure_robustness, one_step_returns
from trading.research.search_task import SearchTask
from trading.research.trading_costs import fill_metrics_of_all
from trading.research.walk_forward import (
    Fold,
    WalkForward,
    anchored_folds,
    choose,
    rolling_folds,
    walk_forward,
)
from trading.simulation import SearchRow, backtest, search

Measures = dict[str, float | int | str | None]
# Sixteen blocks as in the paper; fewer if the history has less than two days per block.
_BLOCKS = 16
_SEED = 0


@dataclass(frozen=True, slots=True)
class HistoryValidation:
    """Result of validating a search on the long history.

    ``trials`` are the results of ``request.trials`` over the whole history, ``daily`` their
    returns ``[trial, day]``; ``verdicts`` are those of the symbol alone, ``measures`` describe the
    out-of-sample run.
    """

    walk: WalkForward
    approved: ApprovedPlateau
    trials: tuple[SearchRow, ...]
    daily: Floats
    effective_trials: float
    evidence: GateEvidence
    verdicts: tuple[GateVerdict, ...]
    measures: Measures


def fold_objective(objective: str) -> str:
    """Return the measure by which a fold chooses.

    All candidates of one fold are deflated by the same benchmark, so the deflated Sharpe ratio
    orders them as the Sharpe ratio does, up to the shape of their returns.
    """
    return "sharpe" if objective == "deflated_sharpe" else objective


def validate_long_history(request: OptimizeRequest, candles: CandleColumns) -> HistoryValidation:
    """Walk forward with the long grid and weigh the result; deterministic."""
    strategy, costs, fixed = request.strategy, request.costs, request.fixed
    days = int(candles.open_time[-1] - candles.open_time[0]) // DAY_MS + 1
    check_memory(len(request.trials), days)
    objective = fold_objective(request.settings.objective)
    folds = folds_of(request, candles)
    task = SearchTask(strategy, candles, fixed, costs)
    walk = walk_forward(task, request.long_grid, folds, objective)
    coarse = search(strategy, candles, request.long_grid, fixed, costs)
    every = search(strategy, candles, request.trials, {}, costs)
    measures = [row.metrics for row in coarse.results]
    winner = choose(measures, objective)
    scores = [float(getattr(metrics, objective)) for metrics in measures]
    returns = [metrics.total_return for metrics in measures]
    effective = float(effective_trials(every.daily_returns))
    # The plateau is measured in the objective, also if that is a ratio; a loss approves nothing.
    neighbours = plateau(request.long_grid, scores, winner)
    tests = [fold.out_of_sample for fold in walk.folds]
    cut = overfitting_of(every.daily_returns)
    evidence = GateEvidence(
        trades=walk.metrics.trades,
        total_return=walk.metrics.total_return,
        max_drawdown=marked_drawdown(candles, tests, costs),
        superior_ability=superior_ability_of(every.daily_returns, request.settings.alpha),
        loss_probability=None if cut is None else cut.loss_probability,
        plateau=neighbours.score,
        current_return=current_return(request, candles, folds),
    )
    deflated = deflated_sharpe(
        walk.daily_returns, sharpe_ratios(every.daily_returns), max(effective, 1.0)
    )
    beside = one_step_returns(request.long_grid, returns, winner)
    robust = measure_robustness(task, walk, beside)
    return HistoryValidation(
        walk=walk,
        approved=approve(request.long_grid, scores, returns, winner),
        trials=tuple(every.results),
        daily=every.daily_returns,
        effective_trials=effective,
        evidence=evidence,
        verdicts=own_gates(evidence, Thresholds()) + robust.verdicts(),
        measures=out_of_sample(walk.metrics, evidence)
        | {
            "deflated_sharpe": deflated.probability,
            "overfitting": None if cut is None else cut.probability,
            "degradation": None if cut is None else cut.degradation,
            "trials": len(request.trials),
            "effective_trials": effective,
            "gaps": walk.test_gaps.places if request.gaps_count else None,
            "missing_candles": walk.test_gaps.candles if request.gaps_count else None,
        }
        | fill_metrics_of_all(tests, walk.daily_returns, costs).as_dict()
        | asdict(robust),
    )


def folds_of(request: OptimizeRequest, candles: CandleColumns) -> tuple[Fold, ...]:
    """Return rolling or anchored folds that end with the last whole day of the candles."""
    lengths = request.settings.walk_forward
    first_day = -(-int(candles.open_time[0]) // DAY_MS)
    last_day = (int(candles.open_time[-1]) + candles.interval_ms) // DAY_MS
    make = anchored_folds if lengths.scheme == "anchored" else rolling_folds
    return make(
        first_day * DAY_MS,
        last_day * DAY_MS,
        train=lengths.train_days * DAY_MS,
        test=lengths.test_days * DAY_MS,
        purge=lengths.purge_days * DAY_MS,
        embargo=lengths.embargo_days * DAY_MS,
    )


def superior_ability_of(daily: Floats, alpha: float) -> float | None:
    """Return the p-value of "no trial earns anything", always of the same draws.

    None for a history too short to test, which fails the gate.
    """
    if daily.shape[1] < LEAST_PERIODS or not len(daily):
        return None
    found = superior_ability(
        np.ascontiguousarray(daily),
        np.random.default_rng(_SEED),
        samples_for(alpha),
        enough_above=max(alpha, 0.1),
    )
    return found.p_value


def overfitting_of(daily: Floats) -> Overfitting | None:
    """Cut the history in halves by CSCV; None if it is too short to cut, which fails the gate."""
    trials, days = daily.shape
    blocks = min(_BLOCKS, days // 4 * 2)
    if blocks < 4 or trials < 2:
        return None
    return backtest_overfitting(np.ascontiguousarray(daily), blocks)


def current_return(
    request: OptimizeRequest, candles: CandleColumns, folds: tuple[Fold, ...]
) -> float | None:
    """Return the total return of the released parameters over the same test spans and costs."""
    if request.released is None:
        return None
    growth = 1.0
    for fold in folds:
        run = backtest(
            request.strategy,
            candles.slice(fold.train_start, fold.test_end),
            request.released,
            request.costs,
            trade_from_ms=fold.test_start,
        )
        growth *= 1.0 + run.metrics.total_return
    return growth - 1.0


def out_of_sample(metrics: Metrics, evidence: GateEvidence) -> Measures:
    """Return the measures of the out-of-sample run and what the gates saw beside them."""
    return {
        **metrics.as_dict(),
        "exit_drawdown": metrics.max_drawdown,
        "max_drawdown": evidence.max_drawdown,
        "superior_ability": evidence.superior_ability,
        "loss_probability": evidence.loss_probability,
        "plateau": evidence.plateau,
    }
