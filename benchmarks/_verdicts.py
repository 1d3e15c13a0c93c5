"""What the benchmarks judge by: a line for each figure, and a status for all of them."""

from __future__ import annotations

import sys


class Verdicts:
    """The figures of one benchmark; :meth:`finish` sets the status 1 unless all were reached."""

    def __init__(self) -> None:
        self._missed: list[str] = []

    def at_most(self, what: str, value: float, limit: float, unit: str) -> None:
        """A figure that must not be larger than ``limit``."""
        self._judge(what, f"{value:9.4f} {unit} (at most {limit:g})", reached=value <= limit)

    def below(self, what: str, value: float, limit: float, unit: str) -> None:
        """A figure that must be smaller than ``limit``."""
        self._judge(what, f"{value:9.4f} {unit} (less than {limit:g})", reached=value < limit)

    def at_least(self, what: str, value: float, least: float, unit: str = "x") -> None:
        """A figure that must not be smaller than ``least``."""
        self._judge(what, f"{value:9.1f} {unit} (at least {least:g})", reached=value >= least)

    def not_taken(self, what: str, why: str) -> None:
        """A figure that could not be measured, which is no success."""
        print(f"{what:<36} {'-':>9} NOT TAKEN: {why}")
        self._missed.append(what)

    def finish(self) -> None:
        """End with status 1, and their names, if figures were missed or not taken."""
        if self._missed:
            sys.exit(f"missed or not taken: {', '.join(self._missed)}")

    def _judge(self, what: str, figure: str, *, reached: bool) -> None:
        print(f"{what:<36} {figure}: {'reached' if reached else 'MISSED'}")
        if not reached:
            self._missed.append(what)
