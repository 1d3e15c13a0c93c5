"""A process that downloads until it is killed."""

from __future__ import annotations

from datetime import UTC, datetime

from flows.sources.http import HttpLimits
from flows.sources.interface import TimeSpan
from flows.sources.request import DownloadRequest, SourceUrls
from flows.sources.run import download
from lake.store import Lake


def main(url: str, root: str) -> None:
    """Download two months from the mirror at ``url``."""
    begin, end = datetime(2024, 1, 1, tzinfo=UTC), datetime(2024, 3, 1, tzinfo=UTC)
    download(
        Lake(root),
        DownloadRequest(
            venue="binance_usdm",
            symbols=("NEARUSDT",),
            span=TimeSpan(round(begin.timestamp() * 1000), round(end.timestamp() * 1000)),
            now=datetime(2024, 3, 1, 0, 10, tzinfo=UTC),
            urls=SourceUrls(archive=url, binance_usdm=url),
            limits=HttpLimits(backoff_s=0.01),
            with_funding=False,
            with_instruments=False,
        ),
    )
