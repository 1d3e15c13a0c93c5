"""The flow that downloads: before the nightly, and every 15 minutes for the live universe."""

from __future__ import annotations

from prefect import State, flow

from flows.engine.prefect_engine import run_flow
from flows.engine.request import FlowArguments
from flows.pipeline import FlowResult


@flow(name="download", timeout_seconds=14400, validate_parameters=True)
def download(
    as_of: str | None = None,
    lake: str | None = None,
    sample: str | None = None,
    symbols: list[str] | None = None,
) -> State[FlowResult]:
    """Download what the lake lacks."""
    return run_flow("download", FlowArguments(as_of, lake, sample, symbols))
