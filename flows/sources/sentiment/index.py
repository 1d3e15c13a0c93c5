"""A daily crowd-sentiment index: JSON with ``data: [{timestamp, value}]``, values from 0 to 100.

The shape is that of the fear-and-greed index of alternative.me (https://alternative.me/crypto/).
"""

from __future__ import annotations

import pyarrow as pa

from flows.sources.http import Http, SourceError
from flows.sources.interface import TimeSpan
from lake.contract import TIME
from lake.tables import RAW_POSITIONING

URL = "https://api.alternative.me/fng/"
SYMBOL = "CROWD"
"""The symbol under which the index stands in ``raw.positioning``."""


class SentimentIndex:
    """The whole index in one call."""

    def __init__(self, http: Http, url: str) -> None:
        self._http = http
        self._url = url

    async def rows(self, symbol: str, span: TimeSpan) -> pa.Table:
        """See `TableSource.rows`; the table is ``raw.positioning``, ``symbol`` is not used."""
        del symbol
        answer = await self._http.json(self._url, params={"limit": "0", "format": "json"})
        try:
            found = {int(r["timestamp"]) * 1000: float(r["value"]) for r in answer["data"]}
        except (KeyError, TypeError, ValueError) as error:
            raise SourceError(
                f"{self._url}: the answer is no sentiment index ({error!r})"
            ) from error
        wrong = [value for value in found.values() if not 0.0 <= value <= 100.0]
        if wrong:
            raise SourceError(
                f"{self._url}: the index has the value {wrong[0]:g}, outside 0 to 100"
            )
        times = sorted(t for t in found if span.begin <= t < span.end)
        columns = {field.name: pa.nulls(len(times), field.type) for field in RAW_POSITIONING.schema}
        columns["time"] = pa.array(times, pa.int64()).cast(TIME)
        columns["sentiment_index"] = pa.array([found[t] for t in times], pa.float64())
        return pa.table(columns).select(RAW_POSITIONING.schema.names).cast(RAW_POSITIONING.schema)
