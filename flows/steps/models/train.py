"""Train a symbol's models of the next hour and evaluate them: log volatility and direction.

Every score is out-of-sample: purged walk-forward, with the baselines on the same rows. The
published model is then trained again on the last window known at ``as_of``.
"""

from __future__ import annotations

import itertools
import json
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, replace
from datetime import datetime
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa

from flows.steps.data.freshness import MARK, mark_of
from flows.steps.features.features import (
    FEATURE_INTERVAL,
    feature_groups,
    feature_names,
    features_known_at,
    read_features,
    relative_names,
)
from flows.steps.forecasts.stored import ForecastStore
from flows.steps.models.dataset import Dataset, Floats, Integers, dataset_of
from flows.steps.models.pool import POOL, pooled
from flows.steps.models.results import ModelResult, TrainResult, describe, models_table
from flows.steps.models.settings import TrainSettings
from lake.content import moment_of
from lake.files import write_bytes
from lake.partitions import PartitionRef
from lake.store import Lake
from lake.tables import CANDLES, DRIFT, FEATURES, MODELS, RAW_FUNDING, RELATIVE
from trading.errors import DataError
from trading.model_targets import MODEL_TARGETS
from trading.models import families

if TYPE_CHECKING:
    from flows.steps.models.evaluation import EvaluatedModel

TARGETS = tuple(MODEL_TARGETS)
RECOMPUTED_ROWS = 4
_LEFT_OUT = "nocturne.left_out"
_FOLDERS = (Path(__file__).parent, Path(families.__file__).parent)
_CODE = tuple(path for folder in _FOLDERS for path in sorted(folder.glob("*.py")))

Progress = Callable[[str], None]


def train(
    lake: Lake,
    *,
    as_of: datetime,
    symbols: Sequence[str],
    venue: str = "binance_usdm",
    targets: Sequence[str] = TARGETS,
    settings: TrainSettings | None = None,
    progress: Progress | None = None,
) -> TrainResult:
    """Train, evaluate and record the models of every symbol on the features known at ``as_of``.

    Results go to ``research.models`` (run ``train-<symbol>-<as_of>``) with the files beside
    them. A run on the same features, settings and code is not repeated. A symbol without enough
    history is left out with the reason, and the others go on.
    """
    chosen = settings or TrainSettings()
    results, due = [], _due(chosen)
    for symbol in symbols:
        found = _stored(lake, symbol, (symbol,), as_of, venue, targets, chosen)
        if found is None:
            found = _train_one(lake, (venue, symbol), as_of, targets, chosen, progress, due)
        results.append(found)
        for model in found.models:
            if progress:
                progress(describe(model))
    return TrainResult(
        as_of,
        models=tuple(model for one in results for model in one.models),
        fingerprint=tuple(ref for one in results for ref in one.fingerprint),
        left_out={symbol: why for one in results for symbol, why in one.left_out.items()},
        skipped=tuple(symbol for one in results for symbol in one.skipped),
    )


def stored_models(
    lake: Lake,
    name: str,
    *,
    as_of: datetime,
    symbols: Sequence[str],
    venue: str,
    settings: TrainSettings,
) -> TrainResult | None:
    """Return the models of a symbol, or of `POOL`, that the lake holds for the same request."""
    return _stored(lake, name, symbols, as_of, venue, TARGETS, settings)


def _stored(
    lake: Lake,
    name: str,
    symbols: Sequence[str],
    as_of: datetime,
    venue: str,
    targets: Sequence[str],
    settings: TrainSettings,
) -> TrainResult | None:
    refs = read_for_training(lake, venue, symbols, as_of)
    run = run_name(name, as_of)
    found = load_stored(lake, run, _mark(refs, settings, targets))
    if found is None:
        return None
    missing = json.loads(lake.metadata(MODELS, run=run)[_LEFT_OUT])
    return TrainResult(as_of, found, refs, missing, (name,))


def _train_one(
    lake: Lake,
    where: tuple[str, str],
    as_of: datetime,
    targets: Sequence[str],
    settings: TrainSettings,
    progress: Progress | None,
    due: Iterator[float],
) -> TrainResult:
    venue, symbol = where
    refs = read_for_training(lake, venue, (symbol,), as_of)
    try:
        features = read_features(lake, venue, symbol, as_of)
        data = dataset_of(features, symbol, feature_names())
        data = replace(data, recompute=partial(_recomputed, lake, venue, data, (symbol,)))
        store = ForecastStore(lake, as_of, venue, (symbol,))
        models = _evaluated(data, targets, settings, progress, due, store)
    except DataError as error:
        return TrainResult(as_of, (), (), {symbol: str(error)}, ())
    record(lake, run_name(symbol, as_of), _mark(refs, settings, targets), as_of, models)
    return TrainResult(as_of, models, refs, {}, ())


def train_pool(
    lake: Lake,
    *,
    as_of: datetime,
    symbols: Sequence[str],
    venue: str = "binance_usdm",
    targets: Sequence[str] = TARGETS,
    settings: TrainSettings | None = None,
    progress: Progress | None = None,
) -> TrainResult:
    """Train one model of each target for all symbols; see `train`.

    Its time and memory are bounded: a pool has at most ``settings.pool_rows`` rows. A symbol
    without features is left out with the reason.
    """
    chosen = settings or TrainSettings()
    before = _stored(lake, POOL, symbols, as_of, venue, targets, chosen)
    if before is not None:
        return before
    due = _due(chosen)
    refs = read_for_training(lake, venue, symbols, as_of)
    names = feature_names()

    def load(symbol: str) -> Dataset:
        features = read_features(lake, venue, symbol, as_of, full_hours=True)
        return dataset_of(features, symbol, names)

    data, left_out = pooled(symbols, load, chosen.pool_rows)
    data = replace(data, recompute=partial(_recomputed, lake, venue, data, tuple(sorted(symbols))))
    store = ForecastStore(lake, as_of, venue, tuple(sorted(symbols)))
    models = _evaluated(data, targets, chosen, progress, due, store)
    mark = _mark(refs, chosen, targets)
    record(lake, run_name(POOL, as_of), mark, as_of, models, left_out)
    return TrainResult(as_of, models, refs, left_out, ())


def run_name(symbol: str, as_of: datetime) -> str:
    """Return the partition of research.models: ``train-BTCUSDT-20250620T000000Z``."""
    return f"train-{symbol}-{as_of:%Y%m%dT%H%M%SZ}"


def _read(lake: Lake, venue: str, symbol: str, as_of: datetime) -> tuple[PartitionRef, ...]:
    """Return the features that are read, and the candles and funding that they were made from."""
    where = {"venue": venue, "symbol": symbol}
    return (
        *lake.fingerprint(FEATURES, as_of, **where, interval=FEATURE_INTERVAL),
        *lake.fingerprint(RELATIVE, as_of, **where, interval=FEATURE_INTERVAL),
        *lake.fingerprint(CANDLES, as_of, **where, interval="1m"),
        *lake.fingerprint(RAW_FUNDING, as_of, **where),
    )


def read_for_training(
    lake: Lake, venue: str, symbols: Sequence[str], as_of: datetime
) -> tuple[PartitionRef, ...]:
    """Return every partition behind the features of the symbols, from the checked candles on."""
    return tuple(ref for symbol in symbols for ref in _read(lake, venue, symbol, as_of))


def _mark(refs: Sequence[PartitionRef], settings: TrainSettings, targets: Sequence[str]) -> str:
    code = "\n".join(path.read_text(encoding="utf-8") for path in _CODE)
    inputs = {ref.path: ref.sha256 for ref in refs if ref.layer == FEATURES.layer}
    return mark_of(code, {"features": inputs, "settings": asdict(settings), "targets": targets})


def _evaluated(
    data: Dataset,
    targets: Sequence[str],
    settings: TrainSettings,
    progress: Progress | None,
    due: Iterator[float],
    store: ForecastStore,
) -> tuple[ModelResult, ...]:
    """Choose, evaluate and fit the model of each target, each until the next time ``due``.

    The out-of-sample forecasts go into the ``store``.
    """
    from flows.steps.models.evaluation import evaluate_target
    from flows.steps.models.recipe_choice import choose

    results = []
    for target in targets:
        groups, until = feature_groups(), next(due)
        chosen = choose(data, target, settings, groups, time.monotonic, progress, until)
        evaluated = evaluate_target(data, target, settings, chosen)
        store.keep(target, evaluated.forecasts)
        results.append(_result(target, data.symbol, evaluated))
    return tuple(results)


def _due(settings: TrainSettings) -> Iterator[float]:
    """Yield when each model has to be ready: what one takes too long is taken from the next."""
    return itertools.count(time.monotonic() + settings.search_seconds, settings.search_seconds)


def _recomputed(
    lake: Lake, venue: str, data: Dataset, symbols: Sequence[str]
) -> tuple[Integers, Floats]:
    """Features of a few rows, computed from what was known when their bar closed.

    ``symbols`` are those that ``data`` numbers. Features that compare symbols are left as they are.
    """
    spread = np.linspace(len(data.times) // 4, len(data.times) - 1, RECOMPUTED_ROWS)
    rows = np.unique(spread.astype(np.int64))
    known = data.x[rows].astype(np.float64)
    own = [name for name in data.features if name not in relative_names()]
    for place, row in enumerate(rows):
        symbol, moment = symbols[int(data.symbols[row])], moment_of(int(data.times[row]))
        last = features_known_at(lake, venue, symbol, moment).to_pylist()[-1]
        for name in own:
            value = last[name]
            known[place, data.features.index(name)] = np.nan if value is None else value
    return rows, known.astype(data.x.dtype)


def _result(target: str, symbol: str, evaluated: EvaluatedModel) -> ModelResult:
    offset = evaluated.final.offset
    return ModelResult(
        model=target,
        symbol=symbol,
        features=evaluated.final.features,
        params=evaluated.params,
        offset=asdict(offset) if offset else None,
        text=evaluated.final.text,
        rows=evaluated.rows,
        train_from=evaluated.train_from,
        train_to=evaluated.train_to,
        scores=evaluated.scores,
        folds=evaluated.folds,
        importance=evaluated.final.importance(),
        verdicts=evaluated.verdicts,
        family=evaluated.family,
        shap=evaluated.shap,
        daily=evaluated.daily,
        opponent=evaluated.opponent,
    )


def record(
    lake: Lake,
    run: str,
    mark: str,
    as_of: datetime,
    models: Sequence[ModelResult],
    left_out: Mapping[str, str] | None = None,
) -> None:
    """Write the files, then the rows with the mark: a run that crashed in between is repeated."""
    folder = lake.path(MODELS, run=run).parent
    for model in models:
        for name, data in model.files().items():
            write_bytes(folder / name, data)
    rows = models_table(as_of, models, folder.relative_to(lake.root).as_posix())
    names = json.dumps([model.name for model in models])
    _record_drift(lake, as_of, models)
    marks = {MARK: mark, "nocturne.models": names, _LEFT_OUT: json.dumps(dict(left_out or {}))}
    lake.write(MODELS, rows, marks, run=run)


def _record_drift(lake: Lake, as_of: datetime, models: Sequence[ModelResult]) -> None:
    """Write how far the last day's errors of each model lie from those of the days before."""
    rows = [
        {
            "as_of": as_of,
            "symbol": model.symbol,
            "feature": f"errors of {model.model}",
            "score": model.scores["drift"],
            "limit": model.scores["drift_limit"],
        }
        for model in models
        if model.scores.get("drift") is not None
    ]
    if rows:
        schema = DRIFT.schema.append(pa.field("limit", pa.float64()))
        run = f"drift-errors-{rows[0]['symbol']}-{as_of:%Y%m%dT%H%M%SZ}"
        lake.write(DRIFT, pa.Table.from_pylist(rows, schema=schema), run=run)


def load_stored(lake: Lake, run: str, mark: str) -> tuple[ModelResult, ...] | None:
    """Load the models of an earlier run on the same inputs; None if a file is unusable."""
    stored = lake.metadata(MODELS, run=run)
    if stored.get(MARK) != mark:
        return None
    folder = lake.path(MODELS, run=run).parent
    models = []
    for name in json.loads(stored["nocturne.models"]):
        try:
            card = json.loads((folder / f"{name}.json").read_text(encoding="utf-8"))
            model = ModelResult.of_card(card, (folder / f"{name}.txt").read_text(encoding="utf-8"))
        except (OSError, ValueError, KeyError, TypeError):
            return None  # train again, which rewrites the files
        if model.sha256 != card["sha256"]:
            return None
        models.append(model)
    return tuple(models)
