"""Compiled kernels rely on output arrays that do not overlap: a watch on every call."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from itertools import combinations
from typing import Any

import numpy as np
import pytest

from tests.trading import engines
from tests.trading.account_runs import run_account
from tests.trading.simulation.test_account import COSTS, traded_with
from trading.ict.batch import find_structures
from trading.jit import backends, compiler
from trading.simulation import backtest, search
from trading.simulation.account.simulation import AccountLimits
from trading.simulation.backtest import decide
from trading.strategies.technical.breakout import Breakout
from trading.strategies.technical.rsi_bollinger import RsiBollinger


def arrays_of(values: Any) -> Iterator[np.ndarray]:
    """All arrays of the arguments, including those inside tuples."""
    for value in values:
        if isinstance(value, np.ndarray):
            yield value
        elif isinstance(value, tuple):
            yield from arrays_of(value)


def watched(function: Callable[..., Any], calls: list[str]) -> Callable[..., Any]:
    """Return ``function``, but it fails if it wrote to an array that overlaps another."""

    def call(*arguments: Any) -> Any:
        arrays = [array for array in arrays_of(arguments) if array.size]
        before = [array.tobytes() for array in arrays]
        result = function(*arguments)
        calls.append(function.py_func.__name__)  # type: ignore[attr-defined]
        changed = [array.tobytes() != old for array, old in zip(arrays, before, strict=True)]
        for (one, first), (other, second) in combinations(zip(arrays, changed, strict=True), 2):
            assert not (first or second) or not np.shares_memory(one, other), calls[-1]
        return result

    return call


@pytest.fixture
def calls(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Names of the kernels that Python called, all watched."""
    seen: list[str] = []
    twin = compiler.twin
    monkeypatch.setattr(
        compiler, "twin", lambda function, **bound: watched(twin(function, **bound), seen)
    )
    backends.cached_backend.cache_clear()
    return seen


def test_an_overlap_is_noticed():
    def fill(source: np.ndarray, target: np.ndarray) -> None:
        target[:] = source[0] + 1.0

    fill.py_func = fill  # type: ignore[attr-defined]
    values = np.ones(4)
    watched(fill, [])(values, np.zeros(4))
    watched(fill, [])((values, values), np.zeros(4))  # read only
    with pytest.raises(AssertionError, match="fill"):
        watched(fill, [])(values, values[1:])


def test_no_array_of_a_search_or_a_back_test_overlaps_another(calls, bitcoin):
    candles = bitcoin.rows(0, 8_000)
    params = {"filters": "off", "signal_tf": "1m"}
    search(Breakout(), candles, [{"k": 0.1}, {"k": 0.5}], params, COSTS)
    backtest(Breakout(), candles, params, COSTS)
    decide(Breakout(), candles, params)
    wanted = {"fill_extremes", "fill_days", "breakout_scan", "split_found", "fill_horizons"}
    assert wanted | {"trade_all", "decide_rows", "simulate"} <= set(calls)


@pytest.mark.slow
def test_no_array_of_positions_in_stages_an_account_or_structures_overlaps_another(
    calls, bitcoin, ether
):
    candles = {"BTCUSDT": bitcoin.rows(0, 12_000), "ETHUSDT": ether.rows(0, 12_000)}
    strategy = engines.with_rules(RsiBollinger, engines.RULES["additions, trailing"])
    engines.compare(strategy, candles["BTCUSDT"], engines.REVERSION, COSTS)
    traded = [traded_with("ladder, trailing"), traded_with("additions", "ETHUSDT", side=-1)]
    run_account(traded, candles, COSTS, AccountLimits(max_correlation=0.9))
    find_structures(candles["BTCUSDT"])
    assert {"trade_all", "simulate", "share_account", "ict_rows"} <= set(calls)
