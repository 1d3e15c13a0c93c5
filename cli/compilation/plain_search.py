"""A search in plain Python: how long it takes, and on how many processes."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from itertools import islice
from math import inf
from typing import TYPE_CHECKING

from cli.compilation.choice import plain_search_seconds
from trading.simulation.search_plan import SearchPlan

if TYPE_CHECKING:
    from trading.research.grid import ParameterGrid
    from trading.research.search_task import SearchTask

WORTH_SECONDS = 2.0
"""Plain Python's work that is worth the start of processes: about 0.6 s of a core each."""
_MOST_PLANNED = 2_000
"""Combinations that are looked at to guess how many sets of signals a search has."""
_MOST_TRIED = 4
"""Sets of signals whose time is measured."""


@dataclass(frozen=True)
class PlainSearch:
    """The first ``count`` combinations of a grid in plain Python, on up to ``workers`` cores."""

    work: SearchTask
    grid: ParameterGrid
    count: int
    workers: int
    """0 if the search runs elsewhere, and so never in plain Python."""

    @cached_property
    def seconds(self) -> float:
        """Estimate the processor's time."""
        if self.workers == 0:
            return inf
        work, wanted = self.work, min(self.count, self.grid.size)
        some = [self.grid.combination(at) for at in islice(range(wanted), _MOST_PLANNED)]
        base_ms = work.candles.interval_ms
        groups = SearchPlan(work.strategy, some, work.fixed, work.costs, base_ms).groups
        step = -(-len(groups) // _MOST_TRIED)
        tried = [some[group.members[0]] for group in groups[::step]]
        return plain_search_seconds(work, len(groups) * wanted // len(some), tried)

    @property
    def processes(self) -> int:
        """How many processes share the work; a user's strategy stays in the one that loaded it."""
        ours = type(self.work.strategy).__module__.startswith("trading.")
        return self.workers if ours and self.seconds > WORTH_SECONDS else 1

    @property
    def wall_seconds(self) -> float:
        """Estimate the time that a user waits."""
        return self.seconds if self.workers == 0 else self.seconds / self.processes
