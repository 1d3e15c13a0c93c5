"""`nocturne download`: market data from the exchanges into the lake."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

import typer

from cli.inputs.lake_choice import LAKE_HELP, lake_root
from cli.inputs.progress import ProgressLine
from trading.errors import ParameterError

if TYPE_CHECKING:
    from flows.sources.interface import TimeSpan
    from flows.sources.request import DownloadReport, SourceUrls

app = typer.Typer(add_completion=False, rich_markup_mode=None)

DEFAULT_DAYS = 90


@app.command()
def download(
    venue: str = typer.Option("binance_usdm", help="binance_usdm, binance_spot, upbit or krx."),
    symbols: str = typer.Option(None, help="Symbols, separated by commas."),
    top: int = typer.Option(None, min=1, max=1000, help="The N most traded symbols instead."),
    start: str = typer.Option(
        None, "--from", help=f"First day, e.g. 2024-01-01; default: {DEFAULT_DAYS} days ago."
    ),
    end: str = typer.Option(None, "--to", help="Last day, included; default: until now."),
    lake: Path = typer.Option(None, help=LAKE_HELP),
    source_url: str = typer.Option(None, help="A mirror of the archive (its root or its /data)."),
    rest_url: str = typer.Option(None, help="Another address of the venue's REST API."),
    positioning: bool = typer.Option(
        False, help="Open interest and long/short ratios too (the last 30 days)."
    ),
    sentiment: bool = typer.Option(False, help="The daily crowd-sentiment index too."),
    sentiment_url: str = typer.Option(None, help="Another address of that index."),
    keep_files: bool = typer.Option(False, help="Keep the archive's ZIP files in the lake."),
) -> None:
    """Download one-minute candles, funding and instruments into the lake.

    Asks the lake what is missing and fetches only that: months and days from the public archive,
    the rest over REST. Stop it at any moment and run it again; it goes on where it stopped.

    Korean stocks (krx) come from the Open API of Korea Investment & Securities: set
    NOCTURNE_KIS_KEY and NOCTURNE_KIS_SECRET.

    Example: nocturne download --symbols BTCUSDT,ETHUSDT --from 2024-01-01

    Example: nocturne download --venue krx --symbols 005930 --from 2026-01-01
    """
    from flows.settings import load_settings
    from flows.sources.request import DownloadRequest, SourceUrls
    from flows.sources.run import download as run
    from flows.sources.trading_hours import load_trading_hours
    from lake.store import Lake

    now = datetime.now(UTC)
    given = {"archive": source_url, venue: rest_url, "sentiment": sentiment_url}
    request = DownloadRequest(
        venue=venue,
        symbols=_symbols(symbols, top),
        top=top or 0,
        span=_span(start, end, now),
        now=now,
        urls=_with_urls(SourceUrls(), given),
        keep_files=keep_files,
        with_positioning=positioning,
        with_sentiment=sentiment,
        hours=load_trading_hours(load_settings().trading_hours, venue),
    )
    root = lake_root(lake)
    what = ", ".join(request.symbols) or f"the {top} most traded symbols"
    print(f"{venue}: {what}, {_day(request.span.begin)} to {_day(request.span.end - 1)} -> {root}")
    progress = ProgressLine("download")
    report = run(Lake(root), request, progress)
    progress.end()
    _explain(report, root)
    if report.failed:
        raise typer.Exit(1)


def _with_urls(urls: SourceUrls, given: Mapping[str, str | None]) -> SourceUrls:
    known = {name: url for name, url in given.items() if url and hasattr(urls, name)}
    return replace(urls, **known)


def _symbols(text: str | None, top: int | None) -> tuple[str, ...]:
    if (text is None) == (top is None):
        raise ParameterError(
            "say what to download: either --symbols BTCUSDT,ETHUSDT or --top 20, not both"
        )
    found = tuple(dict.fromkeys(name.strip() for name in (text or "").split(",") if name.strip()))
    if text is not None and not found:
        raise ParameterError(f"--symbols '{text}' names no symbol; write for example BTCUSDT")
    return found


def _span(start: str | None, end: str | None, now: datetime) -> TimeSpan:
    """Whole days from ``start`` to ``end``, both included, up to the last full minute."""
    from flows.sources.interface import TimeSpan
    from lake.content import milliseconds

    last_minute = now.replace(second=0, microsecond=0)
    until = min(last_minute, _date(end, "--to") + timedelta(days=1)) if end else last_minute
    midnight = until.replace(hour=0, minute=0)
    begin = _date(start, "--from") if start else midnight - timedelta(days=DEFAULT_DAYS)
    if begin >= until:
        raise ParameterError(
            f"--from {begin:%Y-%m-%d} is not before the end {until:%Y-%m-%d %H:%M}; "
            "give an earlier first day"
        )
    return TimeSpan(milliseconds(begin), milliseconds(until))


def _date(text: str, option: str) -> datetime:
    try:
        return datetime.strptime(text, "%Y-%m-%d").replace(tzinfo=UTC)
    except ValueError:
        raise ParameterError(f"{option} '{text}' is no day; write for example 2024-01-31") from None


def _day(moment: int) -> str:
    from lake.content import moment_of

    return f"{moment_of(moment):%Y-%m-%d}"


def _explain(report: DownloadReport, root: Path) -> None:
    for symbol in report.symbols:
        gaps = [span for span in symbol.missing if span.minutes]
        longest = max((span.minutes for span in gaps), default=0)
        left = f", {len(gaps)} gaps left (longest {longest} minutes)" if gaps else ""
        print(
            f"{symbol.symbol}: {symbol.candles:,} new candles, {symbol.files} files, "
            f"{symbol.funding} funding rates{left}"
        )
    remarks = [*report.remarks, *(r for symbol in report.symbols for r in symbol.remarks)]
    for remark in remarks:
        print(f"{'failed' if remark.failed else 'note'}: {remark.subject}: {remark.text}")
    print(f"{report.sentence}; lake {root}")
