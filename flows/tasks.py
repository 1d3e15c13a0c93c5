"""The steps of the flows as tasks: their names, their time limits, and what they run.

A step takes the request and keys, opens the lake itself, and returns something small. Modules with
heavy libraries (Great Expectations, DuckDB, LightGBM, numba) are imported when a step runs.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

from flows.engine.engine import FlowStep
from flows.engine.request import FlowRequest
from flows.steps.release.publish import LeftOutReason, PublishResult, TrainedModels
from flows.steps.search.optimize import OptimizeEntry
from lake.releases import FlowRun
from trading.errors import DataError

if TYPE_CHECKING:
    from flows.steps.data.download import DownloadSummary
    from flows.steps.data.importing import ImportResult
    from flows.steps.models.results import TrainResult
    from flows.steps.models.settings import TrainSettings
    from flows.steps.release.retune_k import RetunedK
    from flows.steps.release.universe import UniverseMember
    from flows.steps.reporting.export_ledger import LedgerExport

logger = logging.getLogger(__name__)

SEPARATOR = "/"
POOL = "POOL"
"""The key of a model of all symbols, as `flows.steps.models.pool` names it."""


@dataclass(frozen=True, slots=True)
class StepSummary:
    """What a step did for one key, in one line."""

    sentence: str


def search_keys(request: FlowRequest, symbols: Sequence[str]) -> tuple[str, ...]:
    """Return the keys of the searches: every strategy on every symbol, ``breakout/BTCUSDT``."""
    return tuple(
        f"{strategy}{SEPARATOR}{symbol}"
        for strategy in request.settings.strategies
        for symbol in symbols
    )


def symbol_of(key: str) -> str:
    """Return the symbol of a key, which may begin with a strategy."""
    return key.rpartition(SEPARATOR)[2]


def model_keys(request: FlowRequest, symbols: Sequence[str]) -> tuple[str, ...]:
    """Return the keys of the trainings: one per symbol, or one for a pool of many."""
    names = (POOL,) if len(symbols) > request.settings.training.pool_above else symbols
    return tuple(f"models{SEPARATOR}{name}" for name in names)


def _download(request: FlowRequest) -> DownloadSummary:
    from flows.steps.data.download import download_candles

    return download_candles(request.lake, as_of=request.as_of, settings=request.settings)


def _import(request: FlowRequest) -> ImportResult:
    from flows.steps.data.importing import import_candles

    return import_candles(request.lake, as_of=request.as_of, settings=request.settings)


def _imported(request: FlowRequest) -> tuple[str, ...]:
    from lake.tables import RAW_CANDLES

    stored = request.lake.partitions(RAW_CANDLES, venue=request.settings.venue, interval="1m")
    return tuple(sorted({partition.values["symbol"] for partition in stored}))


def _validate(symbol: str, request: FlowRequest) -> StepSummary:
    from flows.sources.trading_hours import load_trading_hours
    from flows.steps.data.known_events import load_known_events
    from flows.steps.data.validate import ExpectedCandles, describe, validate_symbol

    hours = load_trading_hours(request.settings.trading_hours, request.settings.venue)
    report = validate_symbol(
        request.lake,
        request.settings.venue,
        symbol,
        request.as_of,
        settings=request.settings.validation,
        known=load_known_events(request.settings.known_events),
        expected=ExpectedCandles(_wanted_from(request), hours),
    )
    if not report.ok:
        raise DataError("; ".join(report.reasons))
    return StepSummary(describe(report))


def _data_docs(request: FlowRequest, symbols: Sequence[str]) -> str:
    from flows.steps.reporting.data_docs import write_data_docs

    lake, settings = request.lake, request.settings
    return str(write_data_docs(lake, as_of=request.as_of, symbols=symbols, settings=settings))


def _wanted_from(request: FlowRequest) -> datetime | None:
    """Return the beginning of the days that are downloaded; None if nothing says what is wanted."""
    wanted = request.settings.download
    if not wanted.enabled:
        return None
    return request.as_of.replace(hour=0, minute=0) - timedelta(days=wanted.days)


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


def _optimize(key: str, request: FlowRequest) -> OptimizeEntry:
    from flows.steps.search.optimize import optimize

    strategy, _, symbol = key.partition(SEPARATOR)
    return optimize(
        request.lake,
        as_of=request.as_of,
        strategy=strategy,
        symbol=symbol,
        settings=request.settings,
    )


def _weigh(request: FlowRequest, entries: Sequence[OptimizeEntry]) -> tuple[OptimizeEntry, ...]:
    from flows.steps.evidence.verdict import weigh

    return weigh(request.lake, as_of=request.as_of, entries=entries, settings=request.settings)


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


def _publish(
    request: FlowRequest,
    entries: Sequence[OptimizeEntry],
    trained: Sequence[TrainedModels],
    left_out: Sequence[LeftOutReason],
    run: FlowRun,
) -> PublishResult:
    from flows.steps.release.publish import publish

    published = publish(
        request.lake,
        as_of=request.as_of,
        now=datetime.now(UTC),
        entries=entries,
        trained=trained,
        left_out=left_out,
        flow_run=run,
    )
    _prune(request)
    return published


def _prune(request: FlowRequest) -> None:
    """Remove the releases that nobody needs; without knowing what is needed, none."""
    from flows.steps.release.retention import prune_releases

    kept = request.settings.retention
    try:
        found = prune_releases(
            request.lake,
            request.settings.ledger_source,
            now=datetime.now(UTC),
            keep_days=kept.days,
            keep_last=kept.last,
        )
    except DataError as error:
        logger.warning("no release was removed: %s", error)
        return
    if found.removed:
        logger.info("removed %s", found.sentence)


def _report(
    request: FlowRequest, release_id: str | None, unusable: Sequence[tuple[str, str]], days: int
) -> str:
    from flows.report.language import Locale
    from flows.steps.reporting.report import build_report

    lake, as_of, shown = request.lake, request.as_of, request.settings.report.model_dump()
    found = build_report(
        lake, Locale(**shown), as_of=as_of, release_id=release_id, unusable=unusable, days=days
    )
    return str(found.path)


def _summary(request: FlowRequest, report: str) -> str:
    from flows.steps.reporting.send_summary import send_summary

    return send_summary(Path(report), request.settings.summary_url)


def _scan(request: FlowRequest) -> tuple[UniverseMember, ...]:
    from flows.sources.trading_hours import load_trading_hours
    from flows.steps.release.universe import scan

    venue, size = request.settings.venue, request.settings.universe_size
    hours = load_trading_hours(request.settings.trading_hours, venue)
    return scan(request.lake, as_of=request.as_of, venue=venue, size=size, hours=hours)


def _publish_universe(
    request: FlowRequest, members: Sequence[UniverseMember], run: FlowRun
) -> PublishResult | None:
    from flows.steps.release.surge_scan import publish_universe

    settings = request.settings
    return publish_universe(
        request.lake,
        members,
        as_of=request.as_of,
        now=datetime.now(UTC),
        venue=settings.venue,
        size=settings.universe_size,
        flow_run=run,
    )


def _export(request: FlowRequest) -> LedgerExport:
    from flows.steps.reporting.export_ledger import export_ledger

    return export_ledger(request.lake, request.settings.ledger_source, as_of=request.as_of)


def _released(request: FlowRequest) -> tuple[str, ...]:
    from flows.steps.release.retune_k import current_entries

    return tuple(entry.symbol for entry in current_entries(request.lake, request.as_of)[1])


def _retune(symbol: str, request: FlowRequest) -> RetunedK:
    from flows.steps.release.retune_k import current_entries, retune_symbol

    _, entries = current_entries(request.lake, request.as_of)
    entry = next(entry for entry in entries if entry.symbol == symbol)
    return retune_symbol(request.lake, entry, as_of=request.as_of, settings=request.settings)


def _publish_k(
    request: FlowRequest, retuned: Sequence[RetunedK], run: FlowRun
) -> PublishResult | None:
    from flows.steps.release.retune_k import current_entries, publish_k

    release, _ = current_entries(request.lake, request.as_of)
    return publish_k(
        request.lake,
        release,
        retuned,
        as_of=request.as_of,
        now=datetime.now(UTC),
        flow_run=run,
    )


DOWNLOAD = FlowStep("download", _download, timeout_s=14_400)
IMPORT = FlowStep("import", _import, timeout_s=3600)
IMPORTED = FlowStep("imported", _imported, timeout_s=60)
VALIDATE = FlowStep("validate", _validate)
DATA_DOCS = FlowStep("data-docs", _data_docs, timeout_s=3600)
BARS = FlowStep("bars", _bars)
STRUCTURES = FlowStep("structures", _structures)
FEATURES = FlowStep("features", _features)
UNIVERSE = FlowStep("universe", _universe, timeout_s=3600)
RELATIVE = FlowStep("relative", _relative, timeout_s=3600)
OPTIMIZE = FlowStep("optimize", _optimize)
EVIDENCE = FlowStep("evidence", _weigh, timeout_s=7200)
TRAIN = FlowStep("train", _train, timeout_s=7200, isolated=True, ready=_trained_before)
MODEL_EVIDENCE = FlowStep("model-evidence", _weigh_models, timeout_s=7200)
PUBLISH = FlowStep("publish", _publish, timeout_s=300)
REPORT = FlowStep("report", _report, timeout_s=300)
SUMMARY = FlowStep("summary", _summary, timeout_s=60)
SCAN = FlowStep("scan", _scan, timeout_s=300)
PUBLISH_UNIVERSE = FlowStep("publish-universe", _publish_universe, timeout_s=300)
EXPORT = FlowStep("export-ledger", _export, timeout_s=900)
RELEASED = FlowStep("released", _released, timeout_s=60)
RETUNE = FlowStep("retune", _retune)
PUBLISH_K = FlowStep("publish-k", _publish_k, timeout_s=300)
