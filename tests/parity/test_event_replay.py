"""The executor's event replay and the simulation's profile `exchange` make the same trades.

A comparison counts only with 20 trades, and together they include every reason that can happen.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import accumulate
from pathlib import Path

import numpy as np
import pytest

from tests.parity.event_replay import BALANCE, Case, Run, beats, replayed, replayed_here, simulated
from tests.parity.replay_cases import (
    BEGIN,
    MADE,
    MADE_FROM,
    all_cases,
    drawn_case,
    first_after_midnight,
    made_candles,
    made_case,
    punched,
    silent_minutes,
)
from trading.positions.position import REASONS

LEAST = 20
CENT = 1e-8
DRAWN = (4, 8, 10, 20, 23, 31, 36, 39)
"""Seeds whose rules make 20 trades; some additions and parts are too small for the exchange."""
IMPOSSIBLE = {"", "end_of_data", "liquidation"}
"""Reasons that end no position at an exchange: the candles' end is not one there, and a stop rests
before every liquidation and fires first."""


@pytest.fixture(autouse=True)
def _strategies_of_the_tests() -> Iterator[None]:
    with beats():
        yield


def assert_same(replay: Run, simulation: Run, case: Case) -> None:
    """Assert the same trades, fill by fill, and the same equity after each and at each hour."""
    ended = [trade for trade in simulation.trades if trade.ended < case.end_ms]
    assert [trade for trade in replay.trades if trade.ended < case.end_ms] == ended
    assert len(ended) >= LEAST
    if not case.funding:  # the executor books funding to the wallet, not to positions
        ours, theirs = (
            list(accumulate((t.profit for t in run.trades[: len(ended)]), initial=BALANCE))
            for run in (simulation, replay)
        )
        np.testing.assert_allclose(ours, theirs, rtol=0, atol=CENT)
    # At a whole hour the executor already knows what the open has filled at the exchange.
    busy = {fill.time for trade in ended for fill in trade.fills} | funding_times(case)
    hours = [t for t in replay.equity if t in simulation.equity and t not in busy | {case.end_ms}]
    assert len(hours) >= case.hours / 2
    np.testing.assert_allclose(
        [simulation.equity[t] for t in hours],
        [replay.equity[t] for t in hours],
        rtol=0,
        atol=CENT,
    )


def funding_times(case: Case) -> set[int]:
    """When funding is paid (ms, whole minutes)."""
    return {time - time % 60_000 for known in case.funding.values() for time in known}


def test_a_short_replay_makes_the_simulations_trades(tmp_path: Path) -> None:
    params = {
        "every": 7,
        "partial_take_profit": "0.002:0.25",
        "add_first_at": 0.003,
        "stop_loss": 0.006,
        "trailing_stop": 0.002,
        "trailing_arm": 0.004,
        "time_exit": 0.1,
        "max_position_size": 0.2,
    }
    candles = {"BTCUSDT": made_candles(3, 120 + 165, MADE_FROM)}
    case = Case("beat", params, candles, BEGIN, 2.75)
    simulation = simulated(case, compiled=False)
    assert_same(replayed_here(case, tmp_path), simulation, case)
    steps = {fill.step for trade in simulation.trades for fill in trade.fills}
    assert steps >= {"trailing_stop", "stop_loss", "add_first", "partial_take_profit"}


def test_a_replay_over_missing_minutes_makes_the_simulations_trades(tmp_path: Path) -> None:
    case = punched(made_case("day end", 12), seed=12)
    simulation = simulated(case, compiled=False)
    assert_same(replayed_here(case, tmp_path), simulation, case)
    fills = {fill.time for trade in simulation.trades for fill in trade.fills}
    assert fills & silent_minutes(case)  # something traded while no candle came
    ends = {trade.ended for trade in simulation.trades if trade.reason == "day_end"}
    assert ends == {first_after_midnight(case)}


def test_the_comparisons_include_every_reason_and_enough_trades() -> None:
    seen: set[str] = set()
    for name, case in all_cases().items():
        trades = [trade for trade in simulated(case).trades if trade.ended < case.end_ms]
        assert len(trades) >= LEAST, name
        seen |= {fill.step for trade in trades for fill in trade.fills}
        seen |= {trade.reason for trade in trades}
    assert seen - {""} == set(REASONS) - IMPOSSIBLE


@pytest.mark.slow
@pytest.mark.timeout(1_800)
@pytest.mark.parametrize("name", sorted(all_cases()))
def test_the_replay_makes_the_simulations_trades(name: str, tmp_path: Path) -> None:
    case = all_cases()[name]
    assert_same(replayed(case, tmp_path), simulated(case), case)


@pytest.mark.slow
@pytest.mark.timeout(1_800)
@pytest.mark.parametrize("seed", [11, 12, 13])
@pytest.mark.parametrize("name", ["parts", "averaged, short"])
def test_other_seeds_make_the_same_trades_too(name: str, seed: int, tmp_path: Path) -> None:
    case = made_case(name, seed)
    assert_same(replayed(case, tmp_path), simulated(case), case)


@pytest.mark.slow
@pytest.mark.timeout(1_800)
@pytest.mark.parametrize(
    ("name", "seed"), [("parts", 3), ("averaged, short", 12), ("liquidation guard", 3)]
)
def test_missing_minutes_make_the_same_trades_too(name: str, seed: int, tmp_path: Path) -> None:
    case = punched(made_case(name, seed), seed)
    assert_same(replayed_here(case, tmp_path), simulated(case), case)


@pytest.mark.slow
@pytest.mark.timeout(1_800)
@pytest.mark.parametrize("seed", DRAWN)
def test_rules_drawn_at_random_make_the_same_trades(seed: int, tmp_path: Path) -> None:
    case = drawn_case(seed)
    assert_same(replayed_here(case, tmp_path), simulated(case), case)


@pytest.mark.parametrize("name", sorted(MADE))
def test_both_backends_trade_alike_at_an_exchange(name: str) -> None:
    case = made_case(name, hours=3)
    plain, compiled = simulated(case, compiled=False), simulated(case)
    assert plain == compiled
    assert [t.profit for t in plain.trades] == [t.profit for t in compiled.trades]
    assert plain.trades != []
