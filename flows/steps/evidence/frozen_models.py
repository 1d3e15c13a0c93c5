"""Frozen models: kept beside the look that believed them, and tried on days they never saw.

A frozen model is never fitted again. Its forecasts of direction are traded as the gate traded them;
those of volatility are compared with the opponent that was fitted on the same rows. Both give one
bounded result a day, from rows at full hours whose hour is over.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np

from flows.settings import ResearchSettings
from flows.steps.entries.unseen_days import entry_days
from flows.steps.evidence.hypotheses import Look
from flows.steps.features.features import feature_names, read_features
from flows.steps.models.dataset import HORIZON_MS, Dataset, Floats, dataset_of
from flows.steps.models.results import ModelResult
from flows.steps.models.scores import relative_gains, trade
from flows.steps.models.settings import train_settings
from flows.steps.models.walk import forecast_with
from lake.files import write_bytes
from lake.store import Lake
from lake.tables import LOOKS
from trading.candles import DAY_MS
from trading.errors import DataError
from trading.model_targets import is_entry_target, target_of
from trading.models.baselines import last_value
from trading.models.linear import LinearModel

_WARM_UP = timedelta(days=4)


def keep_frozen(lake: Lake, hypothesis: str, as_of: datetime, model: ModelResult) -> None:
    """Write the two files of a model beside the looks of its hypothesis, before the look."""
    for name, data in model.files().items():
        write_bytes(_path(lake, hypothesis, as_of, name), data)


def read_frozen(lake: Lake, look: Look, symbol: str) -> ModelResult:
    """Return a frozen model; `DataError` if its files are missing or were changed."""
    name = f"{look.name}-{symbol}"
    card_path = _path(lake, look.hypothesis, look.as_of, f"{name}.json")
    try:
        card = json.loads(card_path.read_text(encoding="utf-8"))
        text = card_path.with_suffix(".txt").read_text(encoding="utf-8")
        model = ModelResult.of_card(card, text)
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise DataError(
            f"the frozen model {card_path} cannot be read ({error}); restore the lake's backup"
        ) from error
    if model.sha256 != look.findings["members"][symbol]["sha256"]:
        raise DataError(
            f"the frozen model {card_path} is not the one of the look of {look.as_of:%Y-%m-%d}; "
            "restore the lake's backup"
        )
    return model


def _path(lake: Lake, hypothesis: str, as_of: datetime, name: str) -> Path:
    folder = lake.path(LOOKS, hypothesis=hypothesis).parent
    return folder / f"{as_of:%Y%m%dT%H%M%SZ}-{name}"


def model_returns(
    lake: Lake, look: Look, symbol: str, begin: int, as_of: datetime, settings: ResearchSettings
) -> Mapping[int, float]:
    """Return what a frozen model earned by day from day ``begin`` on, for days that are whole.

    A pool earns the mean of its symbols.
    """
    model = read_frozen(lake, look, symbol)
    traded = look.findings["members"][symbol]["symbols"]
    days_of = entry_days if is_entry_target(model.model) else _days_of
    found = [days_of(lake, model, one, begin, as_of, settings) for one in traded]
    days = sorted({day for known in found for day in known})
    return {day: float(np.mean([known.get(day, 0.0) for known in found])) for day in days}


def _days_of(
    lake: Lake,
    model: ModelResult,
    symbol: str,
    begin: int,
    as_of: datetime,
    settings: ResearchSettings,
) -> Mapping[int, float]:
    since = datetime.fromtimestamp(begin * DAY_MS / 1000, UTC) - _WARM_UP
    features = read_features(lake, settings.venue, symbol, as_of, since=since)
    try:
        data = dataset_of(features, symbol, feature_names())
    except DataError:
        return {}  # no row of these days has an outcome
    # The row of 23:00 has its outcome at midnight: a day is whole when its last bar has closed.
    end = (int(data.times[-1]) + HORIZON_MS) // DAY_MS
    days = data.times // DAY_MS
    data = data.take((data.times % HORIZON_MS == 0) & (days >= begin) & (days < end))
    if not len(data.times):
        return {}
    forecast = forecast_with(model.forecaster(), data)
    actual = data.label(model.model)
    if target_of(model.model).task == "level":
        errors = actual - forecast
        other = actual - _opponent(model, data)
        values = relative_gains(errors, other, data.times)
        return dict(zip(np.unique(data.times // DAY_MS).tolist(), values.tolist(), strict=True))
    chosen = train_settings(settings)
    least = chosen.edge * chosen.round_trip_bp / 10_000.0
    side = np.where(np.abs(forecast) > least, np.sign(forecast), 0).astype(np.int64)
    daily = trade(side, actual, data.times, chosen.round_trip_bp).daily
    first = int(data.times[0]) // DAY_MS
    return {first + place: float(value) for place, value in enumerate(daily)}


def _opponent(model: ModelResult, data: Dataset) -> Floats:
    """Return the forecasts of the opponent that was frozen beside the model."""
    frozen = model.opponent or {}
    if frozen.get("name") == "har":
        return LinearModel(**frozen["model"]).predict(data.x, data.features)
    return last_value(data.column)
