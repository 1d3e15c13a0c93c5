"""What a forked process does: load the module with the fault, run the tests, leave a result."""

from __future__ import annotations

import json
import os
import resource
import signal
import sys
from collections.abc import Collection, Iterator, Sequence
from importlib.abc import MetaPathFinder
from importlib.machinery import ModuleSpec, SourceFileLoader
from importlib.util import spec_from_file_location
from pathlib import Path
from types import CodeType, ModuleType

import pytest

from mutation.faults import ROOT

NO_TESTS = 5
"""What pytest returns where it has collected no test."""
OPTIONS = ("-x", "-q", "-p", "no:cacheprovider", "-o", "timeout=0", "--assert=plain")
"""No limit of wall time: the limits of processor time decide the same on a busy machine.

Plain asserts: rewritten ones load slower, and explain failures that nobody reads here.
"""
_MEMORY = 4 * 1024**3


class _MutantLoader(SourceFileLoader):
    """Loads one module from a changed text, under its own path."""

    def __init__(self, name: str, path: str, source: str) -> None:
        super().__init__(name, path)
        self._source = source

    def get_code(self, fullname: str) -> CodeType:
        return compile(self._source, self.get_filename(fullname), "exec", dont_inherit=True)


class _MutantFinder(MetaPathFinder):
    """Finds the module with the fault before the import system finds the file."""

    def __init__(self, path: str, source: str) -> None:
        self.name = path.removesuffix(".py").replace("/", ".")
        self._path = str(ROOT / path)
        self._source = source

    def find_spec(
        self, fullname: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        del path, target
        if fullname != self.name:
            return None
        loader = _MutantLoader(fullname, self._path, self._source)
        return spec_from_file_location(fullname, self._path, loader=loader)


class Recorder:
    """A plugin of pytest: picks the tests, limits each one's time, keeps the first failure.

    ``left_out`` are the beginnings of test names. A test that takes longer than ``limit_s`` of
    the processor ends the process with the result "time-out".
    """

    def __init__(self, report: Path, left_out: Collection[str], limit_s: float) -> None:
        self.report = report
        self.left_out = tuple(left_out)
        self.limit_s = limit_s
        self.running = ""
        self.failed = ""
        self.passed = 0
        signal.signal(signal.SIGPROF, lambda *_: self.leave("time-out", self.running))

    def pytest_collection_modifyitems(
        self, config: pytest.Config, items: list[pytest.Item]
    ) -> None:
        """Keep the quick tests that are not left out."""
        kept = [item for item in items if not item.nodeid.startswith(self.left_out)]
        kept = [item for item in kept if item.get_closest_marker("slow") is None]
        config.hook.pytest_deselected(items=[item for item in items if item not in kept])
        items[:] = kept

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_protocol(self, item: pytest.Item) -> Iterator[None]:
        """Start the timer of a test."""
        self.running = item.nodeid
        signal.setitimer(signal.ITIMER_PROF, self.limit_s)
        try:
            return (yield)
        finally:
            signal.setitimer(signal.ITIMER_PROF, 0.0)

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Keep the name of the first test that fails."""
        if report.failed and not self.failed:
            self.failed = report.nodeid
        self.passed += report.when == "call" and report.passed

    def leave(self, outcome: str, test: str = "") -> None:
        """Write the result and end the process at once."""
        self.report.write_text(
            json.dumps({"outcome": outcome, "test": test, "passed": self.passed})
        )
        os._exit(0)


def run_tests(
    stages: Sequence[Sequence[str]],
    report: Path,
    mutant: tuple[str, str] | None,
    left_out: Collection[str],
    limits: tuple[float, float],
) -> None:
    """Run the tests of each stage until one fails, and end the process; never returns.

    ``mutant``: path and text of a module, None for the project as it is. ``limits``: seconds of
    the processor for one test and for all of them.
    """
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    resource.setrlimit(resource.RLIMIT_DATA, (_MEMORY, _MEMORY))
    resource.setrlimit(resource.RLIMIT_CPU, (int(limits[1]), int(limits[1]) + 5))
    output = os.open(report.with_suffix(".txt"), os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
    os.dup2(output, 1)
    os.dup2(output, 2)
    if mutant is not None:
        finder = _MutantFinder(*mutant)
        if finder.name in sys.modules:
            raise RuntimeError(f"{finder.name} was imported before the fork")
        sys.meta_path.insert(0, finder)
    recorder = Recorder(report, left_out, limits[0])
    for stage in filter(None, stages):
        arguments = [*OPTIONS, *stage]
        code = pytest.main(arguments, plugins=[recorder])
        if recorder.failed:
            recorder.leave("failed", recorder.failed)
        if code not in (0, NO_TESTS):
            recorder.leave("broken")
    recorder.leave("passed")
