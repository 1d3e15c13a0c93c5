"""Parameters with which every strategy decides often on minute candles, for tests of them all."""

from __future__ import annotations

import pytest

from trading.strategies.parameters import Value
from trading.strategies.registry import get_strategy

BARE: dict[str, Value] = {"filters": "off", "signal_tf": "1m"}
ICT: dict[str, Value] = {
    "trend_tf": "15m",
    "zone_tf": "5m",
    "length": 3,
    "pool_tolerance": 0.003,
    "max_age": 60,
    "gap_window": 30,
    "sweep_window": 100,
    "min_confidence": 0.0,
}
SURGE: dict[str, Value] = {
    **BARE,
    "long_span": 120,
    "band_span": 60,
    "scan": "off",
    "m1_needed": 3,
    "m15_needed": 1,
    "daily_bars": 2,
    "daily_rise": 0.01,
}

FORECAST: dict[str, Value] = {
    "weight_return_1": -0.5,
    "weight_rsi": 0.002,
    "weight_volume": 0.0001,
    "least_move": 0.0002,
}

QUICK = ("breakout", "rsi_bollinger", "ict_mixed")
"""Compiling every strategy takes minutes; these are tried by the quick tests, all by the others.
(Among the quick tests, `tests/parity` compares both backends for all of them.)
"""


def marked(name: str, *values: object) -> object:
    """Return a parameter set of a test; it is slow unless its strategy is in :data:`QUICK`."""
    marks = () if name in QUICK else pytest.mark.slow
    return pytest.param(name, *values, marks=marks)


def quick_values(name: str) -> dict[str, Value]:
    """Those of the strategy ``name``."""
    if name == "surge":
        return dict(SURGE)
    return get_strategy(name).accepted(ICT if name.startswith("ict_") else BARE | FORECAST)
