"""The symbols of one download: what each lacks, from the archive first, then over REST."""

from __future__ import annotations

import asyncio
import shutil
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from flows.sources.binance_archive.archive import Archive
from flows.sources.binance_rest.client import RestClient
from flows.sources.coverage import months, overlap
from flows.sources.held import Held
from flows.sources.http import HostClosed, SourceError
from flows.sources.interface import CandleSource, Remark, TableSource, TimeSpan
from flows.sources.request import DownloadRequest, SymbolDownload
from lake.content import milliseconds
from lake.ingest.additions import (
    add_candles,
    add_rows,
    last_open_time,
    note_asked,
    source_names,
)
from lake.ingest.importer import import_folder
from lake.ingest.sources import read_funding_archive
from lake.store import Lake
from lake.tables import RAW_FUNDING, RAW_POSITIONING, Table
from trading.candles import DAY_MS, MINUTE_MS
from trading.errors import DataError, NocturneError

SYMBOLS_AT_ONCE = 4
LEAST_TABLE_SPAN_MS = 8 * 60 * MINUTE_MS
"""Funding is paid every 1 to 8 hours: a shorter span is not requested yet."""

Progress = Callable[[int, int, str], None]


@dataclass(slots=True)
class Sources:
    """The open sources of one run; those that the venue lacks are None."""

    archive: Archive | None
    rest: CandleSource
    funding: TableSource | None
    positioning: TableSource | None
    sentiment: TableSource | None
    client: RestClient | None
    days: CandleSource | None = None
    """Daily candles, where a venue's are not built from its minutes."""

    @property
    def continuous(self) -> bool:
        """Whether a venue has a candle for every minute, so that an absent one is a gap."""
        return self.archive is not None


class SymbolDownloads:
    """The symbols of one request, a few at a time."""

    def __init__(
        self, lake: Lake, request: DownloadRequest, sources: Sources, progress: Progress
    ) -> None:
        self._lake = lake
        self._request = request
        self._sources = sources
        self._progress = progress
        self._held = Held(lake, request, archived=sources.archive is not None)
        self._now_ms = milliseconds(request.now)
        self._done = 0
        self._total = 0

    async def all(self) -> list[SymbolDownload]:
        """Every symbol; reports in the order of the request."""
        slots = asyncio.Semaphore(SYMBOLS_AT_ONCE)

        async def one(symbol: str) -> SymbolDownload:
            async with slots:
                return await self._symbol(symbol)

        return list(await asyncio.gather(*(one(symbol) for symbol in self._request.symbols)))

    async def _symbol(self, symbol: str) -> SymbolDownload:
        remarks: list[Remark] = []
        before = await asyncio.to_thread(self._held.rows, symbol)
        files = await self._tried(symbol, remarks, self._from_archive(symbol, remarks))
        # A host out of reach costs only what it serves.
        await self._tried(symbol, remarks, self._from_rest(symbol, remarks))
        await self._tried(symbol, remarks, self._days_of(symbol))
        funding = await self._tried(symbol, remarks, self._tables(symbol, remarks))
        left: list[TimeSpan] = []
        if self._sources.continuous:
            left = await asyncio.to_thread(self._held.missing, symbol)
        rows = await asyncio.to_thread(self._held.rows, symbol)
        if rows == 0 and not remarks:
            remarks.append(
                Remark(
                    symbol,
                    f"no source has candles of {symbol} in this period; is the symbol right, and "
                    "was it listed then?",
                    failed=True,
                )
            )
        return SymbolDownload(
            symbol,
            candles=rows - before,
            files=files,
            funding=funding,
            missing=tuple(left),
            remarks=tuple(remarks),
        )

    async def _tried(self, symbol: str, remarks: list[Remark], work: Awaitable[int]) -> int:
        """Return the count that ``work`` gives; its failure is a remark."""
        try:
            return await work
        except NocturneError as error:
            remarks.append(Remark(symbol, str(error), failed=True))
            return 0

    # --- the archive -------------------------------------------------------------------------

    async def _from_archive(self, symbol: str, remarks: list[Remark]) -> int:
        archive = self._sources.archive
        if archive is None:
            return 0
        wanted = await asyncio.to_thread(self._held.months_lacking, symbol)
        self._total += len(wanted)
        counts = await self._each(
            wanted, lambda month: self._month(archive, symbol, month, remarks)
        )
        return sum(counts)

    async def _month(self, archive: Archive, symbol: str, month: str, remarks: list[Remark]) -> int:
        venue = self._request.venue
        names = source_names(self._lake, venue, symbol, month)
        whole = dict(months(self._request.span))[month]
        count = 0
        try:
            if f"{symbol}-1m-{month}.zip" not in names:
                path = None
                if whole.end <= self._now_ms:  # a month in progress has no file yet
                    path = await archive.monthly(venue, symbol, month)
                if path is not None:
                    await self._import(path)
                    count = 1
                else:
                    count = await self._days(archive, symbol, whole, names)
        except HostClosed:
            raise
        except NocturneError as error:
            remarks.append(Remark(f"{symbol} {month}", str(error), failed=True))
        self._done += 1
        self._progress(self._done, self._total, f"{symbol} {month}")
        return count

    async def _days(
        self, archive: Archive, symbol: str, whole: TimeSpan, names: frozenset[str]
    ) -> int:
        """The days of a month that has no file of its own (yet)."""
        span = overlap(whole, self._request.span)
        if span is None or span.end <= self._held.recent:
            return 0  # an old month without a file: the symbol was not listed
        lacking = await asyncio.to_thread(self._held.days_lacking, symbol, span)
        wanted = [day for day in lacking if f"{symbol}-1m-{day}.zip" not in names]
        count = 0
        for day in wanted:
            path = await archive.daily(self._request.venue, symbol, day)
            if path is not None:
                await self._import(path)
                count += 1
        return count

    async def _import(self, path: Path) -> None:
        """The file into the lake, by the importer that reads every file."""
        request = self._request
        report = await asyncio.to_thread(
            import_folder, self._lake, path.parent, request.now, request.venue
        )
        failed = [file for file in report.failed if Path(file.path).name == path.name]
        if failed:
            shutil.rmtree(path.parent, ignore_errors=True)
            raise DataError(f"{path.name}: {failed[0].reason}")
        if not self._request.keep_files:
            shutil.rmtree(path.parent, ignore_errors=True)

    # --- REST --------------------------------------------------------------------------------

    async def _from_rest(self, symbol: str, remarks: list[Remark]) -> int:
        """What the archive has not, once a day; old holes too, as they may have been mended."""
        added, name = 0, self._sources.rest.name
        for month, whole in months(self._request.span):
            for hole in await asyncio.to_thread(self._held.due, symbol, month, whole, name):
                added += await self._fill(symbol, month, hole, remarks)
        return added

    async def _fill(self, symbol: str, month: str, hole: TimeSpan, remarks: list[Remark]) -> int:
        source, venue = self._sources.rest, self._request.venue
        try:
            rows = await source.candles(symbol, hole)
        except HostClosed:
            raise
        except SourceError as error:
            old = hole.end <= self._held.recent
            remarks.append(Remark(f"{symbol} {month}", str(error), failed=not old))
            return 0
        added = 0
        if rows.num_rows:
            added = await asyncio.to_thread(
                add_candles, self._lake, venue, symbol, rows, source.name, self._request.now.date()
            )
        else:
            await asyncio.to_thread(
                note_asked, self._lake, venue, symbol, month, source.name, self._request.now.date()
            )
        self._progress(self._done, self._total, f"{symbol} {month} by REST: {rows.num_rows} rows")
        return added

    async def _days_of(self, symbol: str) -> int:
        """Daily candles after the last that the lake has, of days that are over."""
        source, venue, request = self._sources.days, self._request.venue, self._request
        if source is None:
            return 0
        last = await asyncio.to_thread(last_open_time, self._lake, venue, symbol, "1d")
        begin = request.span.begin if last is None else max(request.span.begin, last + DAY_MS)
        span = TimeSpan(begin, request.span.end - request.span.end % DAY_MS)
        if span.begin >= span.end:
            return 0
        rows = await source.candles(symbol, span)
        self._progress(self._done, self._total, f"{symbol}: {rows.num_rows} days")
        today = request.now.date()
        return await asyncio.to_thread(
            add_candles, self._lake, venue, symbol, rows, source.name, today, "1d"
        )

    # --- funding and positioning -------------------------------------------------------------

    async def _tables(self, symbol: str, remarks: list[Remark]) -> int:
        added = 0
        if self._sources.archive is not None and self._sources.funding is not None:
            try:
                added = await self._archived_funding(self._sources.archive, symbol)
            except NocturneError as error:
                remarks.append(Remark(f"{symbol} funding", str(error)))
        for source, table in (
            (self._sources.funding, RAW_FUNDING),
            (self._sources.positioning, RAW_POSITIONING),
        ):
            try:
                added += await self._rest_rows(source, table, symbol)
            except NocturneError as error:
                remarks.append(Remark(f"{symbol} {table.name}", str(error)))
        return added

    async def _archived_funding(self, archive: Archive, symbol: str) -> int:
        """Whole months without a rate in the lake."""
        added = 0
        times = await asyncio.to_thread(self._held.funding_times, symbol)
        for month, whole in months(self._request.span):
            known = (times >= whole.begin) & (times < whole.end)
            if whole.end > self._now_ms or known.any():
                continue
            path = await archive.funding(symbol, month)
            if path is not None:
                added += await asyncio.to_thread(self._add_funding, symbol, path)
        return added

    def _add_funding(self, symbol: str, path: Path) -> int:
        rows = read_funding_archive(path.read_bytes())
        shutil.rmtree(path.parent, ignore_errors=True)
        return add_rows(self._lake, RAW_FUNDING, self._request.venue, symbol, rows)

    async def _rest_rows(self, source: TableSource | None, table: Table, symbol: str) -> int:
        """Rows after the last that the lake has; how many funding rates were new."""
        added = 0
        if source is not None:
            last = await asyncio.to_thread(self._held.last_time, table, symbol)
            span = TimeSpan(max(self._request.span.begin, last + 1), self._request.span.end)
            if span.end - span.begin < LEAST_TABLE_SPAN_MS:
                return 0
            rows = await source.rows(symbol, span)
            count = await asyncio.to_thread(
                add_rows, self._lake, table, self._request.venue, symbol, rows
            )
            added += count if table is RAW_FUNDING else 0
        return added

    async def _each(self, keys: Sequence[str], work: Callable[[str], Awaitable[int]]) -> list[int]:
        """Do ``work`` for all keys; when one fails, the others end before that is raised."""
        ended = await asyncio.gather(*(work(key) for key in keys), return_exceptions=True)
        for result in ended:
            if isinstance(result, BaseException):
                raise result
        return [result for result in ended if isinstance(result, int)]
