"""What a source of market data serves: candles and tables of a symbol over a span of time.

Times are milliseconds since the epoch, UTC; a span is half open: its end is not part of it.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

import pyarrow as pa

Say = Callable[[str], None]


@dataclass(frozen=True, slots=True, order=True)
class TimeSpan:
    """A half-open stretch of time, in milliseconds."""

    begin: int
    end: int

    @property
    def minutes(self) -> int:
        """Whole minutes in it."""
        return (self.end - self.begin) // 60_000


@dataclass(frozen=True, slots=True)
class Remark:
    """What a user should know of one symbol or file; ``failed`` if it needs their attention."""

    subject: str
    text: str
    failed: bool = False


class CandleSource(Protocol):
    """Serves candles of a venue: of one minute, unless it is a source of days."""

    @property
    def name(self) -> str:
        """Name of the source, for messages and the lake's record."""
        ...

    async def candles(self, symbol: str, span: TimeSpan) -> pa.Table:
        """Candles that opened in ``span``, as the table ``raw.candles`` has them.

        Rows that the source lacks are absent. Raises `SourceError` when it cannot answer.
        """
        ...


class TableSource(Protocol):
    """Serves rows of one raw table of a venue: funding, positioning, instruments."""

    async def rows(self, symbol: str, span: TimeSpan) -> pa.Table:
        """Rows in ``span``, as the raw table has them."""
        ...
