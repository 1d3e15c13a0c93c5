"""The names of TradingView's exports: ``BINANCE_BTCUSDT.P, 60_1a2b3.csv``."""

from __future__ import annotations

import re

from lake.ingest.freqtrade import DataFile
from trading.errors import DataError

_NAME = re.compile(
    r"(?P<exchange>[A-Z0-9]+)_(?P<ticker>[A-Z0-9]+?)(?P<swap>\.P|PERP)?,"
    r" (?P<count>\d*)(?P<unit>[SDWM]?)(?:_\w+)?(?: ?\(\d+\))?"
)
_UNITS = {"S": "s", "D": "d", "W": "w"}
_EXCHANGES = ("BINANCE", "UPBIT", "KRX")
_UPBIT = ("KRW", "BTC", "USDT")


def parse(stem: str) -> DataFile | None:
    """Read the name (without its ending) of an export; None if it is not TradingView's.

    Raises `DataError` for an export that the lake has no place for.
    """
    match = _NAME.fullmatch(stem)
    if match is None or not (match["count"] or match["unit"]):
        return None
    exchange, ticker, swap = match["exchange"], match["ticker"], bool(match["swap"])
    interval = _interval(match["count"] or "1", match["unit"])
    if exchange == "BINANCE" and swap and ticker.endswith("USD"):
        raise DataError("coin-margined futures are not supported")
    if exchange == "BINANCE":
        return DataFile(ticker, interval, "candles", "binance_usdm" if swap else "binance_spot")
    if exchange == "UPBIT":
        quote = next((name for name in _UPBIT if ticker.endswith(name)), "")
        symbol = f"{quote}-{ticker.removesuffix(quote)}"
        return DataFile(symbol, interval, "candles", "upbit")
    if exchange == "KRX":
        return DataFile(ticker, interval, "candles", "krx")
    raise DataError(
        f"there is no venue for TradingView's exchange '{exchange}'; there is one for "
        f"{', '.join(_EXCHANGES)}; or name it SYMBOL-INTERVAL.csv"
    )


def _interval(count: str, unit: str) -> str:
    """Return an interval of ours: TradingView writes minutes without a unit."""
    if unit == "M":
        raise DataError("candles of months are not imported; export days or less")
    if unit:
        return f"{count}{_UNITS[unit]}"
    minutes = int(count)
    return f"{minutes}m" if minutes % 60 else f"{minutes // 60}h"
