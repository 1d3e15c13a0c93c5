"""Every strategy and the regimes on both backends over the larger data set, where it is."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from cli.inputs.candle_files import read_candles
from trading.ensemble.regimes import label_candles
from trading.jit import compiler
from trading.simulation.backtest import decide
from trading.strategies.registry import get_strategy, strategy_names

SHARED = Path(__file__).parents[3] / "shared" / "data" / "candles_1m" / "usdm"
FILES = sorted(SHARED.glob("*.parquet"))


@pytest.mark.slow
@pytest.mark.timeout(600)
@pytest.mark.skipif(not FILES, reason="the larger data set is not here")
@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_every_strategy_decides_the_same_at_both_backends(path: Path) -> None:
    compiler.enable()
    candles = read_candles(path)
    values = {"filters": "off", "signal_tf": "15m"}
    for name in strategy_names():
        strategy = get_strategy(name)
        known = strategy.accepted(values)
        fast = decide(strategy, candles, known)
        plain = decide(strategy, candles, known, compiled=False)
        assert fast.tobytes() == plain.tobytes(), name
    labels = label_candles(candles)
    assert np.array_equal(labels, label_candles(candles, compiled=False))
