"""A search without its parameter sets: strategy, candles, fixed parameters and costs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from trading.candles import CandleColumns, Floats
from trading.metrics import Metrics
from trading.simulation import Costs, Searcher
from trading.strategies.base import Strategy
from trading.strategies.parameters import Value


@dataclass(frozen=True, slots=True)
class SearchTask:
    """What all parameter sets of a search have in common.

    Candles before ``start_ms`` only warm the indicators up.
    """

    strategy: Strategy
    candles: CandleColumns
    fixed: Mapping[str, Value]
    costs: Costs
    compiled: bool = True
    start_ms: int | None = None

    def run(
        self, sets: Sequence[Mapping[str, Value]], threads: int = 1
    ) -> list[tuple[Metrics, Floats]]:
        """Return the metrics and daily returns of parameter sets."""
        searcher = Searcher(
            self.strategy,
            self.candles,
            list(sets),
            self.fixed,
            self.costs,
            compiled=self.compiled,
            threads=threads,
        )
        found = searcher.search(self.start_ms)
        return [
            (row.metrics, daily)
            for row, daily in zip(found.results, found.daily_returns, strict=True)
        ]
