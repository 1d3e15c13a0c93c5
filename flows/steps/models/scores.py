"""How good a forecast was, out-of-sample; needs no learning library."""

from __future__ import annotations

from dataclasses import dataclass
from statistics import NormalDist

import numpy as np

from flows.steps.models.dataset import HORIZON_MS, Floats, Integers
from trading.candles import DAY_MS
from trading.research.evidence.sequential import WORST_DAY

_BP = 10_000.0


def r_squared(actual: Floats, forecast: Floats, symbols: Integers | None = None) -> float:
    """Return 1 − squared error over squared deviation from the mean; NaN without deviation.

    With ``symbols`` the deviation is from each symbol's own mean: that one symbol is wilder than
    another is no forecast.
    """
    mean: Floats | float = float(actual.mean())
    if symbols is not None:
        counts = np.maximum(np.bincount(symbols), 1)
        mean = (np.bincount(symbols, weights=actual) / counts)[symbols]
    spread = float(np.sum((actual - mean) ** 2))
    return 1.0 - float(np.sum((actual - forecast) ** 2)) / spread if spread > 0 else float("nan")


def better_than(errors: Floats, other_errors: Floats, times: Integers) -> float:
    """Return the probability that the mean squared error is truly lower than the other's.

    The test of Diebold and Mariano (1995) on daily means, because neighbouring rows share their
    hour. NaN for fewer than five days; 0.5 where nothing differs.
    """
    daily = daily_gains(errors, other_errors, times)
    if len(daily) < 5:
        return float("nan")
    spread = float(daily.std(ddof=1))
    if spread == 0:
        return 0.5
    return NormalDist().cdf(float(daily.mean()) / (spread / float(np.sqrt(len(daily)))))


def daily_gains(errors: Floats, other_errors: Floats, times: Integers) -> Floats:
    """Return by how much the mean squared error is lower than the other's, day by day."""
    gains = other_errors**2 - errors**2
    _, place = np.unique(times // DAY_MS, return_inverse=True)
    return np.asarray(np.bincount(place, weights=gains) / np.bincount(place))


def relative_gains(errors: Floats, other_errors: Floats, times: Integers) -> Floats:
    """Return by how much the errors are smaller than the other's, day by day, as a bounded gain.

    It is a quarter of (other − own) / (other + own) of the mean squared errors at full hours: no
    day counts for more than `WORST_DAY`, so that a bet on it is fair whatever the day brings.
    """
    hourly = times % HORIZON_MS == 0
    _, place = np.unique(times[hourly] // DAY_MS, return_inverse=True)
    own = np.bincount(place, weights=errors[hourly] ** 2)
    other = np.bincount(place, weights=other_errors[hourly] ** 2)
    total = own + other
    share = np.divide(other - own, total, out=np.zeros_like(total), where=total > 0.0)
    return np.asarray(WORST_DAY * share)


@dataclass(frozen=True)
class TradeScore:
    """Trades of a rule: at most one an hour, held for the hour, after costs.

    ``net`` holds simple returns per trade; ``daily`` their sums per UTC day of the span, 0 on
    idle days. ``what`` says of the trades why they were made.
    """

    net: Floats
    daily: Floats
    what: str = "trades forecast beyond the cost filter"

    @property
    def trades(self) -> int:
        """Number of trades."""
        return len(self.net)

    @property
    def net_bp(self) -> float:
        """Mean net result of a trade in basis points; nan without a trade."""
        return float(self.net.mean()) * _BP if len(self.net) else float("nan")

    @property
    def total(self) -> float:
        """Sum of the net returns."""
        return float(self.net.sum())


def trade(side: Integers, log_return: Floats, times: Integers, cost_bp: float) -> TradeScore:
    """Trade ``side`` (−1, 0, 1) at every full hour and hold for one; ``cost_bp`` per round trip."""
    hourly = times % HORIZON_MS == 0
    taken = hourly & (side != 0)
    net = side[taken] * np.expm1(log_return[taken]) - cost_bp / _BP
    first = int(times[0] // DAY_MS)
    days = (times[taken] // DAY_MS - first).astype(np.int64)
    length = int(times[-1] // DAY_MS) - first + 1
    daily = np.asarray(np.bincount(days, weights=net, minlength=length), dtype=np.float64)
    return TradeScore(net, daily)
