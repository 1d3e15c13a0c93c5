"""Walk-forward: folds without leaks, choices from the past only, results stitched in time."""

from __future__ import annotations

import itertools
import math
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from trading.candles import DAY_MS, HOUR_MS, CandleColumns
from trading.errors import DataError, ParameterError
from trading.jit.compiler import enable
from trading.metrics import Metrics
from trading.research.search_task import SearchTask
from trading.research.walk_forward import (
    Fold,
    anchored_folds,
    choose,
    rolling_folds,
    walk_forward,
)
from trading.simulation import Costs, backtest
from trading.strategies.registry import get_strategy


@pytest.fixture(autouse=True, scope="module")
def compiled_code_is_kept() -> None:
    """Keep compiled kernels: compiling takes half a minute."""
    enable()


START = 19_000 * DAY_MS


class TestFolds:
    def test_rolling_folds_keep_the_length_of_the_training(self) -> None:
        folds = rolling_folds(0, 100, train=40, test=20, purge=3, embargo=2)
        assert folds == (Fold(15, 55, 60, 80), Fold(35, 75, 80, 100))

    def test_anchored_folds_keep_the_start_of_the_training(self) -> None:
        folds = anchored_folds(0, 100, train=40, test=20, purge=3, embargo=2)
        assert folds == (Fold(0, 55, 60, 80), Fold(0, 75, 80, 100))

    def test_the_newest_data_is_always_tested(self) -> None:
        assert rolling_folds(0, 107, train=40, test=20)[-1].test_end == 107

    def test_exactly_one_fold_fits(self) -> None:
        assert rolling_folds(0, 65, train=40, test=20, purge=5) == (Fold(0, 40, 45, 65),)

    @given(
        st.integers(0, 10**13),
        st.integers(1, 1000),
        st.integers(1, 100),
        st.integers(1, 100),
        st.integers(0, 20),
        st.integers(0, 20),
        st.sampled_from([rolling_folds, anchored_folds]),
    )
    def test_no_fold_trains_on_what_it_tests(
        self, start: int, more: int, train: int, test: int, purge: int, embargo: int, make: object
    ) -> None:
        end = start + train + test + purge + embargo + more
        folds = make(start, end, train=train, test=test, purge=purge, embargo=embargo)  # type: ignore[operator]
        assert folds[-1].test_end == end
        for fold in folds:
            assert start <= fold.train_start <= fold.train_end - train
            assert fold.train_end + purge + embargo == fold.test_start
            assert fold.test_end - fold.test_start == test
        for one, following in itertools.pairwise(folds):
            assert one.test_end == following.test_start

    def test_too_little_data_is_refused_with_the_need(self) -> None:
        with pytest.raises(DataError, match=r"10\.0 days are too short .* of 41\.0 days"):
            rolling_folds(0, 10 * DAY_MS, train=30 * DAY_MS, test=10 * DAY_MS, purge=DAY_MS)

    @pytest.mark.parametrize("bad", [{"train": 0}, {"test": 0}, {"purge": -1}, {"embargo": -1}])
    def test_invalid_lengths_are_refused(self, bad: dict[str, int]) -> None:
        with pytest.raises(ParameterError, match="walk-forward folds need"):
            rolling_folds(0, 1000, **{"train": 10, "test": 10, **bad})


def wandering(days: int, seed: int = 1) -> CandleColumns:
    """Make hourly candles of a random walk with ranges wide enough for breakouts."""
    generator = np.random.default_rng(seed)
    count = days * 24
    close = 100 * np.exp(np.cumsum(generator.normal(0, 0.01, count)))
    first = np.concatenate(([100.0], close[:-1]))
    spread = 1 + np.abs(generator.normal(0, 0.004, count))
    return CandleColumns.of(
        START + HOUR_MS * np.arange(count),
        first,
        np.maximum(first, close) * spread,
        np.minimum(first, close) / spread,
        close,
        np.full(count, 10.0),
        HOUR_MS,
    )


BREAKOUT = get_strategy("breakout")
GRID = [{"k": k, "stop_loss": s} for k in (0.2, 0.4, 0.6, 0.8) for s in (0.01, 0.03)]
FIXED = {"filters": "off", "signal_tf": "1h", "take_profit": 0.05}
COSTS = Costs(fee_bps=5)
FOLDS = rolling_folds(START, START + 60 * DAY_MS, train=20 * DAY_MS, test=10 * DAY_MS, purge=DAY_MS)


def changed_from(candles: CandleColumns, moment: int) -> CandleColumns:
    """Return the same candles, with different ones from ``moment`` on."""
    other = wandering(60, seed=99)
    later = candles.open_time >= moment
    columns = {
        name: np.where(later, getattr(other, name), getattr(candles, name))
        for name in ("open", "high", "low", "close", "volume")
    }
    return replace(candles, **columns)


def test_data_after_a_training_span_does_not_change_its_choice() -> None:
    candles = wandering(60)
    whole = walk_forward(SearchTask(BREAKOUT, candles, FIXED, COSTS), GRID, FOLDS)
    assert len({tuple(result.chosen.items()) for result in whole.folds}) > 1
    for place, fold in enumerate(FOLDS):
        later = changed_from(candles, fold.train_end)
        again = walk_forward(SearchTask(BREAKOUT, later, FIXED, COSTS), GRID, FOLDS[: place + 1])
        assert again.folds[place].chosen == whole.folds[place].chosen
        assert again.folds[place].in_sample == whole.folds[place].in_sample
        assert again.folds[place].out_of_sample.metrics != whole.folds[place].out_of_sample.metrics


def test_data_after_a_test_span_does_not_change_its_result() -> None:
    candles = wandering(60)
    whole = walk_forward(SearchTask(BREAKOUT, candles, FIXED, COSTS), GRID, FOLDS)
    later = changed_from(candles, FOLDS[1].test_end)
    again = walk_forward(SearchTask(BREAKOUT, later, FIXED, COSTS), GRID, FOLDS)
    for place in (0, 1):
        one = whole.folds[place].out_of_sample
        assert again.folds[place].out_of_sample.metrics == one.metrics
        assert again.folds[place].out_of_sample.trades.exit_time.tolist() == (
            one.trades.exit_time.tolist()
        )


def test_each_fold_takes_the_best_of_its_training_span() -> None:
    candles = wandering(60)
    result = walk_forward(SearchTask(BREAKOUT, candles, FIXED, COSTS), GRID, FOLDS, "total_return")
    for fold in result.folds:
        known = candles.slice(None, fold.fold.train_end)
        start = fold.fold.train_start
        runs = [
            backtest(BREAKOUT, known, {**FIXED, **params}, COSTS, trade_from_ms=start)
            for params in GRID
        ]
        returns = [run.metrics.total_return for run in runs]
        assert fold.tried == len(GRID)
        assert fold.chosen == GRID[int(np.argmax(returns))]
        assert fold.in_sample.total_return == pytest.approx(max(returns), abs=1e-12)


def test_threads_change_nothing() -> None:
    candles = wandering(60)
    alone = walk_forward(SearchTask(BREAKOUT, candles, FIXED, COSTS), GRID, FOLDS)
    beside = walk_forward(SearchTask(BREAKOUT, candles, FIXED, COSTS), GRID, FOLDS, workers=3)
    assert [fold.chosen for fold in beside.folds] == [fold.chosen for fold in alone.folds]
    assert beside.metrics == alone.metrics
    assert beside.daily_returns.tobytes() == alone.daily_returns.tobytes()


def test_tests_trade_only_within_their_own_span() -> None:
    result = walk_forward(SearchTask(BREAKOUT, wandering(60), FIXED, COSTS), GRID, FOLDS)
    assert len(result.trades) >= 10
    for fold in result.folds:
        trades = fold.out_of_sample.trades
        assert np.all(trades.entry_time >= fold.fold.test_start)
        assert np.all(trades.exit_time < fold.fold.test_end)


def test_the_history_before_a_test_warms_up_its_indicators() -> None:
    # Breakout needs yesterday: without the history the first day of a test could not trade.
    candles = wandering(60)
    (fold,) = FOLDS[:1]
    result = walk_forward(SearchTask(BREAKOUT, candles, FIXED, COSTS), [{"k": 0.1}], [fold])
    first_day = result.trades.entry_time < fold.test_start + DAY_MS
    assert first_day.any()


def test_stitched_results_are_those_of_the_folds_in_order() -> None:
    result = walk_forward(SearchTask(BREAKOUT, wandering(60), FIXED, COSTS), GRID, FOLDS)
    runs = [fold.out_of_sample for fold in result.folds]
    assert result.metrics.trades == len(result.trades) == sum(r.metrics.trades for r in runs)
    assert np.all(np.diff(result.trades.entry_time) > 0)
    growth = math.prod(1 + run.metrics.total_return for run in runs)
    assert result.metrics.total_return == pytest.approx(growth - 1, abs=1e-12)
    assert result.equity[-1] == pytest.approx(growth, abs=1e-12)
    assert result.days.tolist() == list(range(FOLDS[0].test_start, FOLDS[-1].test_end, DAY_MS))
    assert math.prod(1 + result.daily_returns) == pytest.approx(growth, abs=1e-12)
    daily = result.daily_returns
    assert result.metrics.sharpe == pytest.approx(
        daily.mean() / daily.std(ddof=1) * math.sqrt(365), abs=1e-9
    )


def measures(total_return: float, trades: int) -> Metrics:
    """Make metrics of which two matter here."""
    empty = backtest(BREAKOUT, wandering(2), {**FIXED, "k": 2.0}, COSTS).metrics
    return empty._replace(total_return=total_return, trades=trades)


class TestChoose:
    def test_the_first_of_equals_wins(self) -> None:
        results = [measures(0.1, 5), measures(0.2, 5), measures(0.2, 5)]
        assert choose(results, "total_return") == 1

    def test_a_set_without_trades_loses_to_one_with_trades(self) -> None:
        assert choose([measures(0.0, 0), measures(-0.1, 5)], "total_return") == 1
        assert choose([measures(0.0, 0), measures(0.0, 0)], "total_return") == 0

    def test_a_missing_value_is_never_best(self) -> None:
        assert choose([measures(math.nan, 5), measures(-0.5, 5)], "total_return") == 1

    def test_an_objective_may_be_a_function(self) -> None:
        assert choose([measures(0.1, 5), measures(0.2, 5)], lambda m: -m.total_return) == 0

    def test_an_unknown_objective_names_the_measures(self) -> None:
        with pytest.raises(ParameterError, match="objective 'luck' is not a measure; measures are"):
            choose([measures(0.1, 5)], "luck")


def test_a_fold_without_candles_is_refused_with_its_span() -> None:
    candles = wandering(10)
    folds = [Fold(START, START + 5 * DAY_MS, START + 20 * DAY_MS, START + 30 * DAY_MS)]
    with pytest.raises(DataError, match=r"no candles from 2022-01-28T00:00:00\.000Z"):
        walk_forward(SearchTask(BREAKOUT, candles, FIXED, COSTS), GRID, folds)


def test_an_empty_list_of_folds_is_refused() -> None:
    with pytest.raises(ParameterError, match="walk-forward has no folds"):
        walk_forward(SearchTask(BREAKOUT, wandering(5), FIXED, COSTS), GRID, [])
