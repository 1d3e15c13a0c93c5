"""Robustness tests before promotion, measure by measure."""

from __future__ import annotations

import numpy as np
import pytest

from trading.candles import DAY_MS, CandleColumns
from trading.research.robustness import Robustness, measure_robustness, one_step_returns, p_value_of
from trading.research.search_task import SearchTask
from trading.research.walk_forward import rolling_folds, walk_forward
from trading.simulation import Costs, backtest
from trading.strategies.registry import get_strategy

SOUND = Robustness(0.02, 0.1, 0.75, 0.05, 0.01)


def failed(robust: Robustness) -> list[str]:
    return [verdict.name for verdict in robust.verdicts() if not verdict.passed]


def test_each_measure_has_its_own_verdict() -> None:
    assert failed(SOUND) == []
    assert failed(Robustness(0.11, 0.1, 0.75, 0.05, 0.01)) == []  # the p-value is no gate
    assert failed(Robustness(0.02, -0.1, 0.75, 0.05, 0.01)) == ["doubled_costs"]
    assert failed(Robustness(0.02, 0.1, 0.4, 0.05, 0.01)) == ["profitable_folds"]
    assert failed(Robustness(0.02, 0.1, 0.75, 0.0, 0.01)) == ["without_best_trade"]
    assert failed(Robustness(0.02, 0.1, 0.75, 0.05, -0.01)) == ["one_step_away"]


def test_a_missing_measure_does_not_pass() -> None:
    nothing = Robustness(None, 0.0, 0.0, None, None)
    assert len(failed(nothing)) == 4
    assert "could not be measured" in nothing.verdicts()[-1].text


def test_neighbours_differ_by_one_step_in_one_parameter() -> None:
    grid = [{"k": k, "stop": s} for k in (0.3, 0.4, 0.5, 0.6) for s in (0.01, 0.02)]
    returns = [float(place) for place in range(8)]
    # The winner is k 0.4, stop 0.01; its neighbours are k 0.3 and 0.5, and stop 0.02.
    assert one_step_returns(grid, returns, winner=2) == [0.0, 3.0, 4.0]
    words = [{"filters": word} for word in ("on", "off")]
    assert one_step_returns(words, [0.1, 0.2], winner=0) == [0.2]
    assert one_step_returns([{"k": 0.5}], [0.1], winner=0) == []


def test_the_p_value_is_reproducible() -> None:
    daily = np.random.default_rng(1).normal(0.001, 0.01, 60)
    assert p_value_of(daily) == p_value_of(daily)
    assert p_value_of(daily[:1]) is None


def test_the_robustness_of_a_walk_forward(bitcoin: CandleColumns) -> None:
    strategy, costs = get_strategy("breakout"), Costs(5.0, 1.0)
    fixed = {"filters": "off", "signal_tf": "15m"}
    start = int(bitcoin.open_time[0]) // DAY_MS * DAY_MS
    folds = rolling_folds(start, start + 30 * DAY_MS, train=10 * DAY_MS, test=5 * DAY_MS)
    grid = [{"k": 0.3}, {"k": 0.5}]
    task = SearchTask(strategy, bitcoin, fixed, costs)
    walk = walk_forward(task, grid, folds)
    found = measure_robustness(task, walk, [0.1, -0.2])
    growth = 1.0
    for fold in walk.folds:
        run = backtest(
            strategy,
            bitcoin.slice(None, fold.fold.test_end),
            {**fixed, **fold.chosen},
            Costs(10.0, 2.0),
            trade_from_ms=fold.fold.test_start,
        )
        growth *= 1.0 + run.metrics.total_return
    assert found.doubled_costs == pytest.approx(growth - 1.0)
    assert found.doubled_costs < walk.metrics.total_return
    assert found.one_step == -0.2
    best = walk.trades.net_return.max()
    assert found.without_best == pytest.approx((1 + walk.metrics.total_return) / (1 + best) - 1)
    assert 0.0 <= found.positive_folds <= 1.0
    assert found.p_value == p_value_of(walk.daily_returns)
