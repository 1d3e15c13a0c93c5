"""Which trials earn something: equal to an independent library, few errors, all real ones."""

from __future__ import annotations

import numpy as np
import pytest

from tests.trading.research.evidence.test_superior_ability import DAYS, market
from trading.research.evidence.step_down import superior_trials


def believed(returns: np.ndarray, seed: int = 0, alpha: float = 0.05) -> np.ndarray:
    return superior_trials(returns, np.random.default_rng(seed), alpha, 1_000)


def test_it_believes_the_trials_that_an_independent_library_believes() -> None:
    from arch.bootstrap import StepM

    returns = market(np.random.default_rng(3), trials=20)
    returns[[2, 5, 11]] += 0.006
    returns[17] += 0.0045
    step = StepM(np.zeros(DAYS), -returns.T, size=0.05, block_size=3, reps=2_000, seed=1)
    step.compute()
    assert set(np.flatnonzero(believed(returns))) == set(step.superior_models) == {2, 5, 11, 17}


def test_noise_is_believed_in_about_one_search_of_twenty() -> None:
    rng = np.random.default_rng(4)
    count = sum(believed(market(rng, 20, 0.7), n).any() for n in range(100))
    assert count <= 11


def test_trials_without_an_edge_are_left_out_beside_real_ones() -> None:
    rng = np.random.default_rng(6)
    wrong = found = 0
    for n in range(60):
        returns = market(rng, 20, 0.5)
        returns[:4] += 0.007
        rows = believed(returns, n)
        found += int(rows[:4].sum())
        wrong += bool(rows[4:].any())
    assert found >= 0.95 * 240
    assert wrong <= 8  # 3 expected


def test_trials_that_never_move_are_never_believed() -> None:
    assert not believed(np.zeros((3, 60))).any()


def test_too_few_samples_for_alpha_believe_nothing() -> None:
    returns = market(np.random.default_rng(1), 3) + 0.02
    assert not believed(returns, alpha=1e-5).any()
    assert believed(returns, alpha=0.01).all()


@pytest.mark.parametrize("count", [1, 7])
def test_one_row_or_several_are_all_believed_when_all_earn(count: int) -> None:
    assert believed(market(np.random.default_rng(2), count) + 0.01).all()
