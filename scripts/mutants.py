"""Mutation testing: small faults are put into the code one by one, and a quick test must fail.

    $ python scripts/mutants.py --sample 300 --seed 3
    $ python scripts/mutants.py --only trading/positions      # every fault of a folder
    $ make mutants                                            # every fault: hours; resumes

Kernels run in plain Python. Which modules, which tests, and who survives with what reason:
tests/mutants.toml. docs/testing.md explains.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import sys
import tomllib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from mutation.faults import ROOT, Fault, files_of, find_faults, sample_of, source_of
from mutation.runner import Plan, Runner
from scipy.stats import beta

SETTINGS = ROOT / "tests" / "mutants.toml"
REQUIRED = 0.95


@dataclass(frozen=True, slots=True)
class Count:
    """How many faults were killed, of those that a test can notice."""

    killed: int
    tried: int

    @property
    def share(self) -> float:
        """Share that was killed."""
        return self.killed / self.tried if self.tried else 0.0

    def bounds(self) -> tuple[float, float]:
        """Return the exact 95 % bounds of the share of all faults (Clopper and Pearson 1934)."""
        killed, alive = self.killed, self.tried - self.killed
        low = float(beta.ppf(0.025, killed, alive + 1)) if killed else 0.0
        high = float(beta.ppf(0.975, killed + 1, alive)) if alive else 1.0
        return low, high


class ResultFile:
    """One line a killed fault; a fault counts as killed as long as its module is the same."""

    def __init__(self, path: Path | None, fresh: bool) -> None:
        self._path = path
        self._killed: set[str] = set()
        if path is None:
            return
        path.parent.mkdir(parents=True, exist_ok=True)
        if fresh:
            path.unlink(missing_ok=True)
        if path.exists():
            lines = path.read_text(encoding="utf-8").splitlines()
            self._killed = {json.loads(line)["id"] for line in lines if line.endswith("}")}

    def has(self, fault: Fault) -> bool:
        """Tell whether the fault was killed before."""
        return _identity(fault) in self._killed

    def add(self, fault: Fault, test: str) -> None:
        """Write down that the fault was killed."""
        if self._path is not None:
            line = json.dumps({"id": _identity(fault), "fault": fault.key, "test": test})
            with self._path.open("a", encoding="utf-8") as file:
                file.write(line + "\n")


def _identity(fault: Fault) -> str:
    return hashlib.sha256(f"{source_of(fault.path)}\0{fault.key}".encode()).hexdigest()[:24]


def main() -> int:
    """Run the requested faults; return 1 if too few are killed, or if the list is out of date."""
    options = _options()
    with SETTINGS.open("rb") as file:
        settings = tomllib.load(file)
    known = {entry["fault"]: entry["reason"] for entry in settings.get("survivors", [])}
    paths = [path for path in files_of(settings["modules"]) if path.startswith(tuple(options.only))]
    faults = [fault for path in paths for fault in find_faults(path)]
    print(f"{len(faults)} faults in {len(paths)} modules", flush=True)
    wrong = _unknown(known, paths, faults)
    whole = not options.sample
    if not whole:
        faults = sample_of(faults, options.sample, options.seed)
    results = ResultFile(options.results if whole else None, options.fresh)
    todo = [fault for fault in faults if not results.has(fault)]
    killed, alive = len(faults) - len(todo), 0
    runner = Runner(Plan(settings["tests"], tuple(settings["left_out"])), options.workers)
    for number, result in enumerate(runner.run(todo), start=1):
        if result.killed:
            killed += 1
            results.add(result.fault, result.test)
            if result.fault.key in known:
                wrong.append(f"killed now, take it off the list: {result.fault.key}")
        elif result.fault.key not in known:
            alive += 1
            _print_survivor(result.fault, result.test)
        if options.verbose:
            print(f"{number}/{len(todo)} {result.fault.key} <- {result.test}", flush=True)
        elif number % 50 == 0:
            print(f"{number}/{len(todo)}, {alive} survive", flush=True)
    return _conclude(Count(killed, killed + alive), wrong, whole)


def _conclude(count: Count, wrong: Sequence[str], whole: bool) -> int:
    """Print the share; a sample fails only if its bounds exclude what is required."""
    low, high = count.bounds()
    print(
        f"killed {count.killed} of {count.tried}: {count.share:.1%}"
        f" (95 % bounds {low:.1%} to {high:.1%}; required {REQUIRED:.0%})"
    )
    for line in wrong:
        print(line)
    reached = count.share if whole else high
    return 0 if count.tried and reached >= REQUIRED and not wrong else 1


def _unknown(known: dict[str, str], paths: Sequence[str], faults: Sequence[Fault]) -> list[str]:
    """Return a sentence for each listed survivor that no longer is a fault of its module."""
    keys = {fault.key for fault in faults}
    listed = [key for key in known if key.partition(": ")[0] in paths]
    return [f"listed, but not in the code: {key}" for key in listed if key not in keys]


def _print_survivor(fault: Fault, said: str) -> None:
    before, after = fault.difference()
    print(f"survived ({said}): {fault.key}\n  {fault.path}:{fault.line}", flush=True)
    print(f"  - {before}\n  + {after}", flush=True)


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--sample", type=int, default=0, help="number of faults; 0 = all")
    parser.add_argument("--seed", type=int, default=0, help="seed of the sample")
    parser.add_argument(
        "--only", nargs="*", default=[""], metavar="PATH", help="modules that start with it"
    )
    parser.add_argument("--workers", type=int, default=os.cpu_count() or 1)
    parser.add_argument(
        "--results",
        type=Path,
        default=ROOT / ".work" / "mutants.jsonl",
        help="file of the killed faults; the next run leaves them out",
    )
    parser.add_argument("--fresh", action="store_true", help="forget the results of earlier runs")
    parser.add_argument("--verbose", action="store_true", help="a line for each fault")
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
