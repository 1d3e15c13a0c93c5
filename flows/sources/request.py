"""The request of a download, and the report of what it did."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path

from flows.sources.binance_rest import hosts
from flows.sources.http import HttpLimits
from flows.sources.interface import Remark, TimeSpan
from flows.sources.kis import client as kis
from flows.sources.sentiment import index
from flows.sources.trading_hours import ALWAYS_OPEN, TradingHours
from flows.sources.upbit import candles as upbit


@dataclass(frozen=True, slots=True)
class SourceUrls:
    """Base URL of each source; any of them may be a mirror or a server on this machine."""

    archive: str = hosts.ARCHIVE_URL
    binance_usdm: str = hosts.FUTURES_URL
    binance_spot: str = hosts.SPOT_URL
    upbit: str = upbit.URL
    sentiment: str = index.URL
    krx: str = kis.VIRTUAL_URL


@dataclass(frozen=True, slots=True)
class DownloadRequest:
    """Symbols of one venue over a span that ends at or before now.

    ``now`` is the wall clock (UTC): a source is asked once a day for what it lacks.
    """

    venue: str
    symbols: tuple[str, ...]
    """Empty with ``top``: the most traded symbols of the last day."""
    span: TimeSpan
    now: datetime
    urls: SourceUrls = SourceUrls()
    limits: HttpLimits = field(default_factory=HttpLimits)
    keep_files: bool = False
    with_funding: bool = True
    with_positioning: bool = False
    with_sentiment: bool = False
    with_instruments: bool = True
    top: int = 0
    rest_days: int = 40
    """Minutes older than this come from the archive alone."""
    secrets_folder: Path = Path("state")
    """Where a source keeps its access token."""
    hours: TradingHours = ALWAYS_OPEN
    """When the venue is open."""


@dataclass(frozen=True, slots=True)
class SymbolDownload:
    """What became of one symbol."""

    symbol: str
    candles: int = 0
    files: int = 0
    funding: int = 0
    missing: tuple[TimeSpan, ...] = ()
    remarks: tuple[Remark, ...] = ()

    @property
    def failed(self) -> bool:
        """Whether something needs the user's attention."""
        return any(remark.failed for remark in self.remarks)


@dataclass(frozen=True, slots=True)
class DownloadReport:
    """What a download did, symbol by symbol."""

    symbols: tuple[SymbolDownload, ...]
    remarks: tuple[Remark, ...] = field(default=())

    @property
    def candles(self) -> int:
        """New candles of all symbols."""
        return sum(report.candles for report in self.symbols)

    @property
    def failed(self) -> tuple[Remark, ...]:
        """Everything that needs the user's attention."""
        found = [r for report in self.symbols for r in report.remarks if r.failed]
        return (*found, *(r for r in self.remarks if r.failed))

    @property
    def sentence(self) -> str:
        """The download in one line."""
        names = ", ".join(report.symbol for report in self.symbols[:5])
        more = f" and {len(self.symbols) - 5} more" if len(self.symbols) > 5 else ""
        if not self.candles:
            return f"nothing new for {names}{more}"
        return f"{self.candles:,} new candles of {names}{more}"
