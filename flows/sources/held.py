"""What the lake holds of the symbols of one request, and what it lacks; every call reads files."""

from __future__ import annotations

from collections.abc import Sequence

from flows.sources.coverage import Times, days, joined, missing, months, overlap
from flows.sources.interface import TimeSpan
from flows.sources.request import DownloadRequest
from lake.content import milliseconds
from lake.ingest.additions import asked_on, open_times, row_count
from lake.store import Lake
from lake.tables import RAW_FUNDING, Table
from trading.candles import DAY_MS, MINUTE_MS

JOIN_WITHIN_MS = 600 * MINUTE_MS
"""Holes closer together than this share one call: a page holds 1,000 minutes or more."""


class Held:
    """The lake's rows within one request; ``archived`` venues have a public archive."""

    def __init__(self, lake: Lake, request: DownloadRequest, archived: bool) -> None:
        self._lake = lake
        self._request = request
        self._archived = archived

    @property
    def recent(self) -> int:
        """Older minutes are left to the archive."""
        return milliseconds(self._request.now) - self._request.rest_days * DAY_MS

    def lacks(self, symbol: str, month: str, whole: TimeSpan) -> bool:
        """Whether the lake lacks a minute of the wanted part of ``month``."""
        if row_count(self._lake, self._request.venue, symbol, month) == whole.minutes:
            return False
        span = overlap(whole, self._request.span)
        return span is not None and bool(self.holes(symbol, span))

    def holes(self, symbol: str, span: TimeSpan) -> list[TimeSpan]:
        """Stretches of ``span`` without a candle."""
        found: list[TimeSpan] = []
        for month, whole in months(span):
            part = overlap(whole, span)
            if part is not None:
                times = open_times(self._lake, self._request.venue, symbol, month)
                found += missing(times, part)
        return found

    def months_lacking(self, symbol: str) -> list[str]:
        """Months of the request with a missing minute."""
        return [m for m, span in months(self._request.span) if self.lacks(symbol, m, span)]

    def missing(self, symbol: str) -> list[TimeSpan]:
        """What is still missing, counted from the first candle that any source has."""
        holes = joined(self.holes(symbol, self._request.span), 1)
        if holes and holes[0].begin == self._request.span.begin:
            return holes[1:]  # before the listing
        return holes

    def days_lacking(self, symbol: str, span: TimeSpan) -> list[str]:
        """Whole, finished days of ``span`` with a missing minute."""
        now, holes = milliseconds(self._request.now), self.holes(symbol, span)
        return [
            day
            for day, length in days(span)
            if length.end <= now and any(overlap(hole, length) for hole in holes)
        ]

    def rows(self, symbol: str) -> int:
        """Candles in the months of the request."""
        return sum(
            row_count(self._lake, self._request.venue, symbol, month)
            for month, _ in months(self._request.span)
        )

    def due(self, symbol: str, month: str, whole: TimeSpan, source: str) -> list[TimeSpan]:
        """Return the holes of a month for which ``source`` is requested today."""
        span = overlap(whole, self._request.span)
        if span is None or not self.lacks(symbol, month, whole):
            return []
        holes = self.holes(symbol, span)
        asked = asked_on(self._lake, self._request.venue, symbol, month)
        if asked.get(source) == self._request.now.date().isoformat():
            holes = [hole for hole in holes if hole.end == span.end]
        return joined(self._reachable(symbol, month, holes), JOIN_WITHIN_MS)

    def _reachable(self, symbol: str, month: str, holes: Sequence[TimeSpan]) -> list[TimeSpan]:
        """Without an archive everything; else recent minutes, and holes inside what is there."""
        if not self._archived:
            return list(holes)
        has_rows = row_count(self._lake, self._request.venue, symbol, month) > 0
        return [hole for hole in holes if hole.end > self.recent or has_rows]

    def funding_times(self, symbol: str) -> Times:
        """Times (ms) of the funding rates."""
        held = self._lake.read(
            RAW_FUNDING, [RAW_FUNDING.time], None, venue=self._request.venue, symbol=symbol
        )
        times: Times = held[RAW_FUNDING.time].cast("int64").to_numpy()
        return times

    def last_time(self, table: Table, symbol: str) -> int:
        """Time (ms) of the last row; without one, just before the request begins."""
        held = self._lake.read(table, [table.time], None, venue=self._request.venue, symbol=symbol)
        if not held.num_rows:
            return self._request.span.begin - 1
        return int(held[table.time].cast("int64").to_numpy().max())
