"""The targets of the benchmarks: a line for each figure, and an exit status for all of them."""

from __future__ import annotations

import sys


class Targets:
    """The figures of one benchmark; `finish` exits with status 1 if one misses its target."""

    def __init__(self) -> None:
        self._missed: list[str] = []

    def at_most(self, what: str, value: float, limit: float, unit: str) -> None:
        """Check a figure that must not exceed ``limit``."""
        self._check(what, f"{value:9.4f} {unit} (at most {limit:g})", reached=value <= limit)

    def below(self, what: str, value: float, limit: float, unit: str) -> None:
        """Check a figure that must stay below ``limit``."""
        self._check(what, f"{value:9.4f} {unit} (less than {limit:g})", reached=value < limit)

    def at_least(self, what: str, value: float, least: float, unit: str = "x") -> None:
        """Check a figure that must be ``least`` or more."""
        self._check(what, f"{value:9.1f} {unit} (at least {least:g})", reached=value >= least)

    def not_taken(self, what: str, why: str) -> None:
        """Report a figure that could not be measured; it counts as missed."""
        print(f"{what:<36} {'-':>9} NOT TAKEN: {why}")
        self._missed.append(what)

    def finish(self) -> None:
        """Exit with status 1 and their names if figures were missed or not taken."""
        if self._missed:
            sys.exit(f"missed or not taken: {', '.join(self._missed)}")

    def _check(self, what: str, figure: str, *, reached: bool) -> None:
        print(f"{what:<36} {figure}: {'reached' if reached else 'MISSED'}")
        if not reached:
            self._missed.append(what)
