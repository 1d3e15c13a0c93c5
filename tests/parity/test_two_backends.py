"""One source, two backends: plain Python without numba and compiled kernels give the same bits."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from tests.parity import backend_pairs
from trading.jit import compiler

HERE = Path(__file__).parent
SLOW = pytest.mark.slow
ENOUGH = 12_000
"""Candles in which every strategy trades and every exit is seen."""
SAMPLE = HERE.parents[1] / "data_lake" / "sample" / "candles_1m" / "usdm"


@pytest.mark.timeout(600)  # it compiles every strategy
@pytest.mark.parametrize(
    ("symbol", "rows"),
    [("BTCUSDT", ENOUGH), ("ETHUSDT", 3_000), pytest.param("ETHUSDT", ENOUGH, marks=SLOW)],
)
def test_plain_python_and_compiled_code_are_equal_to_the_bit(symbol, rows, tmp_path):
    candles, out = SAMPLE / f"{symbol}.parquet", tmp_path / "plain.npz"
    script = [sys.executable, str(HERE / "backend_pairs.py"), str(candles), str(out)]
    script.append(str(rows))
    # Python puts the script's folder on the path, not ours: it would find an installed `trading`.
    environment = {**os.environ, "PYTHONPATH": str(HERE.parents[1])}
    subprocess.run(script, check=True, cwd=HERE.parents[1], env=environment)
    compiler.enable()
    fast = backend_pairs.compute(candles, rows, compiled=True)
    with np.load(out) as plain:
        assert set(plain.files) == set(fast)
        for name in plain.files:
            assert plain[name].tobytes() == fast[name].tobytes(), name
    if rows == ENOUGH:
        assert_not_vacuous(fast)


def assert_not_vacuous(results: dict[str, np.ndarray]) -> None:
    """Return the comparison saw entries, exits, trades, and every kind of exit."""
    for case in backend_pairs.CASES:
        assert results[f"decisions {case}"][:, 0].max() > 0.0, case
        assert len(results[f"trades {case}"]) > 0, case
    for side in (1, -1):
        assert len(results[f"trades staged {side}"]) >= 20
        assert len(results[f"fills staged {side}"]) > len(results[f"trades staged {side}"])
        codes = set(results[f"positions {side}"][::2].astype(int).tolist())
        assert codes == {0, 1, 2, 3, 4, 5}, codes  # every exit that a candle alone can give


def test_the_plain_half_cannot_import_numba():
    block = (
        "import sys; sys.modules['numba'] = None; "
        "import trading.strategies.decider, trading.simulation"
    )
    check = f"{block}; print('numba' in str(sys.modules.get('numba')), 'llvmlite' in sys.modules)"
    ran = subprocess.run([sys.executable, "-c", check], capture_output=True, text=True, check=True)
    assert ran.stdout.split() == ["False", "False"]
