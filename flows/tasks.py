"""The steps of the flows as tasks: what a task is called, how long it may take, and what it runs.

Each takes the request and keys, opens the lake itself, and returns something small. Steps with
heavy libraries (Great Expectations, DuckDB, LightGBM, numba) are imported when they run.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from flows.engine.engine import Run, Step
from flows.engine.request import Request
from flows.steps.release.publish import LeftOutReason, PublishResult, Trained
from trading.errors import DataError

SEPARATOR = "/"


@dataclass(frozen=True, slots=True)
class Done:
    """What a step did for one key, in one line."""

    sentence: str


def pairs(request: Request, symbols: Sequence[str]) -> tuple[str, ...]:
    """Keys of the searches: every strategy on every symbol, ``breakout/BTCUSDT``."""
    return tuple(
        f"{strategy}{SEPARATOR}{symbol}"
        for strategy in request.settings.strategies
        for symbol in symbols
    )


def symbol_of(key: str) -> str:
    """The symbol of a key, which may name a strategy before it."""
    return key.rpartition(SEPARATOR)[2]


def universe_key(symbols: Sequence[str]) -> str:
    """Key of a step that works on several symbols together."""
    return ",".join(symbols)


def models(symbols: Sequence[str]) -> tuple[str, ...]:
    """Keys of the trainings."""
    return tuple(f"models{SEPARATOR}{symbol}" for symbol in symbols)


def _import(request: Request) -> Any:
    from flows.steps.data.importing import import_candles

    return import_candles(request.lake, as_of=request.as_of, settings=request.settings)


def _imported(request: Request) -> tuple[str, ...]:
    from lake.tables import RAW_CANDLES

    held = request.lake.partitions(RAW_CANDLES, venue=request.settings.venue, interval="1m")
    return tuple(sorted({partition.values["symbol"] for partition in held}))


def _validate(symbol: str, request: Request) -> Done:
    from flows.steps.data.validate import describe, validate_symbol

    report = validate_symbol(request.lake, request.settings.venue, symbol, request.as_of)
    if not report.ok:
        raise DataError("; ".join(report.reasons))
    return Done(describe(report))


def _bars(symbol: str, request: Request) -> Done:
    from flows.steps.features.features import build_bars

    settings = request.settings
    built = build_bars(request.lake, as_of=request.as_of, symbols=[symbol], venue=settings.venue)
    return Done(str(built))


def _structures(symbol: str, request: Request) -> Done:
    from flows.steps.features.structures import build_structures

    settings = request.settings
    built = build_structures(
        request.lake, as_of=request.as_of, symbols=[symbol], venue=settings.venue
    )
    return Done(str(built))


def _features(key: str, request: Request, symbols: Sequence[str]) -> Done:
    del key  # names the task: the symbols are compared with each other, so they go together
    from flows.steps.features.features import build_features

    settings = request.settings
    built = build_features(request.lake, as_of=request.as_of, symbols=symbols, venue=settings.venue)
    return Done(str(built))


def _optimize(key: str, request: Request) -> Any:
    from flows.steps.search.optimize import optimize

    strategy, _, symbol = key.partition(SEPARATOR)
    return optimize(
        request.lake,
        as_of=request.as_of,
        strategy=strategy,
        symbol=symbol,
        settings=request.settings,
    )


def _train(key: str, request: Request) -> Trained:
    from flows.steps.models.train import train
    from lake.releases import NewFile

    symbol = symbol_of(key)
    found = train(request.lake, as_of=request.as_of, symbols=[symbol], venue=request.settings.venue)
    if symbol in found.left_out:
        raise DataError(found.left_out[symbol])
    return Trained(
        symbol=symbol,
        sentence=found.sentence,
        files=tuple(
            NewFile(f"models/{name}", "model", data) for name, data in sorted(found.files.items())
        ),
        fingerprint=found.fingerprint,
    )


def _publish(
    request: Request,
    entries: Sequence[Any],
    trained: Sequence[Trained],
    left_out: Sequence[LeftOutReason],
    run: Run,
) -> PublishResult:
    from flows.steps.release.publish import publish
    from lake.releases import FlowRun

    return publish(
        request.lake,
        as_of=request.as_of,
        now=datetime.now(UTC),
        entries=entries,
        trained=trained,
        left_out=left_out,
        flow_run=FlowRun(id=run.id, name=run.name),
    )


def _report(request: Request, release_id: str | None) -> str:
    from flows.steps.reporting.report import build_report

    return str(build_report(request.lake, as_of=request.as_of, release_id=release_id).path)


def _scan(request: Request) -> Any:
    from flows.steps.release.universe import scan

    settings = request.settings
    return scan(
        request.lake, as_of=request.as_of, venue=settings.venue, size=settings.universe_size
    )


def _publish_universe(request: Request, members: Sequence[Any], run: Run) -> PublishResult | None:
    from flows.steps.release.surge_scan import publish_universe
    from lake.releases import FlowRun

    settings = request.settings
    return publish_universe(
        request.lake,
        members,
        as_of=request.as_of,
        now=datetime.now(UTC),
        venue=settings.venue,
        size=settings.universe_size,
        flow_run=FlowRun(id=run.id, name=run.name),
    )


def _export(request: Request) -> Any:
    from flows.steps.reporting.export_ledger import export_ledger

    return export_ledger(request.lake, request.settings.ledger, as_of=request.as_of)


def _released(request: Request) -> tuple[str, ...]:
    from flows.steps.release.retune_k import current_entries

    return tuple(entry.symbol for entry in current_entries(request.lake, request.as_of)[1])


def _retune(symbol: str, request: Request) -> Any:
    from flows.steps.release.retune_k import current_entries, retune_symbol

    _, entries = current_entries(request.lake, request.as_of)
    entry = next(entry for entry in entries if entry.symbol == symbol)
    return retune_symbol(request.lake, entry, as_of=request.as_of, settings=request.settings)


def _publish_k(request: Request, retuned: Sequence[Any], run: Run) -> PublishResult | None:
    from flows.steps.release.retune_k import current_entries, publish_k
    from lake.releases import FlowRun

    release, _ = current_entries(request.lake, request.as_of)
    return publish_k(
        request.lake,
        release,
        retuned,
        as_of=request.as_of,
        now=datetime.now(UTC),
        flow_run=FlowRun(id=run.id, name=run.name),
    )


IMPORT = Step("import", _import, timeout_s=3600)
IMPORTED = Step("imported", _imported, timeout_s=60)
VALIDATE = Step("validate", _validate)
BARS = Step("bars", _bars)
STRUCTURES = Step("structures", _structures)
FEATURES = Step("features", _features, timeout_s=3600)
OPTIMIZE = Step("optimize", _optimize)
TRAIN = Step("train", _train, timeout_s=7200)
PUBLISH = Step("publish", _publish, timeout_s=300)
REPORT = Step("report", _report, timeout_s=300)
SCAN = Step("scan", _scan, timeout_s=300)
PUBLISH_UNIVERSE = Step("publish-universe", _publish_universe, timeout_s=300)
EXPORT = Step("export-ledger", _export, timeout_s=900)
RELEASED = Step("released", _released, timeout_s=60)
RETUNE = Step("retune", _retune)
PUBLISH_K = Step("publish-k", _publish_k, timeout_s=300)
