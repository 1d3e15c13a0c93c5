"""Train, evaluate and record the model of one strategy's entries, pooled over its symbols."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from datetime import datetime
from pathlib import Path

import numpy as np
import pyarrow as pa

from flows.settings import ResearchSettings
from flows.steps.data.freshness import mark_of, write_known
from flows.steps.entries.evaluation import EvaluatedEntries, evaluate_entries
from flows.steps.entries.rows import EntryRows, load_entries
from flows.steps.entries.walk import learned
from flows.steps.features.features import features_known_at, relative_names
from flows.steps.models.pool import POOL
from flows.steps.models.results import ModelResult, TrainResult
from flows.steps.models.settings import TrainSettings
from flows.steps.models.train import load_stored, read_for_training, record
from lake.content import moment_of
from lake.store import Lake
from lake.tables import FORECASTS
from trading.errors import DataError
from trading.model_targets import entry_target
from trading.models import triple_barrier
from trading.models.explanation import shap_shares
from trading.models.families import Recipe, parameters
from trading.strategies.parameters import Value

_CODE = (*sorted(Path(__file__).parent.glob("*.py")), Path(triple_barrier.__file__))
_RECOMPUTED = 4
_EQUAL = 1e-9


def train_entries(
    lake: Lake,
    strategy: str,
    params: Mapping[str, Mapping[str, Value]],
    *,
    as_of: datetime,
    settings: ResearchSettings,
    chosen: TrainSettings,
) -> TrainResult:
    """Train the model of the entries that ``strategy`` makes with ``params``, by symbol.

    The parameters are those of the release: they were chosen knowing this history, which makes
    entries look better than they are, but not one entry better than another. Results go to
    ``research.models``, the out-of-sample chances of every bar to ``research.forecasts``. A run on
    the same inputs is not repeated. Raises `DataError` when the entries are too few.
    """
    target = entry_target(strategy)
    refs = read_for_training(lake, settings.venue, sorted(params), as_of)
    run = f"train-{target}-{as_of:%Y%m%dT%H%M%SZ}"
    code = "\n".join(path.read_text(encoding="utf-8") for path in _CODE)
    inputs = {
        "read": {ref.path: ref.sha256 for ref in refs},
        "params": {symbol: dict(own) for symbol, own in sorted(params.items())},
        "costs": [settings.fee_bps, settings.slippage_bps],
        "settings": asdict(chosen),
    }
    mark = mark_of(code, inputs)
    before = load_stored(lake, run, mark)
    if before is not None:
        return TrainResult(as_of, before, refs, {}, (POOL,))
    rows = load_entries(lake, strategy, params, as_of=as_of, settings=settings)

    def recompute() -> tuple[int, int, tuple[str, ...]]:
        return changed_features(lake, settings.venue, rows)

    evaluated = evaluate_entries(rows, target, chosen, recompute)
    model = _fitted(rows, strategy, params, chosen, evaluated)
    _keep_forecasts(lake, as_of, settings.venue, target, rows, evaluated)
    known = {own.symbol for own in rows.bars}
    left_out = {
        symbol: f"{strategy}: there are no features of it"
        for symbol in sorted(params)
        if symbol not in known
    }
    record(lake, run, mark, as_of, [model], left_out)
    return TrainResult(as_of, (model,), refs, left_out, ())


def _fitted(
    rows: EntryRows,
    strategy: str,
    params: Mapping[str, Mapping[str, Value]],
    settings: TrainSettings,
    evaluated: EvaluatedEntries,
) -> ModelResult:
    """Fit the model for the release on the entries of the last window."""
    target = entry_target(strategy)
    recipe: Recipe = settings.recipe(target)
    last = rows.take(rows.decided_at > int(rows.known_at.max()) - settings.split.window_ms)
    model = learned(last, recipe)
    if model is None:
        raise DataError(
            f"{len(last)} entries of {strategy} are too few to learn which of them win; import a"
            " longer history"
        )
    return ModelResult(
        model=target,
        symbol=POOL,
        features=model.model.features,
        params={
            **parameters(recipe, "chance"),
            "usual": float(last.won.mean()),
            "calibration": model.calibration.kind,
            "strategy": strategy,
            "entries": {own.symbol: dict(params[own.symbol]) for own in rows.bars},
        },
        offset=None,
        text=model.to_text(),
        rows=len(last),
        train_from=int(last.decided_at[0]),
        train_to=int(last.known_at.max()),
        scores=evaluated.scores,
        folds=evaluated.fold_scores,
        importance=model.model.importance(),
        verdicts=evaluated.verdicts,
        family=recipe.family,
        shap=shap_shares(model.model, last.x, last.features),
        daily=evaluated.daily,
    )


def _keep_forecasts(
    lake: Lake,
    as_of: datetime,
    venue: str,
    target: str,
    rows: EntryRows,
    evaluated: EvaluatedEntries,
) -> None:
    """Keep the out-of-sample chance of every tested bar, as back-tests read it."""
    for number, own in enumerate(rows.bars):
        times = np.concatenate([one.bars[number][0] for one in evaluated.folds])
        values = np.concatenate([one.bars[number][1] for one in evaluated.folds])
        usual = np.concatenate(
            [np.full(len(one.bars[number][0]), one.usual) for one in evaluated.folds]
        )
        table = pa.table(
            {
                "made_at": pa.array(times, pa.int64()).cast(pa.timestamp("ms", "UTC")),
                "value": pa.array(values, pa.float64()),
                "usual": pa.array(usual, pa.float64()),
            }
        )
        where = {"venue": venue, "symbol": own.symbol, "target": target}
        if table.num_rows:
            write_known(lake, FORECASTS, table, as_of=as_of, partition=where, metadata={})


def changed_features(lake: Lake, venue: str, rows: EntryRows) -> tuple[int, int, tuple[str, ...]]:
    """Compute the features of a few entries again from what was known when their bar closed.

    Features that compare symbols are left as they are.
    """
    own = [name for name in rows.features if name not in relative_names()]
    spread = np.unique(np.linspace(0, len(rows) - 1, _RECOMPUTED).astype(np.int64))
    differ, named = 0, set()
    for row in spread:
        bars = rows.bars[int(rows.symbols[row])]
        place = int(rows.places[row])
        moment = moment_of(int(bars.times[place]))
        last = features_known_at(lake, venue, bars.symbol, moment).to_pylist()[-1]
        wrong = [n for n in own if not _same(last[n], bars.x[place, rows.features.index(n)])]
        differ += bool(wrong)
        named |= set(wrong)
    return differ, len(spread), tuple(sorted(named))


def _same(known: float | None, stored: float) -> bool:
    if known is None or np.isnan(known):
        return bool(np.isnan(stored))
    return abs(known - stored) <= _EQUAL * (1.0 + abs(stored))
