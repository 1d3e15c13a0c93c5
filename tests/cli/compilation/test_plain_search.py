"""How a search runs in plain Python while nothing is compiled yet."""

from __future__ import annotations

from dataclasses import replace
from math import inf

import pytest

from cli.compilation import plain_search
from cli.compilation.plain_search import PlainSearch
from trading.candles import MINUTE_MS, CandleColumns
from trading.research.grid import parse_grid
from trading.research.search_task import SearchTask
from trading.research.trials import workers
from trading.simulation import Costs
from trading.strategies.registry import get_strategy
from trading.strategies.technical.breakout import Breakout

MINUTES = 3 * 1440
AXES = ("k=0.2:0.5:0.1", "stop_loss=0.01:0.04:0.01")


class OwnBreakout(Breakout):
    """A strategy from a user's folder."""


def task(strategy: Breakout | None = None) -> SearchTask:
    """A search over three days that rise and fall, in plain Python."""
    closes = [100.0 + (at % 97) * 0.1 + (at % 613) * 0.02 for at in range(MINUTES)]
    highs, lows = [c + 0.3 for c in closes], [c - 0.3 for c in closes]
    times = list(range(0, MINUTES * MINUTE_MS, MINUTE_MS))
    candles = CandleColumns.of(times, closes, highs, lows, closes)
    fixed = {"signal_tf": "15m", "filters": "off"}
    return SearchTask(strategy or get_strategy("breakout"), candles, fixed, Costs(), compiled=False)


def planned(work: SearchTask, cores: int) -> PlainSearch:
    return PlainSearch(work, parse_grid(AXES, work.strategy), 16, cores)


@pytest.fixture
def slow(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Let one set of signals take two seconds; record for how many sets the time was asked."""
    asked: list[int] = []

    def seconds(work: object, groups: int, some: object) -> float:
        del work, some
        asked.append(groups)
        return 2.0 * groups

    monkeypatch.setattr(plain_search, "plain_search_seconds", seconds)
    return asked


def test_cores_share_the_sets_of_signals(slow: list[int]) -> None:
    found = planned(task(), 4)
    assert (found.seconds, found.processes, found.wall_seconds) == (8.0, 4, 2.0)
    assert slow == [4], "stops share the signals of their k"


def test_a_short_search_starts_no_process(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(plain_search, "plain_search_seconds", lambda *_, **__: 1.0)
    found = planned(task(), 4)
    assert (found.processes, found.wall_seconds) == (1, 1.0)


def test_a_strategy_of_the_user_stays_in_the_process_that_loaded_it(slow: list[int]) -> None:
    found = planned(task(OwnBreakout()), 4)
    assert (found.processes, found.wall_seconds) == (1, 8.0)
    assert slow == [4]


def test_a_search_that_runs_elsewhere_is_never_plain(slow: list[int]) -> None:
    assert planned(task(), 0).wall_seconds == inf
    assert slow == []


def test_processes_find_what_one_process_finds() -> None:
    work = task()
    sets = parse_grid(AXES, work.strategy).combinations()
    alone = replace(work).run(sets)
    with workers(work, 2, processes=True) as run:
        shared = run(sets)
    assert any(metrics.trades for metrics, _ in alone)
    assert [metrics for metrics, _ in shared] == [metrics for metrics, _ in alone]


def test_the_time_of_sets_that_share_no_signals_is_tried(monkeypatch: pytest.MonkeyPatch) -> None:
    tried: list[object] = []

    def seconds(work: object, groups: int, some: list[object]) -> float:
        del work
        tried.extend(some)
        return float(groups)

    monkeypatch.setattr(plain_search, "plain_search_seconds", seconds)
    assert planned(task(), 4).seconds == 4.0
    assert [dict(one)["k"] for one in tried] == [0.2, 0.3, 0.4, 0.5]  # type: ignore[call-overload]
