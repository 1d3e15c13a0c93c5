"""Funding rates on candles: what holding one unit of a perpetual has cost."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

import numpy as np

from trading.candles import Floats, Integers
from trading.jit.backends import Backend
from trading.jit.kernel import Buffer, kernel

NEAR = 128
"""Candles from one entry of `Owed.near` to the next: the table stays in the processor's cache."""
AFTER_ALL = 2**62
"""A row behind all others."""

FundingRates = Mapping[int, float]
"""Rates by time (ms, UTC): longs pay a positive rate at the open of the first candle from then."""


def rates_by_row(open_times: Integers, rates: FundingRates) -> Floats:
    """Return the rate that is paid at the open of each candle; 0 where none is."""
    by_row = np.zeros(len(open_times))
    rows, due = _due(open_times, rates)
    by_row[rows] = due
    return by_row


class Owed(NamedTuple):
    """What a long unit held from before the first candle has paid.

    Funding is paid at the opens of ``rows``, which end with `AFTER_ALL`; ``sums`` has what was paid
    up to each of them, after a leading 0. ``near`` has for each block of `NEAR` candles the number
    of ``rows`` before it. Without rates all are empty.
    """

    rows: list[int]
    sums: Buffer
    near: list[int]


@kernel
def owed_at(owed: Owed, row: int) -> float:
    """Return what a long unit has paid up to the open of ``row``; there must be rates."""
    i = owed.near[row // NEAR]
    while owed.rows[i] <= row:
        i += 1
    return owed.sums[i]


def owed_by(open_times: Integers, opens: Floats, rates: FundingRates, backend: Backend) -> Owed:
    """Return what is owed over candles; a position pays the difference of two of their opens."""
    if not rates:
        return Owed(backend.whole_zeros(0), backend.zeros(0), backend.whole_zeros(0))
    rows, due = _due(open_times, rates)
    sums = np.concatenate((np.zeros(1), np.cumsum(due * opens[rows])))
    blocks = np.bincount(rows // NEAR, minlength=-(-len(open_times) // NEAR))
    near = np.concatenate((np.zeros(1, dtype=np.int64), np.cumsum(blocks[:-1])))
    return Owed(
        backend.integers(np.append(rows, AFTER_ALL)), backend.floats(sums), backend.integers(near)
    )


def _due(open_times: Integers, rates: FundingRates) -> tuple[Integers, Floats]:
    """Return the rows at whose open funding is paid, ascending, and the rate of each."""
    times = np.fromiter(rates, dtype=np.int64, count=len(rates))
    values = np.fromiter(rates.values(), dtype=np.float64, count=len(rates))
    places = np.searchsorted(open_times, times)
    held = places < len(open_times)
    rows, at = np.unique(places[held], return_inverse=True)
    due = np.zeros(len(rows))
    np.add.at(due, at, values[held])
    return rows.astype(np.int64), due
