"""Which parameters to trade, for one strategy on one symbol.

1. Walk-forward over the long history with a coarse grid says what is sound: its out-of-sample run
is the
   evidence for the gates, and the region of the grid that holds together is the *approved plateau*.
2. The fine grid over the last days picks the parameters inside that plateau.
3. The probes say whether the chosen set knows the future, or needs more history than it declares.
4. Every distinct parameter set ever tried for this strategy version and symbol is simulated over
the
   same history and counted; that number deflates the Sharpe ratio.

A result is stored in the research tables under one run per strategy, symbol and ``as_of``. It
carries a hash of everything it was made from, so that the same question is answered from the lake.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta

from flows.engine.provenance import stable_json
from flows.settings import ResearchSettings
from flows.steps.data.candles import load_candles, start_compiling
from flows.steps.search import research_rows as rows
from flows.steps.search.probes import probe_verdicts
from flows.steps.search.question import Params, Question
from flows.steps.search.ranking import rank_recent
from flows.steps.search.trial_history import VERSION_MARK, earlier_trials
from flows.steps.search.validation import Judgement, judge_long_history
from lake.partitions import PartitionRef
from lake.releases.manifest import StrategyEntry
from lake.releases.reader import list_releases, read_release
from lake.store import Lake
from lake.tables import CANDLES, FOLDS, SEARCHES, TRADES
from trading.candles import DAY_MS, CandleColumns
from trading.errors import DataError
from trading.research.gates import proven
from trading.research.grid import parse_grid
from trading.strategies.base import Strategy
from trading.strategies.registry import get_strategy

_KEY = "nocturne.optimize.key"
_RESULT = "nocturne.optimize.result"
# Data that ends earlier than this before as_of says nothing about today.
_FRESH = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class OptimizeEntry:
    """What was found: the release's entry, how much was tried, and what was read.

    ``reused`` is true when the lake held the answer already.
    """

    entry: StrategyEntry
    run: str
    trials: int
    effective_trials: float
    fingerprint: tuple[PartitionRef, ...]
    reused: bool = False

    @property
    def sentence(self) -> str:
        """One line for a person."""
        measured = self.entry.out_of_sample
        state = "proven" if self.entry.proven else "unproven"
        return (
            f"{self.entry.strategy} {self.entry.symbol}: {state}, out-of-sample"
            f" {measured['total_return']:+.2%} in {measured['trades']} trades,"
            f" {self.trials} sets tried ({self.effective_trials:g} independent)"
        )


def optimize(
    lake: Lake, *, as_of: datetime, strategy: str, symbol: str, settings: ResearchSettings
) -> OptimizeEntry:
    """Find and judge the parameters of ``strategy`` on ``symbol`` with nothing at or after
    ``as_of``.

    Answers from the lake when the same was asked before. Raises `DataError` when the history is
    missing, stale or too short, `SettingsError` when no grid is set.
    """
    question = _ask(lake, as_of, get_strategy(strategy), symbol, settings)
    key = question.key
    held = lake.metadata(SEARCHES, run=question.run)
    if held.get(_KEY) == key:
        return _recall(held[_RESULT], question)
    candles = load_candles(lake, settings.venue, symbol, as_of)
    _check_span(candles, question)
    start_compiling()
    question = _fitted(question, candles)
    judgement = judge_long_history(question, candles)
    return _store(lake, question, key, candles, judgement)


def _ask(
    lake: Lake, as_of: datetime, strategy: Strategy, symbol: str, settings: ResearchSettings
) -> Question:
    grids = settings.grids_of(strategy.name)
    strategy.resolve(grids.fixed)
    long_grid, recent_grid = (
        tuple(
            parse_grid([f"{name}={text}" for name, text in texts.items()], strategy).combinations()
        )
        for texts in (grids.long, grids.recent)
    )
    fingerprint = lake.fingerprint(
        CANDLES, as_of, venue=settings.venue, symbol=symbol, interval="1m"
    )
    return Question(
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
    )


def _fitted(question: Question, candles: CandleColumns) -> Question:
    """The question with the parameters that the strategy fits, from before the recent days.

    The recent days rank what was fitted without them; each fold of the walk-forward fits its own.
    """
    if not question.strategy.learns:
        return question
    end = int(candles.open_time[-1]) + candles.interval_ms
    known = candles.slice(None, end - question.settings.recent_days * DAY_MS)
    fitted = question.strategy.learn(known, question.strategy.resolve(question.fixed))
    return replace(question, fixed={**question.fixed, **fitted})


def released_params(lake: Lake, strategy: str, symbol: str, as_of: datetime) -> Params | None:
    """Parameters of the newest release made before ``as_of``.

    Not simply of the current one: a nightly that runs again must not be measured against itself.
    """
    for summary in reversed(list_releases(lake.published)):
        if summary.problem or summary.as_of is None or summary.as_of >= as_of:
            continue
        entry = read_release(lake.published, summary.release_id).entry(strategy, symbol)
        return dict(entry.params) if entry is not None else None
    return None


def _check_span(candles: CandleColumns, question: Question) -> None:
    symbol, as_of_ms = question.symbol, round(question.as_of.timestamp() * 1000)
    if not len(candles):
        raise DataError(
            f"{symbol} has no checked candles before {question.as_of:%Y-%m-%d %H:%M}Z;"
            " import and validate some first"
        )
    closed = int(candles.open_time[-1]) + candles.interval_ms
    if as_of_ms - closed > _FRESH // timedelta(milliseconds=1):
        last = datetime.fromtimestamp(closed / 1000, UTC)
        raise DataError(
            f"{symbol}'s candles end at {last:%Y-%m-%d %H:%M}Z,"
            f" {(as_of_ms - closed) / DAY_MS:.1f} days before the run's as-of time;"
            " import newer ones or give an earlier --as-of"
        )


def _store(
    lake: Lake, question: Question, key: str, candles: CandleColumns, judgement: Judgement
) -> OptimizeEntry:
    """Write the research tables, the one that carries the key last."""
    recent = rank_recent(question, candles, judgement)
    params = question.strategy.resolve({**question.fixed, **recent.chosen})
    verdicts = judgement.verdicts + probe_verdicts(question, params, candles)
    entry = StrategyEntry(
        strategy=question.strategy.name,
        symbol=question.symbol,
        venue=question.settings.venue,
        params=params,
        in_sample=recent.measures | judgement.approved.as_measures(),
        out_of_sample=judgement.measures,
        verdicts=verdicts,
        proven=proven(verdicts) and recent.approved,
    )
    found = OptimizeEntry(
        entry, question.run, len(question.trials), judgement.effective_trials, question.fingerprint
    )
    lake.write(FOLDS, rows.folds_table(question, judgement), run=question.run)
    lake.write(TRADES, rows.trades_table(question, judgement, recent), run=question.run)
    marks = {
        _KEY: key,
        VERSION_MARK: question.strategy.version,
        _RESULT: stable_json(
            {
                "entry": entry.model_dump(mode="json"),
                "trials": found.trials,
                "effective_trials": found.effective_trials,
            }
        ),
    }
    lake.write(SEARCHES, rows.searches_table(question, judgement, recent), marks, run=question.run)
    return found


def _recall(text: str, question: Question) -> OptimizeEntry:
    stored = json.loads(text)
    return OptimizeEntry(
        entry=StrategyEntry.model_validate_json(json.dumps(stored["entry"])),
        run=question.run,
        trials=int(stored["trials"]),
        effective_trials=float(stored["effective_trials"]),
        fingerprint=question.fingerprint,
        reused=True,
    )
