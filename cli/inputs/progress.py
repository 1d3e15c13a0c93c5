"""Progress: a bar on a terminal, a line now and then elsewhere; always on the error stream."""

from __future__ import annotations

import sys
import time
from types import TracebackType
from typing import TYPE_CHECKING

from cli.terminal import has_colour

if TYPE_CHECKING:
    from rich.progress import Progress

LINE_EVERY_S = 5.0
"""Where there is no terminal, a long run says so often how far it is."""


class ProgressLine:
    """Says on the error stream how far ``what`` is."""

    def __init__(self, what: str) -> None:
        self._what = what
        self._bar: Progress | None = None

    def __call__(self, done: int, total: int, step: str) -> None:
        """Show how many of ``total`` steps are done, and the last of them."""
        if not has_colour(sys.stderr):
            print(f"{self._what} {done}/{total} {step}", file=sys.stderr, flush=True)
            return
        if self._bar is None:
            self._bar = _bar()
            self._bar.start()
            self._bar.add_task(self._what)
        task = self._bar.task_ids[0]
        self._bar.update(task, completed=done, total=total, description=f"{self._what} {step}")

    def end(self) -> None:
        """Leave the bar; what is printed next starts on its own line."""
        if self._bar is not None:
            self._bar.stop()
            self._bar = None


class LongRun:
    """A run whose bar goes when it ends: with a ``total`` it fills, without one it moves."""

    def __init__(self, what: str, total: int | None = None) -> None:
        self._what = what
        self._total = total
        self._done = 0
        self._said = time.monotonic()
        self._bar: Progress | None = None

    def __enter__(self) -> LongRun:
        if has_colour(sys.stderr):
            self._bar = _bar(transient=True, counted=self._total is not None)
            self._bar.add_task(self._what, total=self._total)
            self._bar.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._bar is not None:
            self._bar.stop()

    def add(self, count: int) -> None:
        """Count what is done; in a pipe say it, but not after every one."""
        self._done += count
        if self._bar is not None:
            self._bar.update(self._bar.task_ids[0], completed=self._done)
        elif time.monotonic() - self._said >= LINE_EVERY_S:
            self._said = time.monotonic()
            total = "" if self._total is None else f" of {self._total:,}"
            print(f"{self._what}: {self._done:,}{total}", file=sys.stderr, flush=True)


def _bar(*, transient: bool = False, counted: bool = True) -> Progress:
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

    from cli.terminal import console

    return Progress(
        TextColumn("{task.description}", markup=False),
        BarColumn(),
        *([MofNCompleteColumn()] if counted else []),
        TimeElapsedColumn(),
        console=console(sys.stderr),
        transient=transient,
    )
