"""Values of Binance's messages; what cannot be one raises `ValueError`."""

from __future__ import annotations

import math
from decimal import Decimal
from typing import Any

from executor.model import ZERO
from trading.candles import Candle


def candle_of_row(row: list[Any]) -> Candle:
    """One row of the klines endpoint."""
    first, high, low, last = (positive(value) for value in row[1:5])
    volume = float(row[5])
    if not (math.isfinite(volume) and volume >= 0):
        raise ValueError(f"{row[5]} is no volume")
    return Candle(int(row[0]), first, high, low, last, volume)


def positive(value: Any) -> float:
    """A price."""
    number = float(value)
    if not (math.isfinite(number) and number > 0):
        raise ValueError(f"{value} is no price")
    return number


def decimal_of(value: Any) -> Decimal:
    """A number; 0 where there is none."""
    number = ZERO if value in (None, "") else Decimal(str(value))
    if not number.is_finite():
        raise ValueError(f"{value} is no number")
    return number


def amount_of(value: Any) -> Decimal:
    """A price or a quantity of a trade."""
    number = decimal_of(value)
    if number <= 0:
        raise ValueError(f"{value} is no amount of a trade")
    return number


def flag(value: Any) -> bool:
    """A truth value, as JSON or as text."""
    return value is True or value == "true"
