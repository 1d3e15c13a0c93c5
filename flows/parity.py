"""The flow that compares each day of live trading with its replay."""

from __future__ import annotations

from prefect import State, flow

from flows.engine.prefect_engine import run_flow
from flows.engine.request import FlowArguments
from flows.pipeline import FlowResult


@flow(name="parity", timeout_seconds=3600, validate_parameters=True)
def parity(
    as_of: str | None = None,
    lake: str | None = None,
    sample: str | None = None,
    symbols: list[str] | None = None,
) -> State[FlowResult]:
    """Compare the last whole day of live trading with its replay."""
    return run_flow("parity", FlowArguments(as_of, lake, sample, symbols))
