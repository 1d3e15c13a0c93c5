"""Binance's hosts for USDⓈ-M futures."""

from __future__ import annotations

import re

REST_URL = "https://fapi.binance.com"
WS_URL = "wss://fstream.binance.com"
ACCOUNT_URLS = {REST_URL: "https://api.binance.com"}
"""Where the key's permissions are asked for, by REST URL; test networks have no such host."""
REAL_HOSTS = frozenset({"fapi.binance.com", "fstream.binance.com", "api.binance.com"}) | {
    f"fapi{number}.binance.com" for number in range(1, 5)
}
TEST_HOST = re.compile(r"//(demo-|testnet|[^/]*binancefuture\.com)")
