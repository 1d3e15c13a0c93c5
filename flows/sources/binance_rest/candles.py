"""One-minute candles of Binance over REST."""

from __future__ import annotations

import pyarrow as pa

from flows.sources.binance_rest.client import RestClient
from flows.sources.http import SourceError
from flows.sources.interface import TimeSpan
from lake.contract import TIME
from lake.tables import RAW_CANDLES
from trading.candles import MINUTE_MS

PAGE = {"binance_usdm": 1_500, "binance_spot": 1_000}

# Places of the columns in an answer's row; a candle's close time and the last field are not kept.
_COLUMNS = {
    "open_time": 0,
    "open": 1,
    "high": 2,
    "low": 3,
    "close": 4,
    "volume": 5,
    "quote_volume": 7,
    "trades": 8,
    "taker_buy_base": 9,
    "taker_buy_quote": 10,
}


class RestCandles:
    """Pages of klines, oldest first."""

    def __init__(self, client: RestClient) -> None:
        self._client = client

    @property
    def name(self) -> str:
        """Name of the source."""
        return f"{self._client.venue}_rest"

    async def candles(self, symbol: str, span: TimeSpan) -> pa.Table:
        """See `CandleSource.candles`."""
        rows: list[list[object]] = []
        begin, page = span.begin, PAGE[self._client.venue]
        library = self._client.library
        klines = (
            library.futures_klines if self._client.venue == "binance_usdm" else library.get_klines
        )
        while begin < span.end:
            found = await self._client.call(
                klines,
                symbol=symbol,
                interval="1m",
                startTime=begin,
                endTime=span.end - 1,
                limit=page,
            )
            if not isinstance(found, list):
                raise SourceError(f"{self._client.url}: klines of {symbol} are no list")
            rows += found
            if len(found) < page:
                break
            begin = int(found[-1][0]) + MINUTE_MS
        return table_of(rows)


def table_of(rows: list[list[object]]) -> pa.Table:
    """Rows of klines (numbers as texts) as the table ``raw.candles`` has them."""
    columns = {}
    for field in RAW_CANDLES.schema:
        values = [row[_COLUMNS[field.name]] for row in rows]
        if field.type == TIME:
            columns[field.name] = pa.array(values, pa.int64()).cast(TIME)
        elif pa.types.is_integer(field.type):
            columns[field.name] = pa.array([int(str(v)) for v in values], field.type)
        else:
            columns[field.name] = pa.array([float(str(v)) for v in values], field.type)
    return pa.table(columns, schema=RAW_CANDLES.schema)
