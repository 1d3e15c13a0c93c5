"""Instruments of Binance over REST, as the snapshot that the importer reads."""

from __future__ import annotations

from typing import Any

from flows.sources.binance_rest.client import RestClient


async def snapshot(client: RestClient, time_iso: str) -> dict[str, Any]:
    """Filters of all symbols at ``time_iso``; margin brackets need a key and are left out."""
    library = client.library
    futures = client.venue == "binance_usdm"
    ask = library.futures_exchange_info if futures else library.get_exchange_info
    info = await client.call(ask)
    return {"venue": client.venue, "time": time_iso, "symbols": info["symbols"]}


async def most_traded(client: RestClient, count: int) -> tuple[str, ...]:
    """The ``count`` USDT symbols with the most quote volume in the last 24 hours."""
    library = client.library
    ask = library.futures_ticker if client.venue == "binance_usdm" else library.get_ticker
    tickers = [
        (float(row["quoteVolume"]), str(row["symbol"]))
        for row in await client.call(ask)
        # A delivery contract carries its date behind an underscore.
        if str(row["symbol"]).endswith("USDT")
    ]
    ranked = sorted(tickers, key=lambda pair: (-pair[0], pair[1]))
    return tuple(symbol for _, symbol in ranked[:count])
