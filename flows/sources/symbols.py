"""The symbols of one download: what each lacks, from the archive first, then over REST."""

from __future__ import annotations

import asyncio
import shutil
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from flows.sources.binance_archive.archive import Archive
from flows.sources.binance_rest.client import RestClient
from flows.sources.coverage import days, joined, missing, months, overlap
from flows.sources.http import HostClosed, SourceError
from flows.sources.interface import CandleSource, Remark, TableSource, TimeSpan
from flows.sources.request import DownloadRequest, SymbolDownload
from lake.ingest.additions import (
    add_candles,
    add_rows,
    asked_on,
    note_asked,
    open_times,
    row_count,
    source_names,
)
from lake.ingest.importer import import_folder
from lake.ingest.sources import read_funding_archive
from lake.store import Lake
from lake.tables import RAW_FUNDING, RAW_POSITIONING, Table
from trading.candles import DAY_MS, MINUTE_MS
from trading.errors import DataError, NocturneError

SYMBOLS_AT_ONCE = 4
JOIN_WITHIN_MS = 600 * MINUTE_MS
"""Holes closer together than this share one call: a page holds 1,000 minutes or more."""
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


class SymbolDownloads:
    """The symbols of one request, a few at a time."""

    def __init__(
        self, lake: Lake, request: DownloadRequest, sources: Sources, progress: Progress
    ) -> None:
        self._lake = lake
        self._request = request
        self._sources = sources
        self._progress = progress
        self._now_ms = round(request.now.timestamp() * 1000)
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
        report = SymbolDownload(symbol)
        remarks: list[Remark] = []
        before = self._rows(symbol)
        try:
            report = replace(report, files=await self._from_archive(symbol, remarks))
            await self._from_rest(symbol, remarks)
            report = replace(report, funding=await self._tables(symbol, remarks))
        except NocturneError as error:
            remarks.append(Remark(symbol, str(error), failed=True))
        left = self._missing(symbol)
        if self._rows(symbol) == 0 and not remarks:
            remarks.append(
                Remark(
                    symbol,
                    f"no source has candles of {symbol} in this period; is the symbol right, and "
                    "was it listed then?",
                    failed=True,
                )
            )
        return replace(
            report,
            candles=self._rows(symbol) - before,
            missing=tuple(left),
            remarks=tuple(remarks),
        )

    # --- the archive -------------------------------------------------------------------------

    async def _from_archive(self, symbol: str, remarks: list[Remark]) -> int:
        archive = self._sources.archive
        if archive is None:
            return 0
        wanted = [m for m, span in months(self._request.span) if self._lacks(symbol, m, span)]
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
        if span is None or span.end <= self._recent:
            return 0  # an old month without a file: the symbol was not listed
        wanted = [
            day
            for day, length in days(span)
            if f"{symbol}-1m-{day}.zip" not in names
            and length.end <= self._now_ms
            and self._holes(symbol, length)
        ]
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

    async def _from_rest(self, symbol: str, remarks: list[Remark]) -> None:
        """What the archive has not, once a day; old holes too, as they may have been mended."""
        source = self._sources.rest
        today = self._request.now.date().isoformat()
        for month, whole in months(self._request.span):
            span = overlap(whole, self._request.span)
            if span is None or not self._lacks(symbol, month, whole):
                continue
            holes = self._holes(symbol, span)
            asked = asked_on(self._lake, self._request.venue, symbol, month).get(source.name)
            tail = [hole for hole in holes if hole.end == span.end]
            due = holes if asked != today else tail
            reachable = self._reachable(symbol, month, due)
            for hole in joined(reachable, JOIN_WITHIN_MS):
                await self._fill(symbol, month, hole, remarks)

    def _reachable(self, symbol: str, month: str, holes: Sequence[TimeSpan]) -> list[TimeSpan]:
        """Without an archive everything; else recent minutes, and holes inside what is there."""
        if self._sources.archive is None:
            return list(holes)
        has_rows = row_count(self._lake, self._request.venue, symbol, month) > 0
        return [hole for hole in holes if hole.end > self._recent or has_rows]

    async def _fill(self, symbol: str, month: str, hole: TimeSpan, remarks: list[Remark]) -> None:
        source, venue = self._sources.rest, self._request.venue
        try:
            rows = await source.candles(symbol, hole)
        except HostClosed:
            raise
        except SourceError as error:
            old = hole.end <= self._recent
            remarks.append(Remark(f"{symbol} {month}", str(error), failed=not old))
            return
        if rows.num_rows:
            await asyncio.to_thread(
                add_candles, self._lake, venue, symbol, rows, source.name, self._request.now.date()
            )
        else:
            await asyncio.to_thread(
                note_asked, self._lake, venue, symbol, month, source.name, self._request.now.date()
            )
        self._progress(self._done, self._total, f"{symbol} {month} by REST: {rows.num_rows} rows")

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
        """Whole months of which the lake has no rate."""
        added = 0
        for month, whole in months(self._request.span):
            if whole.end > self._now_ms or self._funding_times(symbol, whole):
                continue
            path = await archive.funding(symbol, month)
            if path is None:
                continue
            rows = read_funding_archive(path.read_bytes())
            added += add_rows(self._lake, RAW_FUNDING, self._request.venue, symbol, rows)
            shutil.rmtree(path.parent, ignore_errors=True)
        return added

    def _funding_times(self, symbol: str, span: TimeSpan) -> int:
        held = self._lake.read(
            RAW_FUNDING, [RAW_FUNDING.time], None, venue=self._request.venue, symbol=symbol
        )
        times = held[RAW_FUNDING.time].cast("int64").to_numpy()
        return int(((times >= span.begin) & (times < span.end)).sum())

    async def _rest_rows(self, source: TableSource | None, table: Table, symbol: str) -> int:
        """Rows after the last that the lake has; how many funding rates were new."""
        added = 0
        if source is not None:
            last = self._last_time(table, symbol)
            span = TimeSpan(max(self._request.span.begin, last + 1), self._request.span.end)
            if span.end - span.begin < LEAST_TABLE_SPAN_MS:
                return 0
            rows = await source.rows(symbol, span)
            count = await asyncio.to_thread(
                add_rows, self._lake, table, self._request.venue, symbol, rows
            )
            added += count if table is RAW_FUNDING else 0
        return added

    def _last_time(self, table: Table, symbol: str) -> int:
        held = self._lake.read(table, [table.time], None, venue=self._request.venue, symbol=symbol)
        if not held.num_rows:
            return self._request.span.begin - 1
        return int(held[table.time].cast("int64").to_numpy().max())

    # --- what the lake has -------------------------------------------------------------------

    @property
    def _recent(self) -> int:
        """Older minutes are left to the archive."""
        return self._now_ms - self._request.rest_days * DAY_MS

    def _lacks(self, symbol: str, month: str, whole: TimeSpan) -> bool:
        """Whether the lake lacks a minute of the wanted part of ``month``."""
        if row_count(self._lake, self._request.venue, symbol, month) == whole.minutes:
            return False
        span = overlap(whole, self._request.span)
        return span is not None and bool(self._holes(symbol, span))

    def _holes(self, symbol: str, span: TimeSpan) -> list[TimeSpan]:
        found: list[TimeSpan] = []
        for month, whole in months(span):
            part = overlap(whole, span)
            if part is not None:
                times = open_times(self._lake, self._request.venue, symbol, month)
                found += missing(times, part)
        return found

    def _missing(self, symbol: str) -> list[TimeSpan]:
        """What is still missing, counted from the first candle that any source has."""
        holes = joined(self._holes(symbol, self._request.span), 1)
        if holes and holes[0].begin == self._request.span.begin:
            return holes[1:]  # before the listing
        return holes

    def _rows(self, symbol: str) -> int:
        return sum(
            row_count(self._lake, self._request.venue, symbol, month)
            for month, _ in months(self._request.span)
        )

    async def _each(self, keys: Sequence[str], work: Callable[[str], Awaitable[int]]) -> list[int]:
        return list(await asyncio.gather(*(work(key) for key in keys)))
