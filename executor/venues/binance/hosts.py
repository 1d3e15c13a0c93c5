"""Binance's hosts for USDⓈ-M futures."""

from __future__ import annotations

import re

REST_URL = "https://fapi.binance.com"
WS_URL = "wss://fstream.binance.com"
ACCOUNT_URLS = {REST_URL: "https://api.binance.com"}
"""Host of the key's permissions by REST URL; test networks have none."""
REAL_HOSTS = frozenset({"fapi.binance.com", "fstream.binance.com", "api.binance.com"}) | {
    f"fapi{number}.binance.com" for number in range(1, 5)
}
TEST_HOST = re.compile(r"//(demo-|testnet|[^/]*binancefuture\.com)")
