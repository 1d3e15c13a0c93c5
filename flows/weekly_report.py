"""The flow that reports on the last seven days, once a week."""

from __future__ import annotations

from prefect import State, flow

from flows.engine.engine import FlowEngine
from flows.engine.prefect_engine import run_flow
from flows.engine.request import FlowArguments, FlowRequest
from flows.pipeline import FlowResult, StepRunner, flow_body, reported

WEEK = 7


@flow_body("weekly_report")
def body(engine: FlowEngine, request: FlowRequest) -> FlowResult:
    """Write the report of the last seven days, and send its summary where the settings want it."""
    run = StepRunner(engine, request)
    return run.finish("weekly_report", f"report: {reported(run, None, WEEK)}")


@flow(name="weekly_report", timeout_seconds=1800, validate_parameters=True)
def weekly_report(
    as_of: str | None = None,
    lake: str | None = None,
    sample: str | None = None,
    symbols: list[str] | None = None,
) -> State[FlowResult]:
    """Write the report of the last seven days."""
    return run_flow("weekly_report", FlowArguments(as_of, lake, sample, symbols))
