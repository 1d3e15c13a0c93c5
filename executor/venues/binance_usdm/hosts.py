"""Binance's hosts for USDⓈ-M futures."""

from __future__ import annotations

import re

from executor.venues.plugin import VenueHosts

REST_URL = "https://fapi.binance.com"
HOSTS = VenueHosts(
    rest_url=REST_URL,
    ws_url="wss://fstream.binance.com",
    account_urls={REST_URL: "https://api.binance.com"},
    real=frozenset({"fapi.binance.com", "fstream.binance.com", "api.binance.com"})
    | {f"fapi{number}.binance.com" for number in range(1, 5)},
    demo_url="https://demo-fapi.binance.com",
    test=re.compile(r"//(demo-|testnet|[^/]*binancefuture\.com)"),
)
