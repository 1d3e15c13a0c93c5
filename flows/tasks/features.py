"""The steps that build bars, structures and features from checked candles."""

from __future__ import annotations

from collections.abc import Sequence

from flows.engine.engine import FlowStep
from flows.engine.request import FlowRequest
from flows.tasks.keys import StepSummary


def _bars(symbol: str, request: FlowRequest) -> StepSummary:
    from flows.steps.features.long_bars import build_all_bars

    settings = request.settings
    built = build_all_bars(request.lake, request.as_of, symbol, settings)
    return StepSummary("; ".join(map(str, built)))


def _structures(symbol: str, request: FlowRequest) -> StepSummary:
    from flows.steps.features.structures import build_structures

    lake, as_of, venue = request.lake, request.as_of, request.settings.venue
    built = build_structures(lake, as_of=as_of, symbols=[symbol], venue=venue)
    return StepSummary(str(built))


def _features(symbol: str, request: FlowRequest) -> StepSummary:
    from flows.steps.features.drift import write_drift
    from flows.steps.features.features import build_features

    lake, as_of, venue = request.lake, request.as_of, request.settings.venue
    built = build_features(lake, as_of=as_of, symbols=[symbol], venue=venue)
    drifting = write_drift(lake, as_of=as_of, symbols=[symbol], venue=venue)
    return StepSummary(f"{built}; {drifting} drift notably")


def _universe(request: FlowRequest) -> StepSummary:
    from flows.steps.features.cross_section import build_universe

    settings = request.settings
    size = settings.universe_size
    built = build_universe(request.lake, as_of=request.as_of, venue=settings.venue, size=size)
    return StepSummary(str(built))


def _relative(request: FlowRequest, symbols: Sequence[str]) -> StepSummary:
    from flows.steps.features.cross_section import build_relative

    settings = request.settings
    built = build_relative(request.lake, as_of=request.as_of, symbols=symbols, venue=settings.venue)
    return StepSummary(str(built))


BARS = FlowStep("bars", _bars)
STRUCTURES = FlowStep("structures", _structures)
FEATURES = FlowStep("features", _features)
UNIVERSE = FlowStep("universe", _universe, timeout_s=3600)
RELATIVE = FlowStep("relative", _relative, timeout_s=3600)
