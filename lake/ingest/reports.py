"""What an import did: one report per file, and all of them together."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Literal

Status = Literal["imported", "unchanged", "ahead", "failed"]


@dataclass(frozen=True)
class FileReport:
    """The outcome for one file.

    ``imported``: its rows were written. ``unchanged``: the lake has them. ``ahead``: all of it lies
    at or after ``as_of``. ``failed``: see ``reason``, which may also be a remark on a good file.
    """

    path: str
    status: Status
    venue: str
    symbol: str
    rows: int
    reason: str


@dataclass(frozen=True)
class ImportReport:
    """The outcome of an import, file by file in order of name."""

    files: tuple[FileReport, ...]
    partitions_written: int

    @property
    def failed(self) -> tuple[FileReport, ...]:
        """Files that could not be imported."""
        return tuple(file for file in self.files if file.status == "failed")

    @property
    def rows(self) -> int:
        """Rows read from files and written."""
        return sum(file.rows for file in self.files)

    @property
    def symbols(self) -> tuple[tuple[str, str], ...]:
        """(venue, symbol) of every file that was or had been imported."""
        good = {(f.venue, f.symbol) for f in self.files if f.status != "failed" and f.symbol}
        return tuple(sorted(good))


_WEIGHT = {"failed": 3, "imported": 2, "unchanged": 1, "ahead": 0}


def per_file(reports: Iterable[FileReport]) -> tuple[FileReport, ...]:
    """Merge the reports of each file: rows add up, the worst status wins."""
    merged: dict[str, FileReport] = {}
    for report in reports:
        known = merged.get(report.path)
        if known is None:
            merged[report.path] = report
            continue
        worst = max(known, report, key=lambda r: _WEIGHT[r.status])
        reason = worst.reason or known.reason or report.reason
        merged[report.path] = replace(worst, rows=known.rows + report.rows, reason=reason)
    return tuple(merged[path] for path in sorted(merged))
