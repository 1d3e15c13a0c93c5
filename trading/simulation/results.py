"""What a simulation is given and gives back."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import NamedTuple

import numpy.typing as npt
from numpy import str_

from trading.candles import Floats, Integers
from trading.errors import ParameterError
from trading.metrics import Metrics
from trading.strategies.base import Value


@dataclass(frozen=True, slots=True)
class Costs:
    """Costs of each fill in basis points: ``fee_bps`` on the notional, ``slippage_bps`` on the
    price.

    Slippage worsens market fills: entries, stops and closes; a take-profit fills at its level.
    """

    fee_bps: float = 5.0
    slippage_bps: float = 0.0

    def __post_init__(self) -> None:
        for name, value in (("fee_bps", self.fee_bps), ("slippage_bps", self.slippage_bps)):
            if not 0.0 <= value <= 1_000.0:
                raise ParameterError(
                    f"{name} = {value} is out of bounds; give 0 to 1000 basis points"
                )


@dataclass(frozen=True)
class Trades:
    """Round trips in columns of equal length, in order of their exit.

    ``entry_time`` and ``exit_time`` are the opens (ms, UTC) of the candles in which they filled;
    ``side`` is +1 or -1; ``net_return`` is the share of the equity won after costs; ``reason`` as
    in the ledger; ``signal_time`` is the open of the candle whose close decided the entry.
    """

    signal_time: Integers
    entry_time: Integers
    exit_time: Integers
    side: Integers
    entry_price: Floats
    exit_price: Floats
    net_return: Floats
    reason: npt.NDArray[str_]

    def __len__(self) -> int:
        return len(self.entry_time)


@dataclass(frozen=True)
class BacktestResult:
    """One simulated run.

    ``equity`` is the equity after each trade (it begins at 1 before the first). ``daily_returns``
    has one value for each UTC day of ``days`` (their starts, ms). Times in seconds are wall time.
    """

    params: Mapping[str, Value]
    trades: Trades
    metrics: Metrics
    equity: Floats
    days: Integers
    daily_returns: Floats
    seconds_compile: float
    seconds_run: float


class SearchRow(NamedTuple):
    """One combination: all parameters, resolved, and what they gave."""

    params: Mapping[str, Value]
    metrics: Metrics


@dataclass(frozen=True)
class SearchResult:
    """All combinations in the order of the grid.

    ``daily_returns`` has a row for each combination and a column for each UTC day of ``days``
    (starts, ms). ``seconds_compile`` is the time to make the kernels ready, ``seconds_search``
    all the rest.
    """

    results: list[SearchRow]
    daily_returns: Floats
    days: Integers
    seconds_compile: float
    seconds_search: float
