"""The steps that bring market data into the lake and check it."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from flows.engine.engine import FlowStep
from flows.engine.request import FlowRequest
from flows.tasks.keys import StepSummary
from trading.errors import DataError

if TYPE_CHECKING:
    from flows.steps.data.download import DownloadSummary
    from flows.steps.data.importing import ImportResult


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


DOWNLOAD = FlowStep("download", _download, timeout_s=14_400)
IMPORT = FlowStep("import", _import, timeout_s=3600)
IMPORTED = FlowStep("imported", _imported, timeout_s=60)
VALIDATE = FlowStep("validate", _validate)
DATA_DOCS = FlowStep("data-docs", _data_docs, timeout_s=3600)
