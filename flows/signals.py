"""The flow that forecasts for the executor every quarter of an hour."""

from __future__ import annotations

from typing import TYPE_CHECKING

from prefect import State, flow

from flows import pipeline
from flows.engine.engine import FlowEngine, FlowStep
from flows.engine.prefect_engine import run_flow
from flows.engine.request import FlowArguments, FlowRequest
from flows.pipeline import FlowResult, StepRunner, flow_body
from flows.steps.release.publish import LeftOutReason
from flows.tasks import StepSummary

if TYPE_CHECKING:
    from collections.abc import Sequence

    from flows.steps.forecasts.publish import PublishedForecasts


def _features(symbol: str, request: FlowRequest) -> StepSummary:
    """Build features alone: drift reads the whole history, and is left to the nightly."""
    from flows.steps.features.features import build_features

    venue = request.settings.venue
    built = build_features(request.lake, as_of=request.as_of, symbols=[symbol], venue=venue)
    return StepSummary(str(built))


def _signals(request: FlowRequest, symbols: Sequence[str]) -> PublishedForecasts:
    from flows.steps.forecasts.publish import publish_forecasts

    venue = request.settings.venue
    return publish_forecasts(request.lake, as_of=request.as_of, symbols=symbols, venue=venue)


FEATURES = FlowStep("features", _features)
SIGNALS = FlowStep("signals", _signals, timeout_s=300)


@flow_body("signals")
def body(engine: FlowEngine, request: FlowRequest) -> FlowResult:
    """Forecast with the release's models and publish what they say, for the executor."""
    run = StepRunner(engine, request)
    pipeline.fetch(run)
    symbols = pipeline.fresh_features(run, FEATURES)
    published = run.call("signals", SIGNALS, symbols)
    run.left_out += [LeftOutReason(symbol, reason) for symbol, reason in published.left_out]
    return run.finish("signals", published.sentence)


@flow(name="signals", timeout_seconds=600, validate_parameters=True)
def signals(
    as_of: str | None = None,
    lake: str | None = None,
    sample: str | None = None,
    symbols: list[str] | None = None,
) -> State[FlowResult]:
    """Forecast the next hour of every symbol."""
    return run_flow("signals", FlowArguments(as_of, lake, sample, symbols))
