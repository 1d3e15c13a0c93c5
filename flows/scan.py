"""The flow that scans for the universe every quarter of an hour."""

from __future__ import annotations

from prefect import State, flow

from flows.engine.prefect_engine import run_flow
from flows.engine.request import FlowArguments
from flows.pipeline import FlowResult


@flow(name="scan", timeout_seconds=600, validate_parameters=True)
def scan(
    as_of: str | None = None,
    lake: str | None = None,
    sample: str | None = None,
    symbols: list[str] | None = None,
) -> State[FlowResult]:
    """Rank the symbols by quote volume."""
    return run_flow("scan", FlowArguments(as_of, lake, sample, symbols))
