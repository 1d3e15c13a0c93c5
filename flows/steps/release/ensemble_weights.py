"""How the members of a release share the account: weights from out-of-sample days, by regime.

Weights come from the stitched out-of-sample run of each search (`trading.ensemble.weights`); they
are bounded, smoothed from the release before, and equal unless learning them would have helped on
those days (`trading.ensemble.learned_weights`). The regime map starts with the purpose of a
strategy (trends or reversals); a strategy whose own out-of-sample trades lost in a regime keeps
half of its share there.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime

import numpy as np
import pyarrow as pa

from flows.steps.features.ict_columns import candles_of
from flows.steps.search.optimize import OptimizeEntry
from lake.partitions import PartitionRef
from lake.releases import NewFile
from lake.releases.ensemble_file import (
    KIND,
    PATH,
    Ensemble,
    Member,
    SymbolRegime,
    WeightChoice,
    member_name,
    past_ensembles,
)
from lake.store import Lake
from lake.tables import BARS, FOLDS, TRADES
from trading.candles import DAY_MS, CandleColumns, Floats, Integers
from trading.ensemble.learned_weights import weigh_days
from trading.ensemble.regimes import LABELS, RegimeRules, label_candles, labels_at
from trading.ensemble.weights import PAUSES, WeightRules, ensemble_weights, factor_of, member_score

INTERVAL = "1h"
RULES = WeightRules()


@dataclass(frozen=True, slots=True)
class OutOfSampleRun:
    """The stitched out-of-sample run of one member.

    ``daily`` has one return per test day; ``days`` are those days, in UTC days since 1970.
    """

    days: Integers
    daily: Floats
    entry_times: Integers
    net_returns: Floats


def build_ensemble(
    lake: Lake, as_of: datetime, entries: Sequence[OptimizeEntry]
) -> tuple[NewFile, tuple[PartitionRef, ...]]:
    """Build ``ensemble.json`` for a release of ``entries``; return it and the bars used.

    Deterministic; reads nothing at or after ``as_of``, and no release of that time or later.
    """
    runs = {
        member_name(found.entry.strategy, found.entry.symbol): out_of_sample(lake, found, as_of)
        for found in entries
    }
    returns = {name: run.daily.tolist() for name, run in runs.items()}
    choice, before = choose_weights(runs), previous_weights(lake, as_of, set(runs))
    weights = ensemble_weights(returns, before, RULES, learned=choice.learned)
    rules = RegimeRules()
    places = {(found.entry.venue, found.entry.symbol) for found in entries}
    bars = {symbol: bars_of(lake, venue, symbol, as_of) for venue, symbol in sorted(places)}
    labels = {symbol: label_candles(own, rules, compiled=False) for symbol, own in bars.items()}
    ensemble = Ensemble(
        interval=INTERVAL,
        rules=asdict(rules),
        members={
            name: Member(
                weight=weights[name],
                days=len(run.daily),
                trades=len(run.net_returns),
                score=member_score(returns[name], RULES.prior_days),
            )
            for name, run in sorted(runs.items())
        },
        factors=factors_of(entries, runs, bars, labels),
        pauses=dict(PAUSES),
        regimes={symbol: last_regime(own, labels[symbol]) for symbol, own in bars.items()},
        choice=choice,
    )
    read = [
        ref
        for venue, symbol in sorted(places)
        for ref in lake.fingerprint(BARS, as_of, venue=venue, symbol=symbol, interval=INTERVAL)
    ]
    return NewFile(PATH, KIND, ensemble.data()), tuple(read)


def out_of_sample(lake: Lake, found: OptimizeEntry, as_of: datetime) -> OutOfSampleRun:
    """Read the test days and trades of a search from the research tables."""
    folds = lake.read(FOLDS, ["test_from", "test_to"], as_of=as_of, run=found.run)
    columns = ["sample", "entry_time", "exit_time", "net_return"]
    trades = lake.read(TRADES, columns, as_of=as_of, run=found.run)
    tested = np.array([sample == "out_of_sample" for sample in trades["sample"].to_pylist()], bool)
    entered, left = (_ms(trades[name])[tested] for name in ("entry_time", "exit_time"))
    net = trades["net_return"].to_numpy()[tested]
    spans = zip(_ms(folds["test_from"]), _ms(folds["test_to"]), strict=True)
    days = np.unique(
        np.concatenate(
            [np.arange(start // DAY_MS, -(-end // DAY_MS)) for start, end in spans]
            or [np.empty(0, dtype=np.int64)]
        )
    )
    growth = np.ones(len(days))
    if len(days):
        places = np.clip(np.searchsorted(days, left // DAY_MS), 0, len(days) - 1)
        np.multiply.at(growth, places, 1.0 + net)
    return OutOfSampleRun(days, growth - 1.0, entered, net)


def choose_weights(runs: Mapping[str, OutOfSampleRun]) -> WeightChoice:
    """Return whether learnt weights helped on the test days; a member earns 0 on untested ones."""
    days = sorted({int(day) for run in runs.values() for day in run.days})
    returns = {}
    for name, run in sorted(runs.items()):
        own = dict(zip(run.days.tolist(), run.daily.tolist(), strict=True))
        returns[name] = [own.get(day, 0.0) for day in days]
    return WeightChoice(**asdict(weigh_days(returns, RULES).evidence), least_t=RULES.least_t)


def previous_weights(lake: Lake, as_of: datetime, members: set[str]) -> Mapping[str, float] | None:
    """Return the weights of the newest release before ``as_of`` that has one of these members."""
    for moment, ensemble in past_ensembles(lake.published, as_of):
        if moment < as_of and members & set(ensemble.weights):
            return ensemble.weights
    return None


def bars_of(lake: Lake, venue: str, symbol: str, as_of: datetime) -> CandleColumns:
    """Return the hourly bars of a symbol known at ``as_of``; may be empty."""
    rows = lake.read(BARS, as_of=as_of, venue=venue, symbol=symbol, interval=INTERVAL)
    return candles_of(rows, INTERVAL)


def last_regime(bars: CandleColumns, labels: Integers) -> SymbolRegime:
    """Return the label after the last bar, and the close since which it has held."""
    if not len(labels):
        return SymbolRegime(label=LABELS[0], since=None)
    changes = np.flatnonzero(np.diff(labels)) + 1
    first = int(changes[-1]) if len(changes) else 0
    closed = int(bars.open_time[first]) + bars.interval_ms
    since = datetime.fromtimestamp(closed / 1000, UTC)
    return SymbolRegime(label=LABELS[int(labels[-1])], since=since)


def factors_of(
    entries: Sequence[OptimizeEntry],
    runs: Mapping[str, OutOfSampleRun],
    bars: Mapping[str, CandleColumns],
    labels: Mapping[str, Integers],
) -> dict[str, dict[str, float]]:
    """Return each member's factor by regime; a strategy learns over all of its symbols."""
    results: dict[tuple[str, int], list[float]] = {}
    for found in entries:
        name = member_name(found.entry.strategy, found.entry.symbol)
        own, run = bars[found.entry.symbol], runs[name]
        known = labels_at(own, labels[found.entry.symbol], run.entry_times)
        for label, net in zip(known.tolist(), run.net_returns.tolist(), strict=True):
            results.setdefault((found.entry.strategy, label), []).append(net)
    factors: dict[str, dict[str, float]] = {}
    for code, regime in enumerate(LABELS):
        factors[regime] = {}
        for found in sorted(entries, key=lambda item: (item.entry.strategy, item.entry.symbol)):
            strategy = found.entry.strategy
            factors[regime][member_name(strategy, found.entry.symbol)] = factor_of(
                strategy, regime, results.get((strategy, code), [])
            )
    return factors


def _ms(column: pa.ChunkedArray) -> Integers:
    return np.asarray(column.cast(pa.int64()).to_numpy(), dtype=np.int64)
