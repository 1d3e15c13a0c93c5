"""The names of freqtrade's data files.

``data/<exchange>/BTC_USDT-1m.feather`` holds spot candles; below ``futures``, the files are
``BTC_USDT_USDT-1m-futures``, ``…-8h-funding_rate`` and ``…-8h-mark``. The layout is described at
https://www.freqtrade.io/en/stable/data-download/.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from trading.errors import DataError

_NAME = re.compile(
    r"(?P<base>[^\W_]+)_(?P<quote>[A-Z]+)(?:_(?P<settle>[A-Z]+))?(?:-(?P<expiry>\d{6}))?"
    r"-(?P<interval>\d+[a-zA-Z]+)(?:-(?P<kind>futures|spot|mark|index|premiumIndex|funding_rate))?"
)
_TRADES = re.compile(r".+-trades")
_VENUES = {
    ("binance", False): "binance_spot",
    ("binance", True): "binance_usdm",
    ("upbit", False): "upbit",
}
_EXCHANGES = ("binance", "upbit")
_OTHERS = {
    *("binanceus", "bingx", "bitget", "bitmart", "bitvavo", "bybit", "coinbase", "gate", "gateio"),
    *("htx", "hyperliquid", "kraken", "krakenfutures", "kucoin", "mexc", "okx"),
}


@dataclass(frozen=True, slots=True)
class DataFile:
    """What the name of a file says; ``exchange`` is empty if no folder names one."""

    symbol: str
    interval: str
    kind: Literal["candles", "funding"]
    venue: str


def parse(stem: str, places: Sequence[str], default: str) -> DataFile | None:
    """Read the name (without its ending) of a file in the folders ``places``, innermost first.

    Returns None if it is not freqtrade's. ``default`` is the venue where no folder names an
    exchange. Raises `DataError` for a file of freqtrade that the lake has no place for.
    """
    if _TRADES.fullmatch(stem):
        raise DataError("trades are not imported; the lake holds candles and funding rates")
    match = _NAME.fullmatch(stem)
    if match is None:
        return None
    kind = match["kind"] or "spot"
    if kind in ("mark", "index", "premiumIndex"):
        raise DataError(f"candles of the {kind} price are not imported; those of trades are")
    futures = kind in ("futures", "funding_rate")
    if futures and match["settle"] not in (None, match["quote"]):
        raise DataError("coin-margined futures are not supported")
    venue = _venue(places, futures, default)
    base, quote = match["base"], match["quote"]
    symbol = f"{quote}-{base}" if venue == "upbit" else base + quote
    if match["expiry"]:
        symbol = f"{symbol}_{match['expiry']}"
    return DataFile(
        symbol, match["interval"], "funding" if kind == "funding_rate" else "candles", venue
    )


def _venue(places: Sequence[str], futures: bool, default: str) -> str:
    """Return the venue of the exchange that a folder names."""
    named = next((place for place in places if place in (*_EXCHANGES, *_OTHERS)), "")
    if named in _OTHERS or (named, futures) == ("upbit", True):
        raise DataError(
            f"there is no venue for freqtrade's exchange '{named}'; there is one for "
            f"{' and '.join(_EXCHANGES)}"
        )
    if not named and not default.startswith("binance"):
        return default
    return _VENUES[named or "binance", futures]
