"""The flow that copies the executor's ledger every hour."""

from __future__ import annotations

from prefect import State, flow

from flows.engine.prefect_engine import run_flow
from flows.engine.request import FlowArguments
from flows.pipeline import FlowResult


@flow(name="export-ledger", timeout_seconds=1800, validate_parameters=True)
def export_ledger(
    as_of: str | None = None,
    lake: str | None = None,
    sample: str | None = None,
    symbols: list[str] | None = None,
) -> State[FlowResult]:
    """Copy the executor's ledger into the lake."""
    return run_flow("export_ledger", FlowArguments(as_of, lake, sample, symbols))
