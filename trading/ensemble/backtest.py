"""An ensemble over recorded candles: what each member may take of the account, candle by candle.

For each UTC day in turn the weights come from the members' own trades that ended before it began,
smoothed from the day before, and so do the factors of the regimes; the regime of a candle is that
of the last hour which had closed at its close. Nothing later is read.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from trading.candles import DAY_MS, HOUR_MS, CandleColumns, Floats, Integers
from trading.ensemble.regimes import LABELS, UNKNOWN, RegimeRules, label_candles, labels_at
from trading.ensemble.weights import PAUSES, WeightRules, ensemble_weights, factor_of
from trading.errors import DataError


@dataclass(frozen=True, slots=True)
class MemberHistory:
    """What a strategy did alone: its return on each UTC day of the candles, and its trades in
    order of their exit (opens of the candles of entry and exit, ms).
    """

    strategy: str
    daily: Floats
    entry_times: Integers
    exit_times: Integers
    net_returns: Floats


@dataclass(frozen=True, slots=True)
class Hours:
    """Closed hours of a symbol: their labels (codes of ``LABELS``), and for how many closed hours
    each had lasted.
    """

    bars: CandleColumns
    labels: Integers
    lasted: Integers


@dataclass(frozen=True, slots=True)
class EnsembleAllocation:
    """``shares`` has an array a member with a value for each candle: the largest share of the
    equity that an entry decided on it may take. ``labels`` are those of the candles; ``weights``
    are days x members.
    """

    shares: tuple[Floats, ...]
    labels: Integers
    weights: Floats


def check_hours(candles: CandleColumns) -> None:
    """`DataError` for candles that make no whole hours."""
    if HOUR_MS % candles.interval_ms:
        raise DataError(
            f"regimes are those of whole hours, which candles of {candles.interval_ms / 1000:g} s"
            " do not make; give candles of 1h or a part of it"
        )


def label_hours(candles: CandleColumns, rules: RegimeRules, *, compiled: bool = True) -> Hours:
    """The hours of ``candles`` as the executor labels them: what is unknown changes no label.

    `DataError` as :func:`check_hours`.
    """
    check_hours(candles)
    bars = candles.higher(HOUR_MS)
    found = label_candles(bars, rules, compiled=compiled)
    places = np.arange(len(found))
    found = found[np.maximum.accumulate(np.where(found != UNKNOWN, places, 0))]
    changed = np.diff(found, prepend=found[:1]) != 0
    lasted = places - np.maximum.accumulate(np.where(changed, places, 0)) + 1
    return Hours(bars, found, lasted)


def allocate_ensemble(
    candles: CandleColumns, pasts: Sequence[MemberHistory], hours: Hours, rules: WeightRules
) -> EnsembleAllocation:
    """The shares of the members over ``candles``, which ``pasts`` and ``hours`` were made of."""
    first = int(candles.open_time[0]) // DAY_MS
    day_of = candles.open_time // DAY_MS - first
    days = int(day_of[-1]) + 1
    closes = candles.open_time + candles.interval_ms
    labels = labels_at(hours.bars, hours.labels, closes)
    lasted = labels_at(hours.bars, hours.lasted, closes)
    pauses = np.array([PAUSES.get(regime, 0) for regime in LABELS])
    paused = (pauses[labels] > 0) & (lasted <= pauses[labels])
    weights = _weights(pasts, days, rules)
    shares = []
    for place, past in enumerate(pasts):
        factors = _factors(past, hours, first, days)
        shares.append(np.where(paused, 0.0, weights[day_of, place] * factors[day_of, labels]))
    return EnsembleAllocation(tuple(shares), labels, weights)


def _weights(pasts: Sequence[MemberHistory], days: int, rules: WeightRules) -> Floats:
    """The weights of each day (days x members), from the days before it."""
    weights = np.empty((days, len(pasts)))
    returns = [(past.strategy, past.daily.tolist()) for past in pasts]
    previous: dict[str, float] = {}
    for day in range(days):
        previous = ensemble_weights({name: own[:day] for name, own in returns}, previous, rules)
        weights[day] = [previous[name] for name, _ in returns]
    return weights


def _factors(past: MemberHistory, hours: Hours, first: int, days: int) -> Floats:
    """The factors of a member on each day (days x regimes), from trades that ended before it."""
    known = labels_at(hours.bars, hours.labels, past.entry_times)
    factors = np.empty((days, len(LABELS)))
    for code, regime in enumerate(LABELS):
        own = known == code
        ended = past.exit_times[own] // DAY_MS - first
        seen = past.net_returns[own].tolist()
        counts = np.searchsorted(ended, np.arange(days)).tolist()
        by_count = {count: factor_of(past.strategy, regime, seen[:count]) for count in set(counts)}
        factors[:, code] = [by_count[count] for count in counts]
    return factors
