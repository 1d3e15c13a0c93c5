"""Funding rates and positioning of USDⓈ-M futures over REST."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

import pyarrow as pa

from flows.sources.binance_rest.client import RestClient
from flows.sources.interface import TimeSpan
from lake.contract import TIME
from lake.tables import RAW_FUNDING, RAW_POSITIONING
from trading.candles import DAY_MS, HOUR_MS

PAGE = 1_000
POSITIONING_PAGE = 500
POSITIONING_DAYS = 30
"""The exchange serves open interest and ratios of the last 30 days only."""


class RestFunding:
    """Funding rates, oldest first."""

    def __init__(self, client: RestClient) -> None:
        self._client = client

    async def rows(self, symbol: str, span: TimeSpan) -> pa.Table:
        """See `TableSource.rows`; the table is ``raw.funding``."""
        found: list[dict[str, Any]] = []
        begin = span.begin
        while begin < span.end:
            page = await self._client.call(
                self._client.library.futures_funding_rate,
                symbol=symbol,
                startTime=begin,
                endTime=span.end - 1,
                limit=PAGE,
            )
            found += page
            if len(page) < PAGE:
                break
            begin = int(page[-1]["fundingTime"]) + 1
        return pa.table(
            {
                "funding_time": pa.array([int(r["fundingTime"]) for r in found], pa.int64()).cast(
                    TIME
                ),
                "funding_rate": pa.array([float(r["fundingRate"]) for r in found], pa.float64()),
                "mark_price": pa.array([_number(r.get("markPrice")) for r in found], pa.float64()),
            },
            schema=RAW_FUNDING.schema,
        )


class RestPositioning:
    """Open interest, long/short ratios of all accounts and of the top traders, every hour."""

    def __init__(self, client: RestClient) -> None:
        self._client = client

    async def rows(self, symbol: str, span: TimeSpan) -> pa.Table:
        """See `TableSource.rows`; the table is ``raw.positioning``."""
        library = self._client.library
        span = TimeSpan(max(span.begin, span.end - POSITIONING_DAYS * DAY_MS), span.end)
        parts = {
            "open_interest": (library.futures_open_interest_hist, "sumOpenInterest"),
            "open_interest_value": (library.futures_open_interest_hist, "sumOpenInterestValue"),
            "long_short_account_ratio": (library.futures_global_longshort_ratio, "longShortRatio"),
            "top_trader_account_ratio": (
                library.futures_top_longshort_account_ratio,
                "longShortRatio",
            ),
            "top_trader_position_ratio": (
                library.futures_top_longshort_position_ratio,
                "longShortRatio",
            ),
        }
        answers: dict[Any, list[dict[str, Any]]] = {}
        by_time: dict[int, dict[str, float | None]] = {}
        for column, (method, field) in parts.items():
            key = method.__name__
            if key not in answers:
                answers[key] = await self._pages(method, symbol, span)
            for row in answers[key]:
                by_time.setdefault(int(row["timestamp"]), {})[column] = _number(row.get(field))
        times = sorted(by_time)
        columns = {
            field.name: pa.array([by_time[t].get(field.name) for t in times], field.type)
            for field in RAW_POSITIONING.schema
            if field.name != "time"
        }
        columns["time"] = pa.array(times, pa.int64()).cast(TIME)
        return pa.table(columns).select(RAW_POSITIONING.schema.names).cast(RAW_POSITIONING.schema)

    async def _pages(
        self, method: Callable[..., Awaitable[Any]], symbol: str, span: TimeSpan
    ) -> list[dict[str, Any]]:
        rows: list[dict[str, Any]] = []
        for begin in range(span.begin, span.end, POSITIONING_PAGE * HOUR_MS):
            end = min(span.end, begin + POSITIONING_PAGE * HOUR_MS)
            rows += await self._client.call(
                method,
                symbol=symbol,
                period="1h",
                startTime=begin,
                endTime=end - 1,
                limit=POSITIONING_PAGE,
            )
        return rows


def _number(value: object) -> float | None:
    return float(str(value)) if value not in (None, "") else None
