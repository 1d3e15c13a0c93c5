"""A target with one outcome is refused by name; it is neither a leak nor a proof."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pytest

from flows.steps.models.dataset import BAR_MS, WARM_UP_MS, dataset_of
from trading.errors import DataError

ROWS = WARM_UP_MS // BAR_MS + 400
NAMES = ("ret_4", "log_rv_4")


def features(returns: np.ndarray, volatility: np.ndarray) -> pa.Table:
    times = 1_735_689_600_000 + BAR_MS * np.arange(ROWS)
    return pa.table(
        {
            "open_time": pa.array(times).cast(pa.timestamp("ms", tz="UTC")),
            "ret_4": returns,
            "log_rv_4": volatility,
        }
    )


def moves(seed: int) -> np.ndarray:
    return np.random.default_rng(seed).normal(0.0, 0.01, ROWS)


@pytest.mark.parametrize("seed", range(20))
def test_a_constant_target_is_named(seed: int) -> None:
    value = [0.0, 0.001, -0.02, 1e-12, -3.0][seed % 5]
    constant, other = np.full(ROWS, value), moves(seed)
    kinds = (
        (constant, np.full(ROWS, -np.inf), f"the return of the next hour is {value:g} in all"),
        (np.abs(other) + 1e-9, other, "the direction of the next hour is up in all"),
        (-np.abs(other), other, "the direction of the next hour is never up in all"),
        (other, constant, f"the volatility of the next hour is {value:g} in all"),
    )
    returns, volatility, words = kinds[seed // 5]
    with pytest.raises(DataError, match=f"MINEUSDT: the target is constant: {words}"):
        dataset_of(features(returns, volatility), "MINEUSDT", NAMES)


@pytest.mark.parametrize("seed", range(20))
def test_one_other_outcome_is_enough_to_learn_from(seed: int) -> None:
    rng = np.random.default_rng(seed)
    row = int(rng.integers(WARM_UP_MS // BAR_MS + 4, ROWS))
    returns, volatility = np.full(ROWS, 0.001), np.full(ROWS, -5.0)
    returns[row], volatility[row] = -0.001, -4.0
    data = dataset_of(features(returns, volatility), "MINEUSDT", NAMES)
    assert len(data.times) == ROWS - WARM_UP_MS // BAR_MS - 4
    assert np.count_nonzero(data.log_return < 0) == np.count_nonzero(data.log_volatility > -5) == 1
