"""Daily and one-minute candles of Korean stocks, newest first a page.

A session, from 09:00 to 15:30 in Korea, lies within one day in UTC, so a daily candle opens at
midnight UTC of its date. Prices are not adjusted for splits: what was traded is what is stored.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pyarrow as pa

from flows.sources.coverage import days, overlap
from flows.sources.http import SourceError
from flows.sources.interface import TimeSpan
from flows.sources.kis.client import KisClient
from flows.sources.trading_hours import TradingHours
from lake.content import milliseconds, moment_of
from lake.contract import TIME
from lake.tables import RAW_CANDLES
from trading.candles import DAY_MS, HOUR_MS, MINUTE_MS

_QUOTATIONS = "/uapi/domestic-stock/v1/quotations"
_DAILY = (f"{_QUOTATIONS}/inquire-daily-itemchartprice", "FHKST03010100")
_TODAY = (f"{_QUOTATIONS}/inquire-time-itemchartprice", "FHKST03010200")
_PAST = (f"{_QUOTATIONS}/inquire-time-dailychartprice", "FHKST03010230")
DAILY_PAGE = 100
KOREA_MS = 9 * HOUR_MS
LEAST_MINUTES = 15
"""Shorter holes of a past day are minutes without trades."""
MINUTES_KEPT_DAYS = 365
"""The service serves minutes of the last year."""


class KisCandles:
    """One-minute candles; minutes without trades are absent."""

    def __init__(self, client: KisClient, today: date, hours: TradingHours) -> None:
        self._client = client
        self._today = today
        self._hours = hours

    @property
    def name(self) -> str:
        """Name of the source."""
        return "kis_rest"

    async def candles(self, symbol: str, span: TimeSpan) -> pa.Table:
        """See `CandleSource.candles`; days without a session are not requested."""
        rows: dict[int, Mapping[str, Any]] = {}
        for name, whole in days(span):
            if self._is_served(date.fromisoformat(name), whole, span):
                rows |= await self._day(symbol, date.fromisoformat(name), whole)
        inside = {time: row for time, row in rows.items() if span.begin <= time < span.end}
        return _table(inside, "cntg_vol")

    def _is_served(self, day: date, whole: TimeSpan, span: TimeSpan) -> bool:
        """Tell whether a day may have minutes in ``span`` that are worth a request."""
        part = overlap(whole, span)
        minutes = self._hours.open_minutes(part.begin, part.end) if part else 0
        if not minutes:
            return False
        if day == self._today:
            return True
        kept = day >= self._today - timedelta(days=MINUTES_KEPT_DAYS)
        return kept and not self._client.virtual and minutes >= LEAST_MINUTES

    async def _day(self, symbol: str, day: date, whole: TimeSpan) -> dict[int, Mapping[str, Any]]:
        past = day != self._today
        rows: dict[int, Mapping[str, Any]] = {}
        first = self._hours.minute(whole.begin)
        count = self._hours.open_minutes(whole.begin, whole.end)
        until = self._hours.minute(whole.begin, count - 1)
        while True:
            query = {
                "FID_COND_MRKT_DIV_CODE": "J",
                "FID_INPUT_ISCD": symbol,
                "FID_INPUT_HOUR_1": f"{moment_of(until + KOREA_MS):%H%M%S}",
                "FID_PW_DATA_INCU_YN": "N",
            }
            more = {"FID_INPUT_DATE_1": f"{day:%Y%m%d}", "FID_FAKE_TICK_INCU_YN": ""}
            query |= more if past else {"FID_ETC_CLS_CODE": ""}
            answer = await self._client.get(*(_PAST if past else _TODAY), query)
            page = {
                time: row
                for row in _rows(answer)
                if (time := _minute(row)) // DAY_MS == milliseconds(_midnight(day)) // DAY_MS
            }
            fresh = page.keys() - rows.keys()
            rows |= page
            if not fresh:
                return rows
            until = min(fresh) - MINUTE_MS
            if until < first:
                return rows


class KisDays:
    """Daily candles."""

    def __init__(self, client: KisClient) -> None:
        self._client = client

    @property
    def name(self) -> str:
        """Name of the source."""
        return "kis_rest"

    async def candles(self, symbol: str, span: TimeSpan) -> pa.Table:
        """Daily candles that opened in ``span``, as the table ``raw.candles`` has them."""
        rows: dict[int, Mapping[str, Any]] = {}
        path, tr_id = _DAILY
        first, last = moment_of(span.begin), moment_of(span.end - 1)
        while last >= first:
            answer = await self._client.get(
                path,
                tr_id,
                {
                    "FID_COND_MRKT_DIV_CODE": "J",
                    "FID_INPUT_ISCD": symbol,
                    "FID_INPUT_DATE_1": f"{first:%Y%m%d}",
                    "FID_INPUT_DATE_2": f"{last:%Y%m%d}",
                    "FID_PERIOD_DIV_CODE": "D",
                    "FID_ORG_ADJ_PRC": "1",
                },
            )
            page = {_day(row): row for row in _rows(answer)}
            fresh = page.keys() - rows.keys()
            rows |= page
            if not fresh or len(page) < DAILY_PAGE:
                break
            last = moment_of(min(fresh)) - timedelta(days=1)
        inside = {time: row for time, row in rows.items() if span.begin <= time < span.end}
        return _table(inside, "acml_vol", turnover="acml_tr_pbmn", close="stck_clpr")


def _rows(answer: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    """Return the candles of an answer; days without one come as empty objects."""
    found = answer.get("output2")
    if not isinstance(found, list):
        raise SourceError(f"the answer has no list of candles; it has {', '.join(answer)}")
    return [row for row in found if row and row.get("stck_bsop_date")]


def _midnight(day: date) -> datetime:
    return datetime(day.year, day.month, day.day, tzinfo=UTC)


def _day(row: Mapping[str, Any]) -> int:
    return milliseconds(_midnight(date.fromisoformat(str(row["stck_bsop_date"]))))


def _minute(row: Mapping[str, Any]) -> int:
    text = f"{row['stck_bsop_date']}{row['stck_cntg_hour']}"
    in_korea = datetime.strptime(text, "%Y%m%d%H%M%S").replace(tzinfo=UTC)
    return milliseconds(in_korea) - KOREA_MS


def _table(
    rows: Mapping[int, Mapping[str, Any]],
    volume: str,
    turnover: str = "",
    close: str = "stck_prpr",
) -> pa.Table:
    names = {
        "open": "stck_oprc",
        "high": "stck_hgpr",
        "low": "stck_lwpr",
        "close": close,
        "volume": volume,
    }
    if turnover:
        names["quote_volume"] = turnover
    times = sorted(rows)
    columns = {
        name: pa.array([float(rows[time][field]) for time in times], pa.float64())
        for name, field in names.items()
    }
    columns["open_time"] = pa.array(times, pa.int64()).cast(TIME)
    for field in RAW_CANDLES.schema:
        columns.setdefault(field.name, pa.nulls(len(times), field.type))
    return pa.table(columns).select(RAW_CANDLES.schema.names).cast(RAW_CANDLES.schema)
