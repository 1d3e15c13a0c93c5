"""One-minute candles of Upbit: 200 a call, newest first; minutes without trades are absent."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import ccxt.async_support as ccxt
import pyarrow as pa

from flows.sources.http import Host, HttpLimits, SourceError
from flows.sources.interface import TimeSpan
from lake.contract import TIME
from lake.tables import RAW_CANDLES

URL = "https://api.upbit.com"
PAGE = 200


class UpbitCandles:
    """Pages of candles from the span's end back to its beginning."""

    def __init__(self, base_url: str, limits: HttpLimits) -> None:
        self.host = Host(base_url, replace(limits, parallel=1))
        self._exchange: Any = ccxt.upbit({"timeout": int(limits.silence_s * 1000)})
        root = base_url.rstrip("/")
        self._exchange.urls["api"] = {"public": root, "private": root}
        self._exchange.aiohttp_trust_env = True

    @property
    def name(self) -> str:
        """Name of the source."""
        return "upbit_rest"

    async def close(self) -> None:
        """Close the connections."""
        await self._exchange.close()

    async def candles(self, symbol: str, span: TimeSpan) -> pa.Table:
        """See `CandleSource.candles`; ``symbol`` is Upbit's own, such as ``KRW-BTC``."""
        rows: dict[int, dict[str, Any]] = {}
        end = span.end
        while end > span.begin:
            page = await self._page(symbol, end)
            times = [_opened(row) for row in page]
            found = zip(times, page, strict=True)
            rows |= {time: row for time, row in found if span.begin <= time < span.end}
            if len(page) < PAGE or min(times) <= span.begin:
                break
            end = min(times)
        return _table([rows[t] for t in sorted(rows)], sorted(rows))

    async def _page(self, symbol: str, end: int) -> list[dict[str, Any]]:
        to = datetime.fromtimestamp(end / 1000, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
        query = {"timeframe": "minutes", "unit": 1, "market": symbol, "to": to, "count": PAGE}
        failure = ""
        for attempt in range(self.host.limits.attempts):
            async with self.host:
                try:
                    page: list[dict[str, Any]] = await self._exchange.publicGetCandlesTimeframeUnit(
                        query
                    )
                    return page
                except ccxt.RateLimitExceeded as error:
                    self.host.heard(429, self._exchange.last_response_headers or {})
                    failure = str(error)
                except ccxt.NetworkError as error:
                    failure = str(error)
                except ccxt.BaseError as error:
                    raise SourceError(f"{self.host.name}: candles of {symbol}: {error}") from error
            await self.host.back_off(attempt)
        raise SourceError(
            f"{self.host.name}: candles of {symbol}: {failure}, after "
            f"{self.host.limits.attempts} attempts"
        )


def _opened(row: dict[str, Any]) -> int:
    moment = datetime.fromisoformat(row["candle_date_time_utc"]).replace(tzinfo=UTC)
    return round(moment.timestamp() * 1000)


def _table(rows: list[dict[str, Any]], times: list[int]) -> pa.Table:
    names = {
        "open": "opening_price",
        "high": "high_price",
        "low": "low_price",
        "close": "trade_price",
        "volume": "candle_acc_trade_volume",
        "quote_volume": "candle_acc_trade_price",
    }
    columns = {
        name: pa.array([float(row[field]) for row in rows], pa.float64())
        for name, field in names.items()
    }
    columns["open_time"] = pa.array(times, pa.int64()).cast(TIME)
    for field in RAW_CANDLES.schema:
        columns.setdefault(field.name, pa.nulls(len(rows), field.type))
    return pa.table(columns).select(RAW_CANDLES.schema.names).cast(RAW_CANDLES.schema)
