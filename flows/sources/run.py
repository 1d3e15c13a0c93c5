"""A download from beginning to end: ask the lake what it lacks, fetch that, say what is left.

Files of the archive come first (months, then days), REST fills what they lack. Each file goes into
the lake as soon as it is there, so that a killed run loses at most the files in flight, and these
continue where they stopped.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from urllib.parse import urlsplit

from flows.sources.binance_archive.archive import Archive
from flows.sources.binance_rest.candles import RestCandles
from flows.sources.binance_rest.client import RestClient
from flows.sources.binance_rest.funding import RestFunding, RestPositioning
from flows.sources.binance_rest.instruments import most_traded, snapshot
from flows.sources.http import Host, Http, open_session
from flows.sources.interface import Remark
from flows.sources.kis.candles import KisCandles, KisDays
from flows.sources.kis.client import KisClient
from flows.sources.kis.token import KisCredentials
from flows.sources.request import DownloadReport, DownloadRequest
from flows.sources.sentiment.index import SYMBOL as CROWD
from flows.sources.sentiment.index import SentimentIndex
from flows.sources.symbols import Progress, Sources, SymbolDownloads
from flows.sources.upbit.candles import UpbitCandles
from lake.files import write_atomically
from lake.ingest.additions import add_rows
from lake.ingest.importer import import_folder
from lake.store import Lake
from lake.tables import RAW_POSITIONING
from trading.errors import DataError, NocturneError, ParameterError, SettingsError
from trading.market.symbols import check_symbol, is_symbol

VENUES = ("binance_usdm", "binance_spot", "upbit", "krx")


def download(
    lake: Lake, request: DownloadRequest, progress: Progress | None = None
) -> DownloadReport:
    """Fetch what ``lake`` lacks of ``request``; what is there already is not requested again.

    ``progress`` hears (done, total, what was done). A symbol's trouble costs only that symbol, and
    stands in the report. Raises `ParameterError` for an unknown venue, `DataError` for a symbol
    that is none, `SettingsError` for a venue that closes and whose hours are not known.
    """
    if request.venue not in VENUES:
        raise ParameterError(
            f"there is no source for the venue '{request.venue}'; there are sources for "
            f"{', '.join(VENUES)}"
        )
    if request.venue == "krx" and request.hours.always:
        raise SettingsError(
            "there are no trading hours of krx; see the setting 'trading_hours' and the file "
            "config/trading_hours.toml"
        )
    for symbol in request.symbols:
        check_symbol(symbol)  # it becomes part of paths and addresses
    return asyncio.run(_download(lake, request, progress or _silent))


def _silent(done: int, total: int, what: str) -> None:
    del done, total, what


async def _download(lake: Lake, request: DownloadRequest, progress: Progress) -> DownloadReport:
    async with _opened(lake, request) as sources:
        if request.top:
            request = replace(request, symbols=await _top(request, sources))
        remarks = await _venue_tables(lake, request, sources)
        reports = await SymbolDownloads(lake, request, sources, progress).all()
    return DownloadReport(tuple(reports), tuple(remarks))


@asynccontextmanager
async def _opened(lake: Lake, request: DownloadRequest) -> AsyncIterator[Sources]:
    urls, limits = request.urls, request.limits
    async with AsyncExitStack() as stack:
        session = await stack.enter_async_context(open_session(limits))
        sentiment = None
        if request.with_sentiment:
            sentiment = SentimentIndex(Http(session, Host(urls.sentiment, limits)), urls.sentiment)
        if request.venue == "upbit":
            upbit = UpbitCandles(urls.upbit, limits)
            stack.push_async_callback(upbit.close)
            yield Sources(None, upbit, None, None, sentiment, None)
            return
        if request.venue == "krx":
            credentials = KisCredentials.from_environment()
            kis = KisClient(session, urls.krx, credentials, request.secrets_folder, limits)
            minutes = KisCandles(kis, request.now.date(), request.hours)
            yield Sources(None, minutes, None, None, sentiment, None, KisDays(kis))
            return
        base = urls.binance_usdm if request.venue == "binance_usdm" else urls.binance_spot
        client = RestClient(request.venue, base, limits)
        stack.push_async_callback(client.close)
        host = Host(urls.archive, limits)
        if urlsplit(urls.archive).netloc == urlsplit(base).netloc:
            host.closes_with(client.host)
        archive = Archive(Http(session, host), urls.archive, _folder(lake))
        futures = request.venue == "binance_usdm"
        yield Sources(
            archive=archive,
            rest=RestCandles(client),
            funding=RestFunding(client) if futures and request.with_funding else None,
            positioning=RestPositioning(client) if futures and request.with_positioning else None,
            sentiment=sentiment,
            client=client,
        )


def _folder(lake: Lake) -> Path:
    return lake.root / "downloads" / "binance_archive"


async def _top(request: DownloadRequest, sources: Sources) -> tuple[str, ...]:
    if sources.client is None:
        raise ParameterError(
            f"the most traded symbols of '{request.venue}' are not known; name them by --symbols"
        )
    return tuple(filter(is_symbol, await most_traded(sources.client, request.top)))


async def _venue_tables(lake: Lake, request: DownloadRequest, sources: Sources) -> list[Remark]:
    """What belongs to the venue as a whole: instruments and the sentiment index."""
    remarks = []
    if request.with_instruments and sources.client is not None:
        try:
            await _instruments(lake, request, sources.client)
        except NocturneError as error:
            remarks.append(Remark("instruments", str(error)))
    if sources.sentiment is not None:
        try:
            rows = await sources.sentiment.rows(CROWD, request.span)
            add_rows(lake, RAW_POSITIONING, request.venue, CROWD, rows)
        except NocturneError as error:
            remarks.append(Remark("sentiment", str(error), failed=True))
    return remarks


async def _instruments(lake: Lake, request: DownloadRequest, client: RestClient) -> None:
    found = await snapshot(client, request.now.strftime("%Y-%m-%dT%H:%M:%SZ"))
    folder = lake.root / "downloads" / "instruments" / request.venue
    folder.mkdir(parents=True, exist_ok=True)
    text = json.dumps(found)

    def write(path: Path) -> None:
        path.write_text(text, encoding="utf-8")

    write_atomically(folder / "instruments.json", write)
    report = import_folder(lake, folder, request.now + timedelta(seconds=1), request.venue)
    if report.failed:
        raise DataError(report.failed[0].reason)
