"""The steps that publish: releases of a night, the universe, and a retuned K."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from flows.engine.engine import FlowStep
from flows.engine.request import FlowRequest
from flows.steps.release.publish import LeftOutReason, PublishResult, TrainedModels
from flows.steps.search.optimize import OptimizeEntry
from lake.releases import FlowRun
from trading.errors import DataError

if TYPE_CHECKING:
    from flows.steps.release.retune_k import RetunedK
    from flows.steps.release.universe import UniverseMember

logger = logging.getLogger(__name__)


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


PUBLISH = FlowStep("publish", _publish, timeout_s=300)
SCAN = FlowStep("scan", _scan, timeout_s=300)
PUBLISH_UNIVERSE = FlowStep("publish-universe", _publish_universe, timeout_s=300)
RELEASED = FlowStep("released", _released, timeout_s=60)
RETUNE = FlowStep("retune", _retune)
PUBLISH_K = FlowStep("publish-k", _publish_k, timeout_s=300)
