"""Candles without the forecasts that a strategy reads are refused: it would never trade."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from trading.candles import CandleColumns
from trading.errors import ParameterError
from trading.positions.forecasts import RETURN
from trading.strategies.base import Strategy
from trading.strategies.parameters import Value


def needs_forecasts(strategy: Strategy, sets: Sequence[Mapping[str, Value]]) -> bool:
    """Return whether any of the parameter sets decides by published forecasts."""
    return any(strategy.reads_forecasts(strategy.resolve(one)) for one in sets)


def refuse_without_forecasts(
    strategy: Strategy, sets: Sequence[Mapping[str, Value]], candles: CandleColumns, remedy: str
) -> None:
    """Raise `ParameterError` where a set needs forecasts that the candles lack.

    ``remedy`` says where there are some.
    """
    if RETURN not in (candles.forecasts or {}) and needs_forecasts(strategy, sets):
        raise ParameterError(
            f"{strategy.name} with source=published reads forecasts, and these candles have none;"
            f" {remedy}"
        )
