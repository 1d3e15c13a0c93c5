"""Publish forecasts beside the current release."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from flows.steps.forecasts.predict import due_at, make_forecasts
from lake.releases import (
    Forecasts,
    write_forecasts,
)
from lake.store import Lake
from trading.model_targets import VOLATILITY


@dataclass(frozen=True, slots=True)
class PublishedForecasts:
    """What was published, in one line, and the symbols without a forecast."""

    sentence: str
    left_out: tuple[tuple[str, str], ...]


def publish_forecasts(
    lake: Lake, *, as_of: datetime, symbols: Sequence[str], venue: str
) -> PublishedForecasts:
    """Forecast as of the last whole quarter of an hour, and publish; repeating changes nothing."""
    made = make_forecasts(lake, as_of=due_at(as_of), symbols=symbols, venue=venue)
    if made.forecasts is None:
        return PublishedForecasts(f"no forecast: {made.why}", made.left_out)
    outcome = write_forecasts(lake.published, made.forecasts)
    return PublishedForecasts(f"{_described(made.forecasts)}: {outcome}", made.left_out)


def _described(forecasts: Forecasts) -> str:
    shown = [
        f"{one.symbol} {one.values[-1] / one.usual:.2f} x usual"
        for one in forecasts.series
        if one.target == VOLATILITY and one.usual
    ]
    listed = f" (volatility of the next hour: {', '.join(shown[:6])})" if shown else ""
    return f"{len(forecasts.series)} forecasts of {forecasts.as_of:%Y-%m-%d %H:%M}{listed}"
