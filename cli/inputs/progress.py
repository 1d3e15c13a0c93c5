"""Progress at the terminal: one line that is rewritten, or a line for each step elsewhere."""

from __future__ import annotations

import sys


class ProgressLine:
    """Says on the error stream how far ``what`` is."""

    def __init__(self, what: str) -> None:
        self._what = what
        self._live = sys.stderr.isatty()
        self._open = False

    def __call__(self, done: int, total: int, step: str) -> None:
        """Show how many of ``total`` steps are done, and the last of them."""
        line = f"{self._what} {done}/{total} {step}"
        if self._live:
            print(f"\r\x1b[2K{line}", end="", file=sys.stderr, flush=True)
            self._open = True
        else:
            print(line, file=sys.stderr, flush=True)

    def end(self) -> None:
        """Leave the line; what is printed next starts on its own."""
        if self._open:
            print(file=sys.stderr)
            self._open = False
