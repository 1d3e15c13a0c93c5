"""The flow that retunes the breakout's K every four hours."""

from __future__ import annotations

from prefect import State, flow

from flows.engine.prefect_engine import run_flow
from flows.engine.request import FlowArguments
from flows.pipeline import FlowResult


@flow(name="retune-k", timeout_seconds=1800, validate_parameters=True)
def retune_k(
    as_of: str | None = None,
    lake: str | None = None,
    sample: str | None = None,
    symbols: list[str] | None = None,
) -> State[FlowResult]:
    """Retune K inside the approved plateau."""
    return run_flow("retune_k", FlowArguments(as_of, lake, sample, symbols))
