"""Runs mutants side by side, each in a fork of one process that has imported what is costly."""

from __future__ import annotations

import importlib
import json
import os
import signal
import sys
import tempfile
import time
import traceback
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
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
    the module. ``left_out``: beginnings of the names of tests that take too long in plain Python.
    """

    tests: dict[str, list[str]]
    left_out: tuple[str, ...]

    def stages(self, path: str) -> tuple[tuple[str, ...], ...]:
        """Return the test files of a module: its own, then its folder's and the named ones."""
        module = Path(path)
        own = Path("tests") / module.parent / f"test_{module.name}"
        folder = Path("tests") / module.parent
        while not (ROOT / folder).is_dir():
            folder = folder.parent
        near = [folder] if len(folder.parts) > 2 else []
        named = [
            Path(test)
            for prefix, tests in self.tests.items()
            if path.startswith(prefix)
            for test in tests
        ]
        files = [file for place in (*near, *named) for file in _test_files(place)]
        first = (own.as_posix(),) if (ROOT / own).is_file() else ()
        rest = tuple(file for file in dict.fromkeys(files) if file not in first)
        return first, rest


@dataclass(frozen=True, slots=True)
class Result:
    """What became of a mutant: killed by ``test`` ("import" where it does not load), or not."""

    fault: Fault
    killed: bool
    test: str


@dataclass(slots=True)
class Runner:
    """Forks a process for each mutant, ``workers`` at a time.

    A test counts only if it passes without the fault in half of the time; each that has killed is
    run once to see that. A mutant whose tests end in no verdict within the limit survives.
    """

    plan: Plan
    workers: int
    folder: Path = field(default_factory=lambda: Path(tempfile.mkdtemp(prefix="mutants-")))
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
        while waiting or active:
            while waiting and len(active) < self.workers:
                fault = waiting.pop()
                if (source := fault.source()) is None:
                    continue
                stages = self.plan.stages(fault.path)
                report = self._report()
                pid = self._fork(stages, report, (fault.path, source), _TEST_S)
                active[pid] = (fault, report, time.monotonic() + _HUNG_S)
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

    def _verdict(self, fault: Fault, report: Path) -> Result | None:
        """Return what the report of a mutant says; None if its test does not count."""
        said = _read(report)
        test = str(said.get("test", ""))
        match said.get("outcome"):
            case "failed" | "time-out":
                if self._is_sound((test,)):
                    return Result(fault, True, test)
                self.plan = Plan(self.plan.tests, (*self.plan.left_out, test))
                print(f"left out, it fails or lasts without a fault: {test}", flush=True)
                return None
            case "broken":
                stages = self.plan.stages(fault.path)
                files = tuple(file for stage in stages for file in stage)
                if not self._is_sound(("--collect-only", *files)):
                    raise SystemExit(f"these tests cannot be collected: {' '.join(files)}")
                return Result(fault, True, "import")
            case "passed":
                return Result(fault, False, f"{said['passed']} tests passed")
        return Result(fault, False, "no verdict in time")

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


def _test_files(place: Path) -> list[str]:
    """Return the test files of a folder, or the file itself."""
    path = ROOT / place
    found = sorted(path.rglob("test_*.py")) if path.is_dir() else [path]
    return [file.relative_to(ROOT).as_posix() for file in found if file.exists()]
