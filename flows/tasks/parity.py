"""The task of the flow `parity`; what it imports is heavy, so it is imported when it runs."""

from __future__ import annotations

from typing import TYPE_CHECKING

from flows.engine.engine import FlowStep
from flows.engine.request import FlowRequest

if TYPE_CHECKING:
    from flows.steps.evidence.parity_table import ParityResult


def _parity(request: FlowRequest) -> ParityResult:
    from flows.steps.evidence.parity import compare_last_day

    return compare_last_day(request.lake, as_of=request.as_of, settings=request.settings)


PARITY = FlowStep("parity", _parity)
