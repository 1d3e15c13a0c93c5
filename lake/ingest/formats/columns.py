"""The columns of candles and funding, and the names under which files have them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from trading.errors import DataError

CANDLES = ("open_time", "open", "high", "low", "close", "volume")
PRICES = CANDLES[1:5]
FLOWS = ("quote_volume", "trades", "taker_buy_base", "taker_buy_quote")
FUNDING = ("funding_time", "funding_rate", "mark_price")
KNOWN_FORMATS = (
    "Binance's twelve columns, a file of freqtrade, TradingView or MetaTrader, or the columns "
    + ", ".join(CANDLES)
)
# A file without a header has Binance's columns, in this order; the first six are enough.
BINANCE_ORDER = (*CANDLES, "close_time", *FLOWS, "ignore")
# Names as they are found, without case and without what is neither letter nor digit.
_ALIASES: Mapping[str, tuple[str, ...]] = {
    # Upbit's timestamp is the time of the last trade; pandas names an index without a name itself.
    "open_time": (
        *("candledatetimeutc", "opentime", "unix", "timestamp", "time", "date", "datetime"),
        *("날짜", "일자", "starttime", "startat", "start", "ts", "t"),
        *("index", "indexlevel0", ""),
    ),
    "open": ("open", "openingprice", "시가", "o"),
    "high": ("high", "highprice", "고가", "h"),
    "low": ("low", "lowprice", "저가", "l"),
    "close": ("close", "tradeprice", "종가", "c"),
    "volume": ("volume", "candleacctradevolume", "거래량", "vol", "v", "tickvol"),
    "quote_volume": ("quotevolume", "quoteassetvolume", "candleacctradeprice", "거래대금"),
    "trades": ("trades", "count", "numberoftrades"),
    "taker_buy_base": ("takerbuybase", "takerbuyvolume", "takerbuybaseassetvolume"),
    "taker_buy_quote": ("takerbuyquote", "takerbuyquotevolume", "takerbuyquoteassetvolume"),
    "funding_time": ("fundingtime", "calctime", "unix", "timestamp", "time", "date", "datetime"),
    # freqtrade stores a funding rate as the opening price of a candle.
    "funding_rate": ("fundingrate", "lastfundingrate", "open"),
    "mark_price": ("markprice",),
}
# What may follow "volume" in the name of a volume in the quote asset, such as "Volume USDT".
_QUOTES = ("usd", "usdt", "usdc", "busd", "fdusd", "tusd", "eur", "gbp", "jpy", "krw", "currency")
NUMBERS = {alias for role in (*CANDLES[1:], *FLOWS, *FUNDING[1:]) for alias in _ALIASES[role]}
KNOWN_NAMES = {alias for aliases in _ALIASES.values() for alias in aliases}


def holds_funding(names: Sequence[str]) -> bool:
    """Tell whether a file with these columns holds funding rates rather than candles."""
    return any(plain(name) in ("fundingrate", "lastfundingrate") for name in names)


def holds_candles(names: Sequence[str]) -> bool:
    """Tell whether a file with these columns has a time and a price."""
    have = {plain(name) for name in names}
    return all(have.intersection(_ALIASES[role]) for role in ("open_time", "close"))


def roles_of(
    names: Sequence[str], needed: Sequence[str], optional: Sequence[str]
) -> dict[str, str]:
    """Return the file's name of each of our columns; `DataError` when a needed one is missing."""
    found: dict[str, list[str]] = {}
    for name in names:
        found.setdefault(plain(name), []).append(name)
    roles: dict[str, str] = {}
    for role in (*needed, *optional):
        known = next((alias for alias in _ALIASES[role] if alias in found), None)
        if role == "volume" and known is None:
            known = _base_volume(found)
        if known is not None:
            if len(found[known]) > 1:
                raise DataError(f"it has more than one column '{role}': {', '.join(found[known])}")
            roles[role] = found[known][0]
        elif role in needed:
            known_as = KNOWN_FORMATS if needed[0] in CANDLES else ", ".join(needed)
            hint = "; TradingView exports it where the chart shows Volume" * (role == "volume")
            raise DataError(
                f"it has no column '{role}'; give {known_as}; it has {listed(names)}{hint}"
            )
    return roles


def _base_volume(found: Iterable[str]) -> str | None:
    """Return the one plain name such as ``volumebtc`` whose unit is not that of a quote asset."""
    named = [name for name in found if name.startswith("volume")]
    named = [name for name in named if name.removeprefix("volume") not in _QUOTES]
    return named[0] if len(named) == 1 else None


def date_and_time(names: Sequence[str]) -> tuple[str, str] | None:
    """Return the columns of the day and of the time of day, if a file has them apart."""
    found = {plain(name): name for name in names}
    if found.keys() & {"opentime", "unix", "timestamp", "datetime"}:
        return None
    return (found["date"], found["time"]) if found.keys() >= {"date", "time"} else None


def listed(names: Sequence[str]) -> str:
    """Return the names for a message; the rest of very many is left out."""
    shown = ", ".join(name.strip()[:40] for name in names[:14])
    return f"{shown}, …" if len(names) > 14 else shown


def plain(name: str) -> str:
    """Return a name without case and without what is neither letter nor digit."""
    return "".join(char for char in name.casefold() if char.isalnum())
