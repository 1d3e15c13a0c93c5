"""Progress: a bar on a terminal, a line for each step elsewhere."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

from cli.terminal import has_colour

if TYPE_CHECKING:
    from rich.progress import Progress


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


def _bar() -> Progress:
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

    from cli.terminal import console

    return Progress(
        TextColumn("{task.description}", markup=False),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        console=console(sys.stderr),
    )
