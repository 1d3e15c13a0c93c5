"""Time until a new process is ready to search, with the compiled code on disk.

Run from the root of the repository: ``python benchmarks/second_process.py``. A process is ready
when it has the results of one combination over two days of candles. Times are wall-clock and
processor seconds; other work on the machine disturbs the latter less.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from _targets import Targets

ROOT = Path(__file__).parents[1]
TARGET_S = 1.0
READY = """
import time
import numpy as np
from trading.jit import compiler
from trading.candles import MINUTE_MS, CandleColumns
from trading.simulation import Costs, search
from trading.strategies.registry import get_strategy
compiler.enable()
ones = np.ones(2880)
candles = CandleColumns.of(MINUTE_MS * np.arange(2880), ones, ones, ones, ones)
fixed = {"filters": "off", "signal_tf": "1m"}
found = search(get_strategy("breakout"), candles, [{"k": 0.5}], fixed, Costs())
print(found.seconds_compile, time.process_time())
"""


def start(cache: Path) -> tuple[float, float, float]:
    """Return the seconds until a process has its result: in all, compiling, and processor."""
    started = time.perf_counter()
    done = subprocess.run(
        [sys.executable, "-c", READY],
        cwd=ROOT,
        env={**os.environ, "NOCTURNE_CACHE": str(cache)},
        capture_output=True,
        text=True,
        check=True,
    )
    compiling, processor = done.stdout.split()
    return time.perf_counter() - started, float(compiling), float(processor)


def main() -> None:
    """Print the seconds of the first process, and the best of the next five."""
    with tempfile.TemporaryDirectory() as cache:
        first, compiling, _ = start(Path(cache))
        print(f"first process   {first:7.2f} s, of which compiling {compiling:.2f} s")
        ready, loading, processor = min(start(Path(cache)) for _ in range(5))
    print(
        f"second process  {ready:7.2f} s ({processor:.2f} s of the processor), of which loading"
        f" compiled code {loading:.2f} s; {first / ready:.0f} x faster"
    )
    targets = Targets()
    targets.below("second process, ready", ready, TARGET_S, "s")
    targets.finish()


if __name__ == "__main__":
    main()
