"""Which parameters to trade, for one strategy on one symbol.

1. Walk-forward over the long history with a coarse grid finds what is sound. Its out-of-sample run
is the evidence for the gates; the part of the grid that holds together is the *approved plateau*.
2. The fine grid over the last days picks the parameters inside that plateau.
3. The probes check whether the chosen set knows the future, or needs more history than it declares.
4. Every distinct parameter set ever tried for this strategy version and symbol is simulated over
the same history and counted; that number deflates the Sharpe ratio.

A result is stored in the research tables under one run per strategy, symbol and ``as_of``. It
carries a hash of everything it was made from, so that the same request is answered from the lake.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Any

from flows.engine.provenance import stable_json
from flows.settings import ResearchSettings
from flows.sources.trading_hours import TradingHours, load_trading_hours
from flows.steps.data.candles import load_traded_candles, start_compiling
from flows.steps.evidence.hypotheses import hypothesis_of, read_looks, wants_returns
from flows.steps.search import research_rows as rows
from flows.steps.search.optimize_request import OptimizeRequest, Params
from flows.steps.search.probes import probe_verdicts
from flows.steps.search.ranking import rank_recent
from flows.steps.search.trial_history import VERSION_MARK, earlier_trials
from flows.steps.search.trial_returns import store_trial_returns
from flows.steps.search.validation import HistoryValidation, validate_long_history
from lake.partitions import PartitionRef
from lake.releases.manifest import StrategyEntry
from lake.releases.reader import read_manifest, release_ids
from lake.series import load_funding, with_returns
from lake.store import Lake
from lake.tables import CANDLES, EQUITY, FOLDS, FORECASTS, RAW_FUNDING, SEARCHES, TRADES
from trading.candles import DAY_MS, CandleColumns
from trading.errors import DataError, ReleaseRefused
from trading.market.gaps import Gaps
from trading.positions.forecasts import RETURN
from trading.research.grid import parse_grid
from trading.strategies.base import Strategy
from trading.strategies.registry import get_strategy

_KEY = "nocturne.optimize.key"
_RESULT = "nocturne.optimize.result"
# Data that ends longer ago than this says nothing about today.
_FRESH = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class OptimizeEntry:
    """What was found: the release's entry, the number of trials, and what was read.

    The entry is unproven until `flows.steps.evidence` has looked at the whole hypothesis;
    ``approved`` says that its parameters lie on an approved plateau. ``reused`` is true when the
    lake already held the result.
    """

    entry: StrategyEntry
    run: str
    trials: int
    effective_trials: float
    fingerprint: tuple[PartitionRef, ...]
    reused: bool = False
    approved: bool = True

    @property
    def sentence(self) -> str:
        """One line for a person."""
        measured = self.entry.out_of_sample
        failed = ", ".join(verdict.name for verdict in self.entry.verdicts if not verdict.passed)
        state = f"refused by {failed}" if failed else "passes its own gates"
        return (
            f"{self.entry.strategy} {self.entry.symbol}: {state}, out-of-sample"
            f" {measured['total_return']:+.2%} in {measured['trades']} trades,"
            f" {self.trials} sets tried ({self.effective_trials:g} independent)"
            f"{', ' + gaps if (gaps := gaps_of(measured).sentence) else ''}"
        )


def gaps_of(measured: Mapping[str, Any]) -> Gaps:
    """Return what the test windows lacked, from the measures of a result."""
    return Gaps(int(measured.get("gaps") or 0), int(measured.get("missing_candles") or 0))


def optimize(
    lake: Lake, *, as_of: datetime, strategy: str, symbol: str, settings: ResearchSettings
) -> OptimizeEntry:
    """Find and validate the parameters of ``strategy`` on ``symbol``.

    Reads nothing at or after ``as_of``. The same request is answered from the lake. Raises
    `DataError` when the history is missing, stale or too short, `SettingsError` when no grid is
    set.
    """
    request = _build_request(lake, as_of, get_strategy(strategy).as_traded(), symbol, settings)
    key = request.key
    held = lake.metadata(SEARCHES, run=request.run)
    if held.get(_KEY) == key:
        return _load_stored(held[_RESULT], request)
    candles = load_traded_candles(lake, settings.trading_hours, settings.venue, symbol, as_of)
    if _reads_forecasts(request.strategy, request.fixed, request.long_grid, request.recent_grid):
        candles = with_returns(lake, candles, settings.venue, symbol, as_of)
    _check_span(candles, request)
    start_compiling()
    request = _fitted(request, candles)
    validation = validate_long_history(request, candles)
    return _store(lake, request, key, candles, validation)


def _build_request(
    lake: Lake, as_of: datetime, strategy: Strategy, symbol: str, settings: ResearchSettings
) -> OptimizeRequest:
    grids = settings.grids_of(strategy.name)
    strategy.resolve(grids.fixed)
    strategy.refuse_idle(grids.fixed, (*grids.long, *grids.recent))
    long_grid, recent_grid = (
        tuple(
            parse_grid([f"{name}={text}" for name, text in texts.items()], strategy).combinations()
        )
        for texts in (grids.long, grids.recent)
    )
    where = {"venue": settings.venue, "symbol": symbol}
    fingerprint = (
        *lake.fingerprint(CANDLES, as_of, **where, interval="1m"),
        *lake.fingerprint(RAW_FUNDING, as_of, **where),
    )
    if _reads_forecasts(strategy, grids.fixed, long_grid, recent_grid):
        fingerprint = (*fingerprint, *lake.fingerprint(FORECASTS, as_of, **where, target=RETURN))
    return OptimizeRequest(
        strategy=strategy,
        symbol=symbol,
        as_of=as_of,
        settings=settings,
        long_grid=long_grid,
        recent_grid=recent_grid,
        fixed=dict(grids.fixed),
        earlier=earlier_trials(lake, strategy, symbol, as_of),
        released=released_params(lake, strategy.name, symbol, as_of),
        fingerprint=fingerprint,
        funding=load_funding(lake, settings.venue, symbol, as_of),
        look=wants_returns(read_looks(lake), hypothesis_of(strategy.name, settings).id, as_of),
    )


def _reads_forecasts(strategy: Strategy, fixed: Params, *grids: Sequence[Params]) -> bool:
    """Return whether any set of the grids makes the strategy read forecasts."""
    known = strategy.resolve(fixed)
    return any(strategy.reads_forecasts({**known, **own}) for grid in grids for own in grid)


def _fitted(request: OptimizeRequest, candles: CandleColumns) -> OptimizeRequest:
    """Add the parameters that the strategy fits, from before the recent days.

    The recent days rank a set that was fitted without them; each fold of the walk-forward fits
    its own.
    """
    if not request.strategy.learns:
        return request
    end = int(candles.open_time[-1]) + candles.interval_ms
    known = candles.slice(None, end - request.settings.recent_days * DAY_MS)
    fitted = request.strategy.learn(known, request.strategy.resolve(request.fixed))
    return replace(request, fixed={**request.fixed, **fitted})


def released_params(lake: Lake, strategy: str, symbol: str, as_of: datetime) -> Params | None:
    """Return the parameters of the newest release made before ``as_of``.

    This is not always the current one: a repeated nightly must not be compared with itself.
    """
    for name in reversed(release_ids(lake.published)):
        try:
            manifest = read_manifest(lake.published, name)
        except ReleaseRefused:
            continue
        if manifest.as_of >= as_of:
            continue
        for entry in manifest.strategies:
            if (entry.strategy, entry.symbol) == (strategy, symbol):
                return dict(entry.params)
        return None
    return None


def _check_span(candles: CandleColumns, request: OptimizeRequest) -> None:
    symbol, as_of_ms = request.symbol, round(request.as_of.timestamp() * 1000)
    if not len(candles):
        raise DataError(
            f"{symbol} has no checked candles before {request.as_of:%Y-%m-%d %H:%M}Z;"
            " import and validate some first"
        )
    closed = int(candles.open_time[-1]) + candles.interval_ms
    fresh = as_of_ms - _FRESH // timedelta(milliseconds=1)
    if closed < fresh and _hours(request).open_minutes(closed, fresh):
        last = datetime.fromtimestamp(closed / 1000, UTC)
        raise DataError(
            f"{symbol}'s candles end at {last:%Y-%m-%d %H:%M}Z,"
            f" {(as_of_ms - closed) / DAY_MS:.1f} days before the run's as-of time;"
            " import newer ones or give an earlier --as-of"
        )


def _hours(request: OptimizeRequest) -> TradingHours:
    return load_trading_hours(request.settings.trading_hours, request.settings.venue)


def _store(
    lake: Lake,
    request: OptimizeRequest,
    key: str,
    candles: CandleColumns,
    validation: HistoryValidation,
) -> OptimizeEntry:
    """Write the research tables; the one that carries the key comes last."""
    recent = rank_recent(request, candles, validation)
    params = request.strategy.resolve({**request.fixed, **recent.chosen})
    verdicts = validation.verdicts + probe_verdicts(request, params, candles)
    entry = StrategyEntry(
        strategy=request.strategy.name,
        symbol=request.symbol,
        venue=request.settings.venue,
        params=params,
        in_sample=recent.measures | validation.approved.as_measures(),
        out_of_sample=validation.measures,
        verdicts=verdicts,
    )
    found = OptimizeEntry(
        entry,
        request.run,
        len(request.trials),
        validation.effective_trials,
        request.fingerprint,
        approved=recent.approved,
    )
    if request.look:
        store_trial_returns(lake, request, candles, validation)
    lake.write(FOLDS, rows.folds_table(request, validation), run=request.run)
    lake.write(TRADES, rows.trades_table(request, validation, recent), run=request.run)
    lake.write(EQUITY, rows.equity_table(request, validation), run=request.run)
    marks = {
        _KEY: key,
        VERSION_MARK: request.strategy.version,
        _RESULT: stable_json(
            {
                "entry": entry.model_dump(mode="json"),
                "trials": found.trials,
                "effective_trials": found.effective_trials,
                "approved": found.approved,
            }
        ),
    }
    lake.write(SEARCHES, rows.searches_table(request, validation, recent), marks, run=request.run)
    return found


def _load_stored(text: str, request: OptimizeRequest) -> OptimizeEntry:
    stored = json.loads(text)
    return OptimizeEntry(
        entry=StrategyEntry.model_validate_json(json.dumps(stored["entry"])),
        run=request.run,
        trials=int(stored["trials"]),
        effective_trials=float(stored["effective_trials"]),
        fingerprint=request.fingerprint,
        reused=True,
        approved=bool(stored["approved"]),
    )
