"""Columns that several tables share."""

from __future__ import annotations

from lake.contract import REAL, TIME, WHOLE

PRICES = {"open": REAL, "high": REAL, "low": REAL, "close": REAL, "volume": REAL}
OHLCV = {"open_time": TIME} | PRICES
FLOW = {"quote_volume": REAL, "trades": WHOLE, "taker_buy_base": REAL, "taker_buy_quote": REAL}
SERIES = ("venue", "symbol", "interval", "month")
"""Partition columns of a series of candles, and of what is computed from one."""
