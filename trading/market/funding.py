"""Funding rates on candles: what holding one unit of a perpetual has cost."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from trading.candles import Floats, Integers

FundingRates = Mapping[int, float]
"""Rates by time (ms, UTC): longs pay a positive rate at the open of the first candle from then."""


def rates_by_row(open_times: Integers, rates: FundingRates) -> Floats:
    """Return the rate that is paid at the open of each candle; 0 where none is."""
    by_row = np.zeros(len(open_times))
    times = np.fromiter(rates, dtype=np.int64, count=len(rates))
    values = np.fromiter(rates.values(), dtype=np.float64, count=len(rates))
    places = np.searchsorted(open_times, times)
    held = places < len(open_times)
    np.add.at(by_row, places[held], values[held])
    return by_row


def owed_by_row(open_times: Integers, opens: Floats, rates: FundingRates) -> Floats:
    """Return what a long unit held from before the first candle has paid up to each open.

    A position pays the difference of two rows times its quantity. Empty without rates.
    """
    if not rates:
        return np.empty(0)
    owed: Floats = np.cumsum(rates_by_row(open_times, rates) * opens)
    return owed
