"""An ensemble over recorded candles: how much of the account each member may take at each candle.

The weights and the regime factors of a UTC day come from the members' own trades that ended before
the day began; weights are equal until these days show that learning them helps, and smoothed from
the day before. The regime of a candle is that of the last hour that had closed when the candle
closed. Nothing later is read.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from trading.candles import DAY_MS, HOUR_MS, CandleColumns, Floats, Integers
from trading.ensemble.learned_weights import weigh_days
from trading.ensemble.regimes import LABELS, UNKNOWN, RegimeRules, label_candles, labels_at
from trading.ensemble.weights import PAUSES, WeightRules, factor_of
from trading.errors import DataError


@dataclass(frozen=True, slots=True)
class MemberHistory:
    """Results of a strategy that traded alone.

    ``daily`` has its return on each UTC day of the candles. Its trades are in order of their exit;
    times are the opens (ms) of the candles of entry and exit.
    """

    strategy: str
    daily: Floats
    entry_times: Integers
    exit_times: Integers
    net_returns: Floats


@dataclass(frozen=True, slots=True)
class Hours:
    """Closed hours of a symbol with their regimes.

    ``labels`` are codes of ``LABELS``; ``lasted`` counts the closed hours since the label changed.
    """

    bars: CandleColumns
    labels: Integers
    lasted: Integers


@dataclass(frozen=True, slots=True)
class EnsembleAllocation:
    """What each member of an ensemble may take of the account.

    ``limits`` has one array per member with a value for each candle: the largest share of the
    equity that an entry decided on that candle may take. ``labels`` are the regimes of the candles;
    ``weights`` are days x members.
    """

    limits: tuple[Floats, ...]
    labels: Integers
    weights: Floats


def check_hours(candles: CandleColumns) -> None:
    """Raise `DataError` for candles that do not divide an hour."""
    if HOUR_MS % candles.interval_ms:
        raise DataError(
            f"regimes need whole hours, and candles of {candles.interval_ms / 1000:g} s"
            " do not divide an hour; give candles of 1h or a part of it"
        )


def label_hours(candles: CandleColumns, rules: RegimeRules, *, compiled: bool = True) -> Hours:
    """Label the hours of ``candles`` as the executor does: an unknown regime changes no label.

    See :func:`check_hours` for the `DataError`.
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
    candles: CandleColumns, histories: Sequence[MemberHistory], hours: Hours, rules: WeightRules
) -> EnsembleAllocation:
    """Allocate the account to the members over ``candles``, given their ``histories``."""
    first = int(candles.open_time[0]) // DAY_MS
    day_of = candles.open_time // DAY_MS - first
    days = int(day_of[-1]) + 1
    closes = candles.open_time + candles.interval_ms
    labels = labels_at(hours.bars, hours.labels, closes)
    lasted = labels_at(hours.bars, hours.lasted, closes)
    pauses = np.array([PAUSES.get(regime, 0) for regime in LABELS])
    paused = (pauses[labels] > 0) & (lasted <= pauses[labels])
    weights = _weights(histories, days, rules)
    limits = []
    for place, history in enumerate(histories):
        factors = _factors(history, hours, first, days)
        limits.append(np.where(paused, 0.0, weights[day_of, place] * factors[day_of, labels]))
    return EnsembleAllocation(tuple(limits), labels, weights)


def _weights(histories: Sequence[MemberHistory], days: int, rules: WeightRules) -> Floats:
    """Return the weights of each day (days x members), from the days before it."""
    returns = {history.strategy: history.daily[:days].tolist() for history in histories}
    weighed = weigh_days(returns, rules).weights
    return np.array([[day[history.strategy] for history in histories] for day in weighed])


def _factors(history: MemberHistory, hours: Hours, first: int, days: int) -> Floats:
    """Return the factors of a member on each day (days x regimes), from earlier trades."""
    known = labels_at(hours.bars, hours.labels, history.entry_times)
    factors = np.empty((days, len(LABELS)))
    for code, regime in enumerate(LABELS):
        own = known == code
        ended = history.exit_times[own] // DAY_MS - first
        seen = history.net_returns[own].tolist()
        counts = np.searchsorted(ended, np.arange(days)).tolist()
        by_count = {
            count: factor_of(history.strategy, regime, seen[:count]) for count in set(counts)
        }
        factors[:, code] = [by_count[count] for count in counts]
    return factors
