"""Forecast with the models of the current release, from candles that have closed.

The features are those of the nightly, made by the same steps; a row holds what was known when its
bar closed, so that the forecast of every row is causal.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

import numpy as np

from flows.engine.provenance import git_commit
from flows.steps.features.features import read_features
from lake.releases import Forecasts, ForecastSeries, Release, current_release
from lake.releases.forecast_file import LAG
from lake.store import Lake
from trading.candles import MINUTE_MS, Floats, Integers
from trading.errors import DataError, ReleaseRefused
from trading.model_targets import is_entry_target, target_of
from trading.research.evidence.states import HypothesisEvidence

if TYPE_CHECKING:
    import pyarrow as pa

POOL = "POOL"
BAR_MS = 15 * MINUTE_MS
HISTORY = timedelta(days=1)
"""How far back forecasts are published: a replay of the last day finds its own."""
USUAL_OVER = timedelta(days=14)
"""The span before the release over which a model's median volatility is the usual one."""
LEAST_ROWS = 96
"""The fewest forecasts, a day's, of which a median is taken."""


@dataclass(frozen=True, slots=True)
class ForecastsMade:
    """The forecasts, or None with the reason in ``why``; symbols without any, with the reason."""

    forecasts: Forecasts | None
    why: str = ""
    left_out: tuple[tuple[str, str], ...] = ()


def make_forecasts(
    lake: Lake, *, as_of: datetime, symbols: Sequence[str], venue: str
) -> ForecastsMade:
    """Forecast every bar of the last day with the current release's models.

    ``symbols`` are those with features. A model past its validity forecasts nothing.
    """
    try:
        release = current_release(lake.published)
    except ReleaseRefused as error:
        return ForecastsMade(None, str(error))
    cards = model_cards(release)
    if not cards:
        return ForecastsMade(None, f"release {release.release_id} has no model")
    made = release.manifest.kind_as_of["model"]
    if not release.is_valid("model", as_of):
        until = release.valid_until["model"]
        return ForecastsMade(None, f"the models of {release.release_id} expired at {until:%F %R}")
    series: list[ForecastSeries] = []
    left_out: list[tuple[str, str]] = []
    for symbol in symbols:
        chosen = [card for card in cards if card["symbol"] in (symbol, POOL)]
        if not chosen:
            left_out.append((symbol, f"release {release.release_id} has no model of it"))
            continue
        features = read_features(lake, venue, symbol, as_of, since=made - USUAL_OVER)
        valid_ms = round(release.valid_until["model"].timestamp() * 1000)
        for card in chosen:
            if is_entry_target(card["model"]) and symbol not in card["params"]["entries"]:
                continue  # the release does not trade this strategy on the symbol
            try:
                found = _series(release, card, features, (venue, symbol), made, as_of, valid_ms)
            except DataError as error:
                left_out.append((symbol, str(error)))
            else:
                series.append(found)
    forecasts = Forecasts(
        as_of=as_of,
        release_id=release.release_id,
        git_commit=git_commit(),
        series=tuple(sorted(series, key=lambda one: (one.target, one.venue, one.symbol))),
    )
    return ForecastsMade(forecasts, "", tuple(left_out))


def model_cards(release: Release) -> list[Mapping[str, Any]]:
    """Return the cards of the release's models; its files were verified when it was read."""
    paths = [f.path for f in release.files if f.kind == "model" and f.path.endswith(".json")]
    found = [json.loads((release.folder / path).read_text(encoding="utf-8")) for path in paths]
    return [card for card in found if "model" in card and "file" in card]


def _series(
    release: Release,
    card: Mapping[str, Any],
    features: pa.Table,
    where: tuple[str, str],
    made: datetime,
    as_of: datetime,
    valid_ms: int,
) -> ForecastSeries:
    from trading.models.calibration import ChanceModel
    from trading.models.families import read_model
    from trading.models.linear import LinearModel

    names = [entry["name"] for entry in card["features"]]
    known = card.get("evidence")
    times, x = feature_rows(features, names)
    text = (release.folder / "models" / card["file"]).read_text(encoding="utf-8")
    offset = LinearModel(**card["offset"]) if card["offset"] else None
    if is_entry_target(card["model"]):
        values = ChanceModel.of_text(text).predict(x) if len(times) else np.empty(0)
    else:
        model = read_model(card.get("family", "lightgbm"), text, names, offset)
        values = model.predict(x) if len(times) else np.empty(0)
    logarithmic = target_of(card["model"]).logarithmic
    if logarithmic:
        values = np.exp(values)
    made_ms, end_ms = round(made.timestamp() * 1000), round(as_of.timestamp() * 1000)
    # Features come by whole months: the span is cut here.
    before = (times <= made_ms) & (times > made_ms - USUAL_OVER.total_seconds() * 1000)
    usual = _usual(values[before], card["symbol"]) if logarithmic else None
    if is_entry_target(card["model"]):
        usual = float(card["params"]["usual"])
    recent = (times > end_ms - HISTORY.total_seconds() * 1000) & (times < valid_ms)
    # A forecast of a bar before the release was made did not exist then.
    recent &= times >= made_ms
    if not recent.any():
        raise DataError(f"{card['model']}: no bar of the last day has closed since the release")
    return ForecastSeries(
        symbol=where[1],
        venue=where[0],
        target=card["model"],
        model=f"{card['model']}-{card['symbol']}",
        model_sha256=card["sha256"],
        proven=bool(card["proven"]),
        evidence=HypothesisEvidence(**known) if known else None,
        usual=usual,
        drift=drift_of(card),
        made_at=tuple(int(time) for time in times[recent]),
        values=tuple(float(value) for value in values[recent]),
    )


def drift_of(card: Mapping[str, Any]) -> str:
    """Return what the night said of the drift of a model's errors, empty where they are as ever."""
    verdicts = card.get("verdicts", ())
    found = (one["text"] for one in verdicts if one["name"] == "drift" and not one["passed"])
    return next(found, "")


def feature_rows(features: pa.Table, names: Sequence[str]) -> tuple[Integers, Floats]:
    """Return the closes (ms) of the bars, and the features known then [row, feature]."""
    missing = [name for name in names if name not in features.column_names]
    if missing:
        raise DataError(f"the model reads '{missing[0]}', which the lake does not have")
    import pyarrow as pa

    opens = features["open_time"].cast(pa.timestamp("ms", "UTC")).cast(pa.int64()).to_numpy()
    x = np.empty((len(opens), len(names)))
    for place, name in enumerate(names):
        x[:, place] = features[name].to_numpy()
    return np.asarray(opens + BAR_MS, dtype=np.int64), x


def _usual(values: Floats, symbol: str) -> float:
    """Return the median forecast, six digits."""
    if len(values) < LEAST_ROWS:
        raise DataError(
            f"{symbol}: {len(values)} bars before the release are too few for a usual volatility, "
            f"{LEAST_ROWS} are needed"
        )
    median = float(np.median(values))
    return round(median, 5 - math.floor(math.log10(median)))


def due_at(as_of: datetime) -> datetime:
    """Return the close of the last whole quarter of an hour."""
    return as_of.replace(minute=as_of.minute - as_of.minute % 15, second=0, microsecond=0)


__all__ = [
    "LAG",
    "ForecastsMade",
    "drift_of",
    "due_at",
    "feature_rows",
    "make_forecasts",
    "model_cards",
]
