"""One data set of many symbols, of bounded size: what a pooled model learns from."""

from __future__ import annotations

from collections.abc import Callable, Iterable

import numpy as np

from flows.steps.models.dataset import HORIZON_MS, Dataset, Floats, Integers
from trading.errors import DataError

POOL = "POOL"
"""What a pooled model has instead of a symbol."""


def pooled(
    symbols: Iterable[str], load: Callable[[str], Dataset], most_rows: int
) -> tuple[Dataset, dict[str, str]]:
    """Pool full hours of ``symbols`` in time order; return it, and why symbols are missing in it.

    Labels last an hour, so the rows between full hours say little more. When there are more than
    ``most_rows``, every n-th hour of each symbol is taken, at another hour for each, and the cost
    of a pooled model no longer grows. Only one symbol at a time is in memory. Raises `DataError`
    when no symbol can be used.
    """
    names = sorted(symbols)
    left_out: dict[str, str] = {}
    parts: list[Dataset] = []
    stride = 1
    for place, symbol in enumerate(names):
        try:
            part = _hours(load(symbol), place, stride)
        except DataError as error:
            left_out[symbol] = str(error)
            continue
        parts.append(part)
        while sum(len(one.times) for one in parts) > most_rows:
            stride *= 2
            parts = [_hours(one, int(one.symbols[0]), stride) for one in parts]
            parts = [one for one in parts if len(one.times)]
    if not parts:
        raise DataError(f"no symbol can be pooled: {'; '.join(left_out.values())}")
    times = np.concatenate([part.times for part in parts])
    order = np.argsort(times, kind="stable")
    return Dataset(
        symbol=POOL,
        features=parts[0].features,
        times=times[order],
        log_volatility=np.concatenate([part.log_volatility for part in parts])[order],
        log_return=np.concatenate([part.log_return for part in parts])[order],
        symbols=np.concatenate([part.symbols for part in parts])[order],
        x=_in_order(parts, order),
    ), left_out


def _in_order(parts: list[Dataset], order: Integers) -> Floats:
    """Return the features of all ``parts`` by rows in ``order``; empties ``parts`` on the way."""
    place = np.empty_like(order)
    place[order] = np.arange(len(order))
    x = np.empty((len(order), parts[0].x.shape[1]), dtype=parts[0].x.dtype)
    begin = 0
    while parts:
        part = parts.pop(0)
        end = begin + len(part.times)
        x[place[begin:end]] = part.x
        begin = end
    return x


def _hours(data: Dataset, place: int, stride: int) -> Dataset:
    """Return the rows of every ``stride``-th full hour, shifted by the symbol's place."""
    hours = data.times // HORIZON_MS
    chosen = data.take((data.times % HORIZON_MS == 0) & ((hours + place) % stride == 0))
    return Dataset(
        symbol=chosen.symbol,
        features=chosen.features,
        times=chosen.times,
        x=chosen.x.astype(np.float32),
        log_volatility=chosen.log_volatility,
        log_return=chosen.log_return,
        symbols=np.full(len(chosen.times), place, dtype=np.int64),
    )
