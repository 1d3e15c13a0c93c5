"""What became of the faults: counts with their bounds, and a file that lets the next run go on."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from scipy.stats import beta

from mutation.faults import Fault, source_of

REQUIRED = 0.95


@dataclass(slots=True)
class Count:
    """Faults by what became of them.

    ``unnoticed`` passed every test. ``undecided`` had no verdict within their time: they count
    neither for the tests nor against them. ``equivalent`` change nothing that a test could see.
    """

    killed: int = 0
    unnoticed: int = 0
    undecided: int = 0
    equivalent: int = 0

    @property
    def decided(self) -> int:
        """Faults with a verdict that counts."""
        return self.killed + self.unnoticed

    @property
    def share(self) -> float:
        """Share of the decided faults that was killed."""
        return self.killed / self.decided if self.decided else 0.0

    def bounds(self) -> tuple[float, float]:
        """Return the exact 95 % bounds of the share of all faults (Clopper and Pearson 1934)."""
        killed, alive = self.killed, self.unnoticed
        low = float(beta.ppf(0.025, killed, alive + 1)) if killed else 0.0
        high = float(beta.ppf(0.975, killed + 1, alive)) if alive else 1.0
        return low, high

    def passes(self, whole: bool) -> bool:
        """Tell whether enough were killed; a sample fails only if its bounds exclude that."""
        return bool(self.decided) and (self.share if whole else self.bounds()[1]) >= REQUIRED

    def summary(self) -> str:
        """Return the figures in one line."""
        low, high = self.bounds()
        return (
            f"killed {self.killed} of {self.decided}: {self.share:.1%}"
            f" (95 % bounds {low:.1%} to {high:.1%}; required {REQUIRED:.0%});"
            f" {self.undecided} without a verdict, {self.equivalent} equivalent"
        )


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
            self._killed = set(_identities(path.read_text(encoding="utf-8").splitlines()))

    def has(self, fault: Fault) -> bool:
        """Tell whether the fault was killed before."""
        return _identity(fault) in self._killed

    def add(self, fault: Fault, test: str) -> None:
        """Write down that the fault was killed."""
        if self._path is not None:
            line = json.dumps({"id": _identity(fault), "fault": fault.key, "test": test})
            with self._path.open("a", encoding="utf-8") as file:
                file.write(line + "\n")


def _identities(lines: Iterable[str]) -> Iterable[str]:
    # A run that was ended while it wrote leaves half a line.
    return (json.loads(line)["id"] for line in lines if line.endswith("}"))


def _identity(fault: Fault) -> str:
    return hashlib.sha256(f"{source_of(fault.path)}\0{fault.key}".encode()).hexdigest()[:24]
