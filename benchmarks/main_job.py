"""Time of the demo and of the quick tests, with nothing compiled yet.

Run from the root of the repository: ``python benchmarks/main_job.py``. Installation does not count.
The targets are wall-clock seconds; the processor time of all processes is printed as well, half of
which is the least that two cores can reach.
"""

from __future__ import annotations

import os
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from _targets import Targets

ROOT = Path(__file__).parents[1]
DEMO_S, TESTS_S = 180.0, 300.0
WORKERS = min((os.cpu_count() or 2) + 1, 8)
"""As in ``make test``: some tests wait for sockets and processes."""


def run(targets: Targets, what: str, limit: float, command: list[str], cache: str) -> None:
    """Time a command that starts without compiled code; one that fails gives no figure."""
    before, started = resource.getrusage(resource.RUSAGE_CHILDREN), time.perf_counter()
    done = subprocess.run(
        [sys.executable, "-m", *command],
        cwd=ROOT,
        env={**os.environ, "NOCTURNE_CACHE": cache},
        capture_output=True,
        text=True,
        check=False,
    )
    took, after = time.perf_counter() - started, resource.getrusage(resource.RUSAGE_CHILDREN)
    if done.returncode != 0:
        targets.not_taken(what, f"status {done.returncode}: {done.stdout[-300:]}")
        return
    processor = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    print(f"{what:<36} {processor:9.1f} s of the processor")
    targets.at_most(what, took, limit, "s")


def main() -> None:
    """Print both figures."""
    targets = Targets()
    with tempfile.TemporaryDirectory() as folder:
        demo = ["cli", "demo", "--work", f"{folder}/demo"]
        run(targets, "demo", DEMO_S, demo, f"{folder}/first")
        tests = ["pytest", "-n", str(WORKERS), "--dist", "loadfile", "--no-loadscope-reorder"]
        run(targets, "quick tests", TESTS_S, [*tests, "-m", "not slow"], f"{folder}/second")
    targets.finish()


if __name__ == "__main__":
    main()
