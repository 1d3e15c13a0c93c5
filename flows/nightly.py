"""The nightly flow: everything from the archive files to a release and its report."""

from __future__ import annotations

from prefect import State, flow

from flows.engine.prefect_engine import run_flow
from flows.engine.request import FlowArguments
from flows.pipeline import FlowResult


@flow(name="nightly", timeout_seconds=14400, validate_parameters=True)
def nightly(
    as_of: str | None = None,
    lake: str | None = None,
    sample: str | None = None,
    symbols: list[str] | None = None,
) -> State[FlowResult]:
    """Run every step from the import to the report."""
    return run_flow("nightly", FlowArguments(as_of, lake, sample, symbols))
