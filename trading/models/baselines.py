"""The one-line forecasts that every model has to beat; they are opponents, never trials."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import numpy as np

from trading.candles import Floats

LAST_VOLATILITY = "log_rv_4"
LAST_RETURN = "ret_4"

Column = Callable[[str], Floats]
"""A feature of the rows to forecast, by name."""


def reversal(column: Column) -> Floats:
    """Expect the opposite of the last hour."""
    return -np.nan_to_num(column(LAST_RETURN))


def momentum(column: Column) -> Floats:
    """Expect the last hour again."""
    return np.nan_to_num(column(LAST_RETURN))


def last_value(column: Column) -> Floats:
    """Expect the volatility of the last hour again."""
    return column(LAST_VOLATILITY)


DIRECTION: Mapping[str, Callable[[Column], Floats]] = {"reversal": reversal, "momentum": momentum}
"""Traded at every hour and paying its costs; to hold, and not to trade, need no forecast."""
