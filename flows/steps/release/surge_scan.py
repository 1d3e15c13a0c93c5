"""Which symbols of the universe surge: the scan of hourly candles, published for the executor."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta

from flows.engine.provenance import git_commit
from flows.steps.data.candles import load_candles
from flows.steps.release.publish import PublishResult, describe
from flows.steps.release.universe import UniverseMember
from lake.partitions import PartitionRef
from lake.releases import Candidate, FlowRun, NewFile, Release, current_release
from lake.releases import publish as publish_release
from lake.releases.universe_file import KIND, PATH, ScannedSymbol, Universe
from lake.store import Lake
from lake.tables import CANDLES
from trading.candles import HOUR_MS, CandleColumns
from trading.errors import ReleaseRefused
from trading.jit.kernel import Buffer
from trading.strategies.registry import get_strategy
from trading.strategies.surge.scan import scan_symbols

STRATEGY = "surge"


def publish_universe(
    lake: Lake,
    members: Sequence[UniverseMember],
    *,
    as_of: datetime,
    now: datetime,
    venue: str,
    size: int,
    flow_run: FlowRun,
) -> PublishResult | None:
    """Publish the scan of ``members``; None if the current release does not trade `surge`.

    Everything else of the current release is carried over. ``now`` is wall time.
    """
    release = trading_release(lake)
    if release is None or not members:
        return None
    universe = universe_of(
        lake, members, as_of=as_of, venue=venue, size=size, par=scan_parameters(release)
    )
    candidate = Candidate(
        as_of=as_of,
        fingerprint=_read(lake, members, as_of, venue),
        flow_run=flow_run,
        git_commit=git_commit(),
        files=(NewFile(PATH, KIND, universe.data()),),
    )
    return describe(publish_release(lake.published, candidate, now), release.strategies)


def trading_release(lake: Lake) -> Release | None:
    """Return the current release, if it is valid and trades `surge`."""
    try:
        release = current_release(lake.published)
    except ReleaseRefused:
        return None
    return release if any(e.strategy == STRATEGY for e in release.strategies) else None


def scan_parameters(release: Release) -> Buffer:
    """Return the parameters of the scan: those of the release's first `surge` entry."""
    strategy = get_strategy(STRATEGY)
    entry = next(entry for entry in release.strategies if entry.strategy == STRATEGY)
    return strategy.buffer(strategy.resolve(entry.params))


def universe_of(
    lake: Lake,
    members: Sequence[UniverseMember],
    *,
    as_of: datetime,
    venue: str,
    size: int,
    par: Buffer,
) -> Universe:
    """Scan each member on the 1-hour candles that had closed at ``as_of``."""
    hours = {member.symbol: closed_hours(lake, venue, member.symbol, as_of) for member in members}
    scanned = {found.symbol: found for found in scan_symbols(hours, par)}
    return Universe(
        as_of=as_of,
        size=size,
        symbols={
            member.symbol: ScannedSymbol(
                rank=member.rank,
                quote_volume=member.quote_volume,
                source=member.source,
                conditions=dict(scanned[member.symbol].conditions),
                known=scanned[member.symbol].known,
            )
            for member in members
        },
    )


def closed_hours(lake: Lake, venue: str, symbol: str, as_of: datetime) -> CandleColumns:
    """Return whole hours of checked 1-minute candles before ``as_of``, this month and the last."""
    end = as_of.replace(minute=0, second=0, microsecond=0)
    return load_candles(lake, venue, symbol, end, months=months(as_of)).higher(HOUR_MS)


def months(as_of: datetime) -> tuple[str, ...]:
    """Return this month and the one before."""
    before = as_of.replace(day=1) - timedelta(days=1)
    return f"{before:%Y-%m}", f"{as_of:%Y-%m}"


def _read(
    lake: Lake, members: Sequence[UniverseMember], as_of: datetime, venue: str
) -> tuple[PartitionRef, ...]:
    return tuple(
        ref
        for member in members
        for month in months(as_of)
        for ref in lake.fingerprint(
            CANDLES, as_of, venue=venue, symbol=member.symbol, interval="1m", month=month
        )
    )
