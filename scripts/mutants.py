"""Mutation testing: small faults are put into the code one by one, and a quick test must fail.

    $ python scripts/mutants.py --sample 300 --seed 3
    $ python scripts/mutants.py --only trading/positions      # every fault of a folder
    $ python scripts/mutants.py --match profit_factor         # every fault with that in its name
    $ make mutants                                            # every fault: hours; resumes

Kernels run in plain Python. Which modules, and which tests: tests/mutants.toml. Which faults change
nothing, and why: tests/equivalent_mutants.toml. docs/testing.md explains.
"""

from __future__ import annotations

import argparse
import os
import signal
import sys
import time
import tomllib
from collections.abc import Mapping, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory

from mutation.faults import ROOT, Fault, files_of, find_faults, sample_of
from mutation.results import Count, ResultFile
from mutation.runner import Outcome, Plan, Runner

SETTINGS = ROOT / "tests" / "mutants.toml"
EQUIVALENT = ROOT / "tests" / "equivalent_mutants.toml"
_EVERY_S = 30.0


def main() -> int:
    """Run the requested faults; return 1 if too few are killed, or if the list is out of date."""
    options = _options()
    # Ended from outside, it leaves neither processes nor files.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))
    with SETTINGS.open("rb") as file:
        settings = tomllib.load(file)
    known = equivalent_faults(EQUIVALENT)
    tried = (path for path in files_of(settings["modules"]) if path not in settings["compiled"])
    paths = [path for path in tried if path.startswith(tuple(options.only))]
    faults = [fault for path in paths for fault in find_faults(path)]
    print(f"{len(faults)} faults in {len(paths)} modules", flush=True)
    wrong = _unknown(known, paths, faults)
    faults = [fault for fault in faults if options.match in fault.key]
    whole = not options.sample
    if not whole:
        faults = sample_of(faults, options.sample, options.seed)
    if options.list:
        print("\n".join(f"{fault.key}{' (listed)' * (fault.key in known)}" for fault in faults))
        return 1 if wrong else 0
    results = ResultFile(options.results if whole else None, options.fresh)
    todo = [fault for fault in faults if not results.has(fault)]
    count = Count(killed=len(faults) - len(todo))
    if whole and count.killed:
        print(f"{count.killed} were killed by earlier runs and are not tried again", flush=True)
    progress = _Progress(count, len(todo))
    plan = Plan(settings["first"], settings["tests"], tuple(settings["left_out"]))
    with TemporaryDirectory(prefix="nocturne-mutants-") as folder:
        runner = Runner(plan, options.workers, Path(folder), options.budget)
        for result in runner.run(todo):
            fault = result.fault
            if result.outcome is Outcome.KILLED:
                count.killed += 1
                results.add(fault, result.test)
                if fault.key in known:
                    wrong.append(f"killed now, take it off the list: {fault.key}")
            elif fault.key in known:
                count.equivalent += 1
            else:
                undecided = result.outcome is Outcome.UNDECIDED
                count.undecided += undecided
                count.unnoticed += not undecided
                _print_survivor(fault, result.outcome, result.test)
            progress.tell(fault, result.test, always=options.verbose)
    if progress.done < len(todo):
        print(f"the budget ended before {len(todo) - progress.done} of the {len(todo)} faults")
    print(count.summary())
    for line in wrong:
        print(line)
    return 0 if count.passes(whole) and not wrong else 1


class _Progress:
    """A line now and then: how far the run is, and how long it will last."""

    def __init__(self, count: Count, total: int) -> None:
        self.done = 0
        self._count = count
        self._total = total
        self._began = self._printed = time.monotonic()

    def tell(self, fault: Fault, test: str, *, always: bool) -> None:
        """Count one more fault, and print a line if it is time to."""
        self.done += 1
        now = time.monotonic()
        if always:
            print(f"{self.done}/{self._total} {fault.key} <- {test}", flush=True)
        elif now - self._printed >= _EVERY_S:
            self._printed = now
            left = (now - self._began) / self.done * (self._total - self.done) / 60.0
            count = self._count
            print(
                f"{self.done}/{self._total}: {count.unnoticed} unnoticed, {count.undecided} without"
                f" a verdict, {count.equivalent} equivalent; about {left:.0f} minutes left",
                flush=True,
            )


def equivalent_faults(path: Path) -> dict[str, str]:
    """Return the listed faults that change nothing, each with its reason."""
    with path.open("rb") as file:
        groups = tomllib.load(file).get("equivalent", [])
    return {fault: group["reason"] for group in groups for fault in group["faults"]}


def _unknown(known: Mapping[str, str], paths: Sequence[str], faults: Sequence[Fault]) -> list[str]:
    """Return a sentence for each listed fault that no longer is one of its module."""
    keys = {fault.key for fault in faults}
    listed = [key for key in known if key.partition(": ")[0] in paths]
    return [f"listed, but not in the code: {key}" for key in listed if key not in keys]


def _print_survivor(fault: Fault, outcome: Outcome, said: str) -> None:
    before, after = fault.difference()
    print(f"{outcome.value} ({said}): {fault.key}\n  {fault.path}:{fault.line}", flush=True)
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
    parser.add_argument(
        "--match", default="", metavar="TEXT", help="faults whose name (see --list) contains it"
    )
    parser.add_argument("--list", action="store_true", help="print the faults and run nothing")
    parser.add_argument(
        "--workers",
        type=int,
        default=min(4, len(os.sched_getaffinity(0))),
        help="faults tried at once; more would fill the memory",
    )
    parser.add_argument(
        "--budget",
        type=float,
        default=float("inf"),
        metavar="SECONDS",
        help="begin no further fault after so many seconds of the processor",
    )
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
