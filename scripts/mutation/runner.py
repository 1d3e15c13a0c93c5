"""Runs mutants side by side, each in a fork of one process that has imported what is costly."""

from __future__ import annotations

import importlib
import json
import math
import os
import resource
import signal
import sys
import time
import traceback
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from enum import Enum
from pathlib import Path
from typing import Any

from hypothesis import Phase, settings

from mutation.child import run_tests
from mutation.faults import ROOT, Fault

# None of them starts threads when imported: a fork would lose them.
_COSTLY = ("numba", "numpy", "pydantic", "pyarrow.parquet", "hypothesis.extra.numpy", "pytest")
_TEST_S = 10.0
_CLEAN_TEST_S = 5.0
_MUTANT_S = 40.0
_HUNG_S = 600.0


@dataclass(frozen=True, slots=True)
class Plan:
    """Which tests must notice the faults of which modules.

    ``tests``: beginnings of module paths, each with test files or folders beside those that mirror
    the module; ``first``: the same, of tests that are quick and notice most. ``left_out``:
    beginnings of the names of tests that take too long in plain Python.
    """

    first: dict[str, list[str]]
    tests: dict[str, list[str]]
    left_out: tuple[str, ...]

    def stages(self, path: str) -> tuple[tuple[str, ...], ...]:
        """Return the test files of a module: its own and the first, then the others."""
        module = Path(path)
        own = Path("tests") / module.parent / f"test_{module.name}"
        folder = Path("tests") / module.parent
        while not (ROOT / folder).is_dir():
            folder = folder.parent
        near = [folder] if len(folder.parts) > 2 else []
        named = _named(self.tests, path)
        first = dict.fromkeys(
            file for place in (own, *_named(self.first, path)) for file in _test_files(place)
        )
        files = dict.fromkeys(file for place in (*named, *near) for file in _test_files(place))
        return tuple(first), tuple(file for file in files if file not in first)


class Outcome(Enum):
    """What became of a mutant."""

    KILLED = "killed"
    SURVIVED = "survived"
    UNDECIDED = "undecided"


@dataclass(frozen=True, slots=True)
class Result:
    """The outcome of a mutant, and the test that killed it ("import" where it does not load)."""

    fault: Fault
    outcome: Outcome
    test: str


@dataclass(slots=True)
class Runner:
    """Forks a process for each mutant, ``workers`` at a time.

    A test counts only if it passes without the fault in half of the time; each that has killed is
    run once to see that. All limits are of processor time, so that a busy machine decides nothing.
    Reports lie in ``folder``; after ``budget_s`` seconds of the processor no mutant begins.
    """

    plan: Plan
    workers: int
    folder: Path
    budget_s: float = math.inf
    _sound: dict[tuple[str, ...], bool] = field(default_factory=dict)
    _count: int = 0

    def __post_init__(self) -> None:
        """Import what is costly, and set what the tests read from the environment."""
        os.environ |= {
            "NOCTURNE_COMPILE": "never",
            "HYPOTHESIS_PROFILE": "mutants",
            "OMP_NUM_THREADS": "1",
        }
        # A failing example is enough: shrinking it would take longer than finding it.
        settings.register_profile(
            "mutants",
            derandomize=True,
            database=None,
            phases=(Phase.explicit, Phase.reuse, Phase.generate),
        )
        os.chdir(ROOT)
        sys.path.insert(0, str(ROOT))
        for name in _COSTLY:
            importlib.import_module(name)

    def run(self, faults: Sequence[Fault]) -> Iterator[Result]:
        """Yield the result of each fault as soon as it is known."""
        waiting = list(reversed(faults))
        active: dict[int, tuple[Fault, Path, float]] = {}
        try:
            while waiting or active:
                if _used_s() > self.budget_s:
                    waiting.clear()
                while waiting and len(active) < self.workers:
                    self._begin(waiting.pop(), active)
                ended = _wait(active)
                if ended is None:
                    continue
                fault, report, _ = active.pop(ended[0])
                if os.WIFEXITED(ended[1]) and os.WEXITSTATUS(ended[1]):
                    raise SystemExit(report.with_suffix(".txt").read_text(encoding="utf-8"))
                result = self._verdict(fault, report)
                if result is None:
                    waiting.append(fault)
                else:
                    yield result
        finally:
            for pid in active:
                os.killpg(pid, signal.SIGKILL)
                os.waitpid(pid, 0)

    def _begin(self, fault: Fault, active: dict[int, tuple[Fault, Path, float]]) -> None:
        """Fork a process for one fault, unless its change leaves the module as it was."""
        source = fault.source()
        if source is None:
            return
        report = self._report()
        mutant = (fault.path, source)
        pid = self._fork(self.plan.stages(fault.path), report, mutant, _TEST_S)
        active[pid] = (fault, report, time.monotonic() + _HUNG_S)

    def _verdict(self, fault: Fault, report: Path) -> Result | None:
        """Return what the report of a mutant says; None if its test does not count."""
        said = _read(report)
        test = str(said.get("test", ""))
        match said.get("outcome"):
            case "failed" | "time-out":
                if self._is_sound((test,)):
                    return Result(fault, Outcome.KILLED, test)
                self.plan = replace(self.plan, left_out=(*self.plan.left_out, test))
                print(f"left out, it fails or lasts without a fault: {test}", flush=True)
                return None
            case "broken":
                stages = self.plan.stages(fault.path)
                files = tuple(file for stage in stages for file in stage)
                if not self._is_sound(("--collect-only", *files)):
                    raise SystemExit(f"these tests cannot be collected: {' '.join(files)}")
                return Result(fault, Outcome.KILLED, "import")
            case "passed":
                return Result(fault, Outcome.SURVIVED, f"{said['passed']} tests passed")
        return Result(fault, Outcome.UNDECIDED, "no verdict in time")

    def _is_sound(self, arguments: tuple[str, ...]) -> bool:
        """Tell whether a run of pytest passes without a fault."""
        if arguments not in self._sound:
            report = self._report()
            pid = self._fork((arguments,), report, None, _CLEAN_TEST_S)
            os.waitpid(pid, 0)
            self._sound[arguments] = _read(report).get("outcome") == "passed"
        return self._sound[arguments]

    def _report(self) -> Path:
        self._count += 1
        return self.folder / f"{self._count}.json"

    def _fork(
        self,
        stages: Sequence[Sequence[str]],
        report: Path,
        mutant: tuple[str, str] | None,
        test_s: float,
    ) -> int:
        sys.stdout.flush()
        pid = os.fork()
        if pid:
            return pid
        try:
            os.setpgid(0, 0)
            run_tests(stages, report, mutant, self.plan.left_out, (test_s, _MUTANT_S))
        except BaseException:
            traceback.print_exc()
        os._exit(1)


def _used_s() -> float:
    """Return the processor time of the mutants that have ended."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def _wait(active: dict[int, tuple[Fault, Path, float]]) -> tuple[int, int] | None:
    """Return the process that has ended and its status; end one that hangs."""
    for pid, (_, _, deadline) in active.items():
        ended = os.waitpid(pid, os.WNOHANG)
        if ended[0]:
            return ended
        if time.monotonic() > deadline:
            os.killpg(pid, signal.SIGKILL)
            return os.waitpid(pid, 0)
    time.sleep(0.01)
    return None


def _read(report: Path) -> dict[str, Any]:
    """Return what a child has left; empty if it was ended before."""
    if not report.exists():
        return {}
    read: dict[str, Any] = json.loads(report.read_text(encoding="utf-8"))
    return read


def _named(tests: dict[str, list[str]], path: str) -> list[Path]:
    """Return the tests that are named for a module."""
    return [
        Path(test) for prefix, named in tests.items() if path.startswith(prefix) for test in named
    ]


def _test_files(place: Path) -> list[str]:
    """Return the test files of a folder, or the file itself."""
    path = ROOT / place
    found = sorted(path.rglob("test_*.py")) if path.is_dir() else [path]
    return [file.relative_to(ROOT).as_posix() for file in found if file.exists()]
