"""The steps that train models and give each its state."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from flows.engine.engine import FlowStep
from flows.engine.request import FlowRequest
from flows.steps.release.publish import LeftOutReason, TrainedModels
from flows.steps.search.optimize import OptimizeEntry
from flows.tasks.keys import POOL, SEPARATOR, symbol_of
from trading.errors import DataError

if TYPE_CHECKING:
    from flows.steps.models.results import TrainResult
    from flows.steps.models.settings import TrainSettings


def _train(key: str, request: FlowRequest, symbols: Sequence[str]) -> TrainedModels:
    from flows.steps.models.train import train, train_pool

    name = symbol_of(key)
    pool, chosen = (train_pool, symbols) if name == POOL else (train, [name])
    found = pool(
        request.lake,
        as_of=request.as_of,
        symbols=chosen,
        venue=request.settings.venue,
        settings=_train_settings(request, 1 if name == POOL else len(symbols)),
    )
    if not found.models:
        raise DataError("; ".join(found.left_out.values()))
    return _trained(name, found)


def _trained_before(key: str, request: FlowRequest, symbols: Sequence[str]) -> TrainedModels | None:
    from flows.steps.models.train import stored_models

    name = symbol_of(key)
    found = stored_models(
        request.lake,
        name,
        as_of=request.as_of,
        symbols=symbols if name == POOL else [name],
        venue=request.settings.venue,
        settings=_train_settings(request, 1 if name == POOL else len(symbols)),
    )
    return None if found is None else _trained(name, found)


def _train_settings(request: FlowRequest, tested: int) -> TrainSettings:
    from flows.steps.evidence.model_looks import looks_for_training
    from flows.steps.models.settings import train_settings

    looks = looks_for_training(
        request.lake, as_of=request.as_of, settings=request.settings, tested=tested
    )
    return replace(train_settings(request.settings, tested), looks=looks)


def _train_entries(
    key: str, request: FlowRequest, entries: Sequence[OptimizeEntry]
) -> TrainedModels:
    from flows.steps.entries.train import train_entries

    strategy = key.partition(SEPARATOR)[0]
    own = [found.entry for found in entries if found.entry.strategy == strategy]
    found = train_entries(
        request.lake,
        strategy,
        {entry.symbol: entry.params for entry in own},
        as_of=request.as_of,
        settings=request.settings,
        chosen=_train_settings(request, 1),
    )
    return _trained(POOL, found)


def entry_keys(request: FlowRequest, entries: Sequence[OptimizeEntry]) -> tuple[str, ...]:
    """Return the keys of the trainings of entries: one per strategy, if the settings want them."""
    if not request.settings.training.entries:
        return ()
    names = dict.fromkeys(found.entry.strategy for found in entries)
    return tuple(f"{name}{SEPARATOR}{POOL}" for name in names)


def merged(trained: Sequence[TrainedModels]) -> tuple[TrainedModels, ...]:
    """Return one of each symbol, or `POOL`, with all of its models."""
    found: dict[str, TrainedModels] = {}
    for one in trained:
        other = found.get(one.symbol)
        found[one.symbol] = one if other is None else _together(other, one)
    return tuple(found.values())


def _together(first: TrainedModels, second: TrainedModels) -> TrainedModels:
    read = {ref.path: ref for ref in (*first.fingerprint, *second.fingerprint)}
    return TrainedModels(
        symbol=first.symbol,
        sentence=f"{first.sentence}; {second.sentence}",
        files=(*first.files, *second.files),
        fingerprint=tuple(read.values()),
        left_out=(*first.left_out, *second.left_out),
        p_values={**first.p_values, **second.p_values},
        drifted=(*first.drifted, *second.drifted),
    )


def _trained(name: str, found: TrainResult) -> TrainedModels:
    from lake.releases import NewFile

    return TrainedModels(
        symbol=name,
        sentence=found.sentence,
        files=tuple(
            NewFile(f"models/{name}", "model", data) for name, data in sorted(found.files.items())
        ),
        fingerprint=found.fingerprint,
        left_out=tuple(LeftOutReason(symbol, why) for symbol, why in found.left_out.items()),
        p_values=found.p_values,
        drifted=found.drifted,
    )


def _weigh_models(
    request: FlowRequest, trained: Sequence[TrainedModels], symbols: Sequence[str]
) -> tuple[TrainedModels, ...]:
    from flows.steps.evidence.model_looks import weigh_models

    return weigh_models(
        request.lake,
        as_of=request.as_of,
        settings=request.settings,
        trained=trained,
        symbols=symbols,
    )


TRAIN = FlowStep("train", _train, timeout_s=7200, isolated=True, ready=_trained_before)
TRAIN_ENTRIES = FlowStep("train-entries", _train_entries, timeout_s=7200)
MODEL_EVIDENCE = FlowStep("model-evidence", _weigh_models, timeout_s=7200)
