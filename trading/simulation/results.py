"""The costs that a simulation takes, and the results that it gives back."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import NamedTuple

import numpy.typing as npt
from numpy import str_

from trading.candles import Floats, Integers
from trading.errors import ParameterError
from trading.market.funding import FundingRates
from trading.market.gaps import Gaps
from trading.metrics import Metrics, metrics_of
from trading.positions.forecasts import NO_USE, ForecastUse
from trading.positions.liquidation import Margin
from trading.strategies.parameters import Value


@dataclass(frozen=True, slots=True)
class Costs:
    """Costs of each fill in basis points: fees of the notional, slippage of the price.

    Slippage worsens market fills: entries, stops and closes. A take-profit and the steps of a
    ladder rest at their level and pay ``maker_fee_bps`` (``fee_bps`` unless given). ``margin``
    decides where a position with leverage is liquidated. ``funding`` has the rates of the symbol,
    paid by positions that are open at those times. ``forecast_use`` says what forecasts of
    volatility, columns of the candles, change in an entry.
    """

    fee_bps: float = 5.0
    slippage_bps: float = 0.0
    maker_fee_bps: float | None = None
    margin: Margin = field(default_factory=Margin)
    funding: FundingRates = field(default_factory=dict, hash=False, repr=False)
    forecast_use: ForecastUse = NO_USE

    def __post_init__(self) -> None:
        for name in ("fee_bps", "slippage_bps", "maker_fee_bps"):
            value = getattr(self, name)
            if value is not None and not 0.0 <= value <= 1_000.0:
                raise ParameterError(
                    f"{name} = {value} is out of bounds; give 0 to 1000 basis points"
                )

    def times(self, factor: float) -> Costs:
        """Return the same with fees and slippage ``factor`` times as high; funding stays."""
        maker = self.maker_fee_bps
        return replace(
            self,
            fee_bps=factor * self.fee_bps,
            slippage_bps=factor * self.slippage_bps,
            maker_fee_bps=None if maker is None else factor * maker,
        )


@dataclass(frozen=True)
class Trades:
    """Round trips in columns of equal length, in order of their exit.

    ``entry_time`` and ``exit_time`` are the opens (ms, UTC) of the candles in which they filled;
    ``side`` is +1 or -1; ``net_return`` is the share of the equity won after costs; ``reason`` as
    in the ledger; ``signal_time`` is the open of the candle whose close decided the entry.
    ``funding`` is paid (below 0: received) as a share of the equity, and in ``net_return``.
    ``risk_wanted`` and ``risk_taken`` are the shares of the equity that an entry was to lose at its
    stop and would have lost, costs included; NaN for entries that are not sized by risk.
    ``bound_by`` names the limit that made the entry smaller, or is empty. ``spent`` is the notional
    of the entry and of all additions, a share of the equity.
    """

    signal_time: Integers
    entry_time: Integers
    exit_time: Integers
    side: Integers
    entry_price: Floats
    exit_price: Floats
    net_return: Floats
    reason: npt.NDArray[str_]
    funding: Floats
    risk_wanted: Floats
    risk_taken: Floats
    bound_by: npt.NDArray[str_]
    spent: Floats

    def __len__(self) -> int:
        return len(self.entry_time)


@dataclass(frozen=True)
class Fills:
    """Fills after the entries, in columns of equal length, in order.

    ``trade`` is the position of the trade in `Trades`, ``time`` the open (ms, UTC) of the candle;
    ``value`` the signed notional as a share of the equity at the entry (above 0: bought more of
    the position); ``reason`` as in the ledger.
    """

    trade: Integers
    time: Integers
    value: Floats
    price: Floats
    reason: npt.NDArray[str_]

    def __len__(self) -> int:
        return len(self.trade)


@dataclass(frozen=True)
class BacktestResult:
    """One simulated run.

    ``equity`` is the equity after each trade (1 before the first). ``daily_returns``
    has one value for each UTC day of ``days`` (their starts, ms). Times in seconds are wall time.
    ``ambiguous_candles`` held a stop and a target at once: the stop was taken to come first.
    """

    params: Mapping[str, Value]
    trades: Trades
    fills: Fills
    ambiguous_candles: int
    metrics: Metrics
    equity: Floats
    days: Integers
    daily_returns: Floats
    seconds_compile: float
    seconds_run: float


class SearchRow(NamedTuple):
    """One combination: all its parameters, resolved, and its measures."""

    params: Mapping[str, Value]
    metrics: Metrics


class SearchResult:
    """All combinations in the order of the grid.

    ``daily_returns`` has a row for each combination and a column for each UTC day of ``days``
    (starts, ms). ``gaps`` is what the searched window lacks. The seconds are those to make the
    kernels ready, and all the rest but the measures, computed from ``sums`` on first use.
    """

    def __init__(
        self,
        params: Sequence[Mapping[str, Value]],
        sums: Floats,
        candles: int,
        daily_returns: Floats,
        days: Integers,
        seconds: tuple[float, float],
        gaps: Gaps,
    ) -> None:
        self._params = params
        self._sums = sums
        self._candles = candles
        self.daily_returns = daily_returns
        self.days = days
        self.gaps = gaps
        self.seconds_compile, self.seconds_search = seconds

    @cached_property
    def results(self) -> list[SearchRow]:
        """Parameters and measures of each combination."""
        days = len(self.days)
        return [
            SearchRow(params, metrics_of(sums, days, self._candles))
            for params, sums in zip(self._params, self._sums.tolist(), strict=True)
        ]
