"""The steps that search parameters and give each strategy its state."""

from __future__ import annotations

from collections.abc import Sequence

from flows.engine.engine import FlowStep
from flows.engine.request import FlowRequest
from flows.steps.search.optimize import OptimizeEntry
from flows.tasks.keys import SEPARATOR


def _optimize(key: str, request: FlowRequest) -> OptimizeEntry:
    from flows.steps.search.optimize import optimize

    strategy, _, symbol = key.partition(SEPARATOR)
    return optimize(
        request.lake,
        as_of=request.as_of,
        strategy=strategy,
        symbol=symbol,
        settings=request.settings,
    )


def _weigh(request: FlowRequest, entries: Sequence[OptimizeEntry]) -> tuple[OptimizeEntry, ...]:
    from flows.steps.evidence.verdict import weigh

    return weigh(request.lake, as_of=request.as_of, entries=entries, settings=request.settings)


OPTIMIZE = FlowStep("optimize", _optimize)
EVIDENCE = FlowStep("evidence", _weigh, timeout_s=7200)
