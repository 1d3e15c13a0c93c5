"""The steps of the nightly as flows of their own."""

from __future__ import annotations

from prefect import State, flow

from flows.engine.prefect_engine import run_flow
from flows.engine.request import FlowArguments
from flows.pipeline import FlowResult


@flow(name="import", timeout_seconds=7200, validate_parameters=True)
def import_candles(
    as_of: str | None = None,
    lake: str | None = None,
    sample: str | None = None,
    symbols: list[str] | None = None,
) -> State[FlowResult]:
    """Import the files of the sample folder that the lake does not have yet."""
    return run_flow("import", FlowArguments(as_of, lake, sample, symbols))


@flow(name="validate", timeout_seconds=7200, validate_parameters=True)
def validate(
    as_of: str | None = None,
    lake: str | None = None,
    sample: str | None = None,
    symbols: list[str] | None = None,
) -> State[FlowResult]:
    """Check the imported candles."""
    return run_flow("validate", FlowArguments(as_of, lake, sample, symbols))


@flow(name="features", timeout_seconds=7200, validate_parameters=True)
def features(
    as_of: str | None = None,
    lake: str | None = None,
    sample: str | None = None,
    symbols: list[str] | None = None,
) -> State[FlowResult]:
    """Build bars and features."""
    return run_flow("features", FlowArguments(as_of, lake, sample, symbols))


@flow(name="optimize", timeout_seconds=14400, validate_parameters=True)
def optimize(
    as_of: str | None = None,
    lake: str | None = None,
    sample: str | None = None,
    symbols: list[str] | None = None,
) -> State[FlowResult]:
    """Search parameters and validate them walk-forward."""
    return run_flow("optimize", FlowArguments(as_of, lake, sample, symbols))


@flow(name="train", timeout_seconds=14400, validate_parameters=True)
def train(
    as_of: str | None = None,
    lake: str | None = None,
    sample: str | None = None,
    symbols: list[str] | None = None,
) -> State[FlowResult]:
    """Train the models."""
    return run_flow("train", FlowArguments(as_of, lake, sample, symbols))


@flow(name="publish", timeout_seconds=14400, validate_parameters=True)
def publish(
    as_of: str | None = None,
    lake: str | None = None,
    sample: str | None = None,
    symbols: list[str] | None = None,
) -> State[FlowResult]:
    """Publish a release."""
    return run_flow("publish", FlowArguments(as_of, lake, sample, symbols))


@flow(name="report", timeout_seconds=1800, validate_parameters=True)
def report(
    as_of: str | None = None,
    lake: str | None = None,
    sample: str | None = None,
    symbols: list[str] | None = None,
) -> State[FlowResult]:
    """Write the report of the current release."""
    return run_flow("report", FlowArguments(as_of, lake, sample, symbols))
