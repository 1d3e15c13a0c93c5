"""The download step: what the settings want and the lake lacks."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from flows.settings import ResearchSettings
from flows.sources.interface import Remark, TimeSpan
from flows.sources.request import DownloadRequest, SourceUrls
from flows.sources.run import download
from flows.sources.trading_hours import load_trading_hours
from lake.content import milliseconds
from lake.store import Lake


@dataclass(frozen=True, slots=True)
class DownloadSummary:
    """What a download did: a sentence, and what could not be fetched, by symbol."""

    sentence: str
    failed: tuple[tuple[str, str], ...]


def download_candles(lake: Lake, *, as_of: datetime, settings: ResearchSettings) -> DownloadSummary:
    """Fetch the last ``settings.download.days`` days of the symbols up to ``as_of``."""
    now = datetime.now(UTC)
    report = download(lake, request_of(settings, as_of, now))
    return DownloadSummary(report.sentence, tuple(_failure(remark) for remark in report.failed))


def request_of(settings: ResearchSettings, as_of: datetime, now: datetime) -> DownloadRequest:
    """The request that the settings describe; nothing that opens at or after ``as_of``."""
    wanted = settings.download
    end = min(as_of, now).replace(second=0, microsecond=0)
    begin = end.replace(hour=0, minute=0) - timedelta(days=wanted.days)
    return DownloadRequest(
        venue=settings.venue,
        symbols=() if settings.top_symbols else settings.symbols,
        top=settings.top_symbols,
        span=TimeSpan(milliseconds(begin), milliseconds(end)),
        now=now,
        urls=SourceUrls(
            archive=wanted.archive_url,
            binance_usdm=wanted.binance_usdm_url,
            binance_spot=wanted.binance_spot_url,
            upbit=wanted.upbit_url,
            krx=wanted.krx_url,
            sentiment=wanted.sentiment_url,
        ),
        keep_files=wanted.keep_files,
        with_funding=wanted.funding,
        with_positioning=wanted.positioning,
        with_sentiment=wanted.sentiment,
        hours=load_trading_hours(settings.trading_hours, settings.venue),
    )


def _failure(remark: Remark) -> tuple[str, str]:
    return remark.subject.split()[0], f"download: {remark.text}"
