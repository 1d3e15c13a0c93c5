"""Tests over many trials need little memory beside the returns, and no other result."""

from __future__ import annotations

import tracemalloc
from collections.abc import Callable

import numpy as np
import pytest

from trading.research import row_blocks
from trading.research.evidence.step_down import superior_trials
from trading.research.evidence.superior_ability import superior_ability
from trading.research.overfitting import backtest_overfitting

Returns = np.ndarray

TESTS: dict[str, Callable[[Returns], object]] = {
    "superior ability": lambda r: superior_ability(r, np.random.default_rng(1), 256),
    "step down": lambda r: superior_trials(r, np.random.default_rng(1), 0.05, 256).tolist(),
    "overfitting": lambda r: backtest_overfitting(r, 8),
}


def returns_of(trials: int, days: int) -> Returns:
    """Return daily returns of trials with a small edge."""
    return np.random.default_rng(3).normal(0.002, 0.02, (trials, days))


@pytest.mark.parametrize("name", TESTS)
def test_many_trials_need_little_memory_beside_their_returns(name: str) -> None:
    returns = returns_of(5_000, 40)
    tracemalloc.start()
    try:
        TESTS[name](returns)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < 25e6 + 2 * returns.nbytes  # 256 resamples of all trials at once: 10 MB each


@pytest.mark.parametrize("name", TESTS)
def test_blocks_change_no_result(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    returns = returns_of(700, 40)
    whole = TESTS[name](returns)
    monkeypatch.setattr(row_blocks, "ROWS", 64)
    assert TESTS[name](returns) == whole
