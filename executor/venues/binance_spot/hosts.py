"""Binance's hosts for spot."""

from __future__ import annotations

import re

from executor.venues.plugin import VenueHosts

REST_URL = "https://api.binance.com"
WS_URL = "wss://stream.binance.com:9443"
HOSTS = VenueHosts(
    rest_url=REST_URL,
    ws_url=WS_URL,
    account_urls={REST_URL: REST_URL},
    # Reports come over the WebSocket API, which has a host of its own.
    user_urls={
        WS_URL: "wss://ws-api.binance.com:443",
        "wss://stream.testnet.binance.vision": "wss://ws-api.testnet.binance.vision",
    },
    real=frozenset(
        {
            "api.binance.com",
            "api-gcp.binance.com",
            "stream.binance.com",
            "ws-api.binance.com",
        }
    )
    | {f"api{number}.binance.com" for number in range(1, 5)},
    demo_url="https://testnet.binance.vision",
    test=re.compile(r"//(demo-|[^/]*testnet\.binance\.vision)"),
)
