"""Search methods: seeds, resumption and workers do not change the result."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pytest

from trading.candles import CandleColumns
from trading.errors import DataError, ParameterError
from trading.research.grid import ParameterGrid, parse_grid
from trading.research.overfitting import deflated_sharpe, sharpe_ratios
from trading.research.samplers import METHODS, Params, sampler_of
from trading.research.search_task import SearchTask
from trading.research.trials import (
    Trial,
    best_trial,
    run_trials,
    selection_bias,
    workers,
)
from trading.simulation import Costs, search
from trading.strategies.registry import get_strategy

BREAKOUT = get_strategy("breakout")
GRID = parse_grid(["k=0.1:0.9:0.1", "stop_loss=0.005:0.03:0.005"], BREAKOUT)
FIXED = {"filters": "off", "signal_tf": "1m"}


@pytest.fixture(scope="module")
def work(bitcoin: CandleColumns) -> SearchTask:
    return SearchTask(BREAKOUT, bitcoin.rows(0, 10 * 1440), FIXED, Costs())


class Memory:
    """A store that fails after ``room`` trials, like a killed process."""

    def __init__(self, room: int = 1_000_000) -> None:
        self.kept: list[Trial] = []
        self.room = room

    def load(self) -> Sequence[Trial]:
        return list(self.kept)

    def append(self, trials: Sequence[Trial]) -> None:
        for trial in trials:
            if len(self.kept) == self.room:
                raise KeyboardInterrupt
            self.kept.append(trial)


def run(
    work: SearchTask, name: str, wanted: int = 40, *, seed: int = 1, **more: object
) -> list[Trial]:
    return run_trials(sampler_of(name, GRID, seed), work.run, wanted, "sharpe", **more)  # type: ignore[arg-type]


def facts(trials: Sequence[Trial]) -> list[tuple[object, ...]]:
    return [(t.number, dict(t.params), t.metrics, t.daily.tobytes()) for t in trials]


def test_the_grid_method_gives_what_search_gives(work: SearchTask) -> None:
    trials = run(work, "grid", 1000)
    found = search(BREAKOUT, work.candles, GRID.combinations(), FIXED, Costs())
    assert [dict(trial.params) for trial in trials] == GRID.combinations()
    assert [trial.metrics for trial in trials] == [row.metrics for row in found.results]
    assert np.array_equal(np.stack([trial.daily for trial in trials]), found.daily_returns)


@pytest.mark.parametrize("name", METHODS)
def test_a_seed_gives_the_same_trials_and_a_longer_run_begins_with_them(
    work: SearchTask, name: str
) -> None:
    trials = run(work, name)
    assert facts(run(work, name)) == facts(trials)
    assert facts(run(work, name, 54)[: len(trials)]) == facts(trials)


@pytest.mark.parametrize("name", ["random", "bayes"])
def test_another_seed_gives_other_trials(work: SearchTask, name: str) -> None:
    assert facts(run(work, name)) != facts(run(work, name, seed=2))


@pytest.mark.parametrize("name", METHODS)
@pytest.mark.parametrize("room", [0, 1, 17, 25])
def test_a_killed_search_continues_to_the_same_end(work: SearchTask, name: str, room: int) -> None:
    store = Memory(room)
    with pytest.raises(KeyboardInterrupt):
        run(work, name, 54, store=store)
    assert len(store.kept) == room
    store.room = 1_000_000
    ran: list[Params] = []

    def counting(sets: Sequence[Params]) -> list[tuple[object, object]]:
        ran.extend(sets)
        return work.run(sets)  # type: ignore[return-value]

    trials = run_trials(sampler_of(name, GRID, 1), counting, 54, "sharpe", store)  # type: ignore[arg-type]
    assert facts(trials) == facts(run(work, name, 54))
    assert len(ran) == len(trials) - room
    assert facts(store.kept) == facts(trials)


@pytest.mark.parametrize("name", METHODS)
@pytest.mark.parametrize("count", [2, 5])
def test_threads_change_nothing(work: SearchTask, name: str, count: int) -> None:
    with workers(work, count) as runner:
        trials = run_trials(sampler_of(name, GRID, 1), runner, 40)
    assert facts(trials) == facts(run(work, name))


def test_processes_change_nothing(work: SearchTask) -> None:
    with workers(work, 2, processes=True) as runner:
        trials = run_trials(sampler_of("random", GRID, 1), runner, 40)
    assert facts(trials) == facts(run(work, "random"))


def test_random_sets_are_distinct_and_cover_the_grid() -> None:
    drawn = sampler_of("random", GRID, 5)
    sets = [params for _ in range(60) for params in drawn.propose(1)]
    assert len(sets) == len({tuple(params.items()) for params in sets}) == GRID.size == 54
    assert sets != GRID.combinations()
    assert drawn.propose(1) == []


def test_a_grid_larger_than_memory_can_be_sampled() -> None:
    texts = ["k=0:2:0.00001", "stop_loss=0:0.5:0.00001", "take_profit=0:1:0.00001"]
    huge = parse_grid(texts, BREAKOUT, trials=100)
    assert huge.size > 10**15
    (params,) = sampler_of("random", huge, 3).propose(1)
    assert 0.0 <= float(params["k"]) <= 2.0
    with pytest.raises(ParameterError, match="GiB of memory"):
        parse_grid(texts, BREAKOUT)
    with pytest.raises(ParameterError, match=r"k has 20,000,000,001 values.*use a larger step"):
        parse_grid(["k=0:2:0.0000000001"], BREAKOUT, trials=100)


def test_a_combination_by_place_is_the_one_in_the_list() -> None:
    assert [GRID.combination(place) for place in range(GRID.size)] == GRID.combinations()


def test_the_estimator_finds_the_region_of_a_known_peak() -> None:
    """On 10,201 sets, 60 Bayesian trials come nearer to the peak than 60 random ones on average."""
    grid = parse_grid(["k=0:1:0.01", "stop_loss=0:0.5:0.005"], BREAKOUT)

    def height(params: Params) -> float:
        return -((float(params["k"]) - 0.62) ** 2) - (2 * float(params["stop_loss"]) - 0.31) ** 2

    def best(name: str, grid: ParameterGrid, seed: int) -> float:
        method, heights = sampler_of(name, grid, seed), []
        while len(heights) < 60:
            found = [height(params) for params in method.propose(60 - len(heights))]
            method.learn(found)
            heights += found
        return max(heights)

    learned = [best("bayes", grid, seed) for seed in range(3)]
    drawn = [best("random", grid, seed) for seed in range(3)]
    assert np.mean(learned) > np.mean(drawn)


def test_a_store_of_another_search_is_refused(work: SearchTask) -> None:
    store = Memory()
    run(work, "random", store=store)
    with pytest.raises(DataError, match="kept trial 0 tried"):
        run(work, "random", seed=2, store=store)


def test_an_unknown_method_is_refused() -> None:
    with pytest.raises(ParameterError, match="search method 'annealing' is not known"):
        sampler_of("annealing", GRID, 0)


@pytest.mark.parametrize("count", [0, 257])
def test_an_impossible_number_of_workers_is_refused(work: SearchTask, count: int) -> None:
    with pytest.raises(ParameterError, match="workers are not possible"), workers(work, count):
        pass


def test_all_tried_sets_deflate_the_best(work: SearchTask) -> None:
    trials = run(work, "grid", 54)
    best = best_trial(trials, "sharpe")
    assert best.metrics.sharpe == max(trial.metrics.sharpe for trial in trials)
    daily = np.stack([trial.daily for trial in trials])
    alone = selection_bias(best, trials, np.empty((0, daily.shape[1])))
    assert (alone.tried, alone.earlier) == (54, 0)
    assert 1 <= alone.independent <= 54
    assert alone.deflated == deflated_sharpe(best.daily, sharpe_ratios(daily), alone.independent)
    wild = np.random.default_rng(1).normal(0.0, 0.02, (300, daily.shape[1]))
    more = selection_bias(best, trials, wild)
    assert (more.tried, more.earlier) == (354, 300)
    assert more.independent > alone.independent
    assert more.deflated is not None
    assert alone.deflated is not None
    assert more.deflated.probability < alone.deflated.probability
    assert "354 sets tried (300 of them before)" in more.sentence
