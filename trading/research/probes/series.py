"""Values that belong to moments, and the comparison of two computations of them."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from trading.candles import CandleColumns, Integers

AGREEMENT = "agreement of the engines"
BACKENDS = "agreement of the backends"
MEMORY = "decisions made again"

_TWO_RUNS = {
    AGREEMENT: ("one candle at a time", "in the fast search"),
    BACKENDS: ("in plain Python", "compiled"),
    MEMORY: (
        "in a first run",
        "after the process saw later candles: the step keeps state outside of its buffer",
    ),
}

Column = npt.NDArray[Any]


@dataclass(frozen=True)
class ProbedSeries:
    """Values that a computation yields for points in time.

    ``times`` (ms) identify the rows; the values of a row are final once candles up to ``settled``
    (ms) are known.
    """

    name: str
    times: Integers
    settled: Integers
    columns: Mapping[str, Column]


Evaluate = Callable[[CandleColumns], Sequence[ProbedSeries]]
"""Computes everything to probe from candles."""


@dataclass(frozen=True, slots=True)
class Change:
    """A value that changed although it was final.

    ``before`` is the value when the data ended at ``cut_ms``, ``after`` the value with the data
    that came later; None if there is no such row. In the series of `_TWO_RUNS` they are the values
    of two runs on the same candles.
    """

    view: str
    column: str
    time_ms: int
    cut_ms: int
    before: float | str | None
    after: float | str | None

    @property
    def sentence(self) -> str:
        """Return one line for a person."""
        when, cut = (np.datetime64(ms, "ms") for ms in (self.time_ms, self.cut_ms))
        if self.view in _TWO_RUNS:
            one, other = _TWO_RUNS[self.view]
            return (
                f"{self.view}: {self.column} of {when}Z is {_text(self.before)} {one}, and"
                f" {_text(self.after)} {other}"
            )
        return (
            f"{self.view}: {self.column} of {when}Z was {_text(self.before)} when the data ended at"
            f" {cut}Z, and is {_text(self.after)} now"
        )


def compare(part: ProbedSeries, whole: ProbedSeries, end: int) -> tuple[int, list[Change]]:
    """Count the values of ``part`` that were final at ``end``, and find those that changed."""
    mine, other = part.settled <= end, whole.settled <= end
    times, later = part.times[mine], whole.times[other]
    changes = [
        Change(part.name, "row", int(time), end, *present)
        for gone, present in (
            (np.setdiff1d(times, later), ("there", None)),
            (np.setdiff1d(later, times), (None, "there")),
        )
        for time in gone
    ]
    both, at, to = np.intersect1d(times, later, return_indices=True)
    for name, column in part.columns.items():
        before, after = column[mine][at], whole.columns[name][other][to]
        for place in np.flatnonzero(~_same(before, after)).tolist():
            values = before[place].item(), after[place].item()
            changes.append(Change(part.name, name, int(both[place]), end, *values))
    return len(both) * len(part.columns) + len(changes), changes


def _same(one: Column, other: Column) -> npt.NDArray[np.bool_]:
    equal: npt.NDArray[np.bool_] = np.asarray(one == other)
    if one.dtype.kind == "f":
        equal = equal | (np.isnan(one) & np.isnan(other))
    return equal


def _text(value: float | str | None) -> str:
    if value is None:
        return "not there"
    return value if isinstance(value, str) else f"{value:.10g}"
