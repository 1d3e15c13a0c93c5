"""The first back-test and the first search of a fresh install, against warm ones.

Run from the root of the repository: ``python benchmarks/cold_start.py [STRATEGY ...]``. Each
strategy runs on the bundled BTCUSDT file as a user runs it, in a process of its own: once on an
empty cache of compiled code, then warm (the best of three). The search takes the nightly's grid of
the last days. Both figures are ratios of wall-clock times in one run, so that a slow machine
changes little.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from _targets import Targets

from flows.settings import ResearchSettings
from trading.strategies.registry import strategy_names

ROOT = Path(__file__).parents[1]
CANDLES = ROOT / "data_lake/sample/candles_1m/usdm/BTCUSDT.parquet"
BACKTEST_LIMIT, SEARCH_LIMIT = 4.0, 8.0


def run(arguments: list[str], cache: str, compiling: str = "auto") -> float:
    """Return the seconds of one command."""
    started = time.perf_counter()
    subprocess.run(
        [sys.executable, "-m", "cli", *arguments, "--candles", str(CANDLES), "--json", os.devnull],
        cwd=ROOT,
        env={**os.environ, "NOCTURNE_CACHE": cache, "NOCTURNE_COMPILE": compiling},
        capture_output=True,
        check=True,
    )
    return time.perf_counter() - started


def ratio(arguments: list[str]) -> tuple[float, float, float]:
    """Return cold over warm, and both in seconds."""
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as cache:
        cold = run(arguments, cache)
        run(arguments, cache, "now")  # also waits for what is compiled beside the first run
        warm = min(run(arguments, cache) for _ in range(3))
    return cold / warm, cold, warm


def main() -> None:
    """Print both ratios of each strategy."""
    targets = Targets()
    grids = ResearchSettings().grids
    for name in sys.argv[1:] or strategy_names():
        found, cold, warm = ratio(["backtest", "--strategy", name])
        print(f"{name}: first back-test {cold:.2f} s, warm {warm:.2f} s")
        targets.at_most(f"{name}: first back-test", found, BACKTEST_LIMIT, "x the warm one")
        axes = [f"--grid={axis}={values}" for axis, values in grids[name].recent.items()]
        found, cold, warm = ratio(["search", "--strategy", name, *axes])
        print(f"{name}: first search {cold:.2f} s, warm {warm:.2f} s")
        targets.at_most(f"{name}: first search", found, SEARCH_LIMIT, "x the warm one")
    targets.finish()


if __name__ == "__main__":
    main()
