"""Retune the breakout's K between two nightlies: K only, in small steps, inside the plateau."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from decimal import Decimal

from flows.engine.provenance import git_commit
from flows.settings import ResearchSettings
from flows.steps.data.candles import load_traded_candles, start_compiling
from flows.steps.release.publish import PublishResult, describe
from flows.steps.search.optimize_request import costs_of
from lake.partitions import PartitionRef
from lake.releases import Candidate, FlowRun, Release, StrategyEntry, read_current
from lake.releases import publish as publish_release
from lake.series import load_funding
from lake.store import Lake
from lake.tables import CANDLES, RAW_FUNDING
from trading.candles import interval_ms
from trading.errors import DataError
from trading.simulation import search
from trading.strategies.registry import get_strategy

STRATEGY = "breakout"
CANDLES_USED = 200
K_LOW, K_HIGH, K_STEP = Decimal("0.30"), Decimal("0.80"), Decimal("0.05")
LARGEST_CHANGE = 0.10
_ROUNDING = 1e-9


@dataclass(frozen=True, slots=True)
class RetunedK:
    """K of one symbol before and after, and the reason for its value."""

    symbol: str
    before: float
    after: float
    reason: str
    fingerprint: tuple[PartitionRef, ...]


def allowed_k(entry: StrategyEntry) -> tuple[float, ...]:
    """Return the values of the K grid in the approved plateau and near the released K."""
    low = entry.in_sample.get("approved_k_low")
    high = entry.in_sample.get("approved_k_high")
    if low is None or high is None:
        return ()
    last = float(entry.params["k"])
    count = int((K_HIGH - K_LOW) / K_STEP) + 1
    grid = (float(K_LOW + K_STEP * place) for place in range(count))
    return tuple(
        k
        for k in grid
        if float(low) - _ROUNDING <= k <= float(high) + _ROUNDING
        and abs(k - last) <= LARGEST_CHANGE + _ROUNDING
    )


def retune_symbol(
    lake: Lake, entry: StrategyEntry, *, as_of: datetime, settings: ResearchSettings
) -> RetunedK:
    """Find the K with the best return over the last 200 closed candles of ``signal_tf``.

    Fills are simulated on 1-minute candles. The released K stays unless another is better.
    Raises `DataError` when the candles are missing.
    """
    before = float(entry.params["k"])
    allowed = allowed_k(entry)
    where = {"venue": entry.venue, "symbol": entry.symbol}
    fingerprint = (
        *lake.fingerprint(CANDLES, as_of, **where, interval="1m"),
        *lake.fingerprint(RAW_FUNDING, as_of, **where),
    )
    if not allowed:
        reason = "the release has no approved plateau of K"
        return RetunedK(entry.symbol, before, before, reason, fingerprint)
    candles = load_traded_candles(lake, settings.trading_hours, entry.venue, entry.symbol, as_of)
    signal_ms = interval_ms(str(entry.params["signal_tf"]))
    end = round(as_of.timestamp() * 1000) // signal_ms * signal_ms
    start = end - CANDLES_USED * signal_ms
    if not len(candles) or int(candles.open_time[-1]) + candles.interval_ms < end:
        raise DataError(
            f"{entry.symbol} has no candles up to {as_of:%Y-%m-%d %H:%M}Z; import newer"
        )
    start_compiling()
    grid = [{"k": k} for k in dict.fromkeys((before, *allowed))]
    fixed = {name: value for name, value in entry.params.items() if name != "k"}
    funding = load_funding(lake, entry.venue, entry.symbol, as_of)
    costs = replace(costs_of(settings), funding=funding)
    strategy = get_strategy(STRATEGY).as_traded()
    rows = search(
        strategy, candles.slice(None, end), grid, fixed, costs, trade_from_ms=start
    ).results
    returns = [row.metrics.total_return for row in rows]
    # The released K comes first, so it stays if returns are equal.
    best = max(range(len(grid)), key=lambda place: (returns[place], -place))
    after = float(grid[best]["k"])
    reason = f"return {returns[best]:+.2%} against {returns[0]:+.2%} of K {before:g}"
    return RetunedK(entry.symbol, before, after, reason, fingerprint)


def current_entries(lake: Lake, as_of: datetime) -> tuple[Release, tuple[StrategyEntry, ...]]:
    """Return the current release and its breakout entries; `DataError` when it has none."""
    release = read_current(lake.published, as_of)
    entries = tuple(entry for entry in release.strategies if entry.strategy == STRATEGY)
    if not entries:
        raise DataError(f"release {release.release_id} does not trade {STRATEGY}: no K to retune")
    return release, entries


def publish_k(
    lake: Lake,
    release: Release,
    retuned: Sequence[RetunedK],
    *,
    as_of: datetime,
    now: datetime,
    flow_run: FlowRun,
) -> PublishResult | None:
    """Publish the release's parameters with the new K; None when no K changed.

    Everything else stays as it was found and validated, including the end of its validity: only
    a nightly extends that.
    """
    changed = {item.symbol: item.after for item in retuned if item.after != item.before}
    if not changed:
        return None
    strategies = tuple(
        entry.model_copy(update={"params": {**entry.params, "k": changed[entry.symbol]}})
        if entry.strategy == STRATEGY and entry.symbol in changed
        else entry
        for entry in release.strategies
    )
    read = {ref.path: ref for ref in release.fingerprint_of("params")}
    read |= {ref.path: ref for item in retuned for ref in item.fingerprint}
    candidate = Candidate(
        as_of=as_of,
        fingerprint=tuple(read[path] for path in sorted(read)),
        flow_run=flow_run,
        git_commit=git_commit(),
        strategies=strategies,
        left_out=release.left_out,
        valid_for={"params": release.valid_until["params"] - as_of},
    )
    return describe(publish_release(lake.published, candidate, now), strategies)
