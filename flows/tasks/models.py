"""The steps that train models and give each its state."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from flows.engine.engine import FlowStep
from flows.engine.request import FlowRequest
from flows.steps.release.publish import LeftOutReason, TrainedModels
from flows.tasks.keys import POOL, symbol_of
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
MODEL_EVIDENCE = FlowStep("model-evidence", _weigh_models, timeout_s=7200)
