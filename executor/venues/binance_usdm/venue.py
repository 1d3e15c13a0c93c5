"""Binance USDⓈ-M futures as a venue of the executor."""

from __future__ import annotations

from executor.venues.binance.masking import masked
from executor.venues.binance_usdm.hosts import HOSTS
from executor.venues.interface import VenueConnection
from executor.venues.plugin import ConnectionRequest, VenuePlugin

MESSAGES_A_SECOND = 7
"""The exchange allows 10; the rest is for pings and pongs."""


def _connect(request: ConnectionRequest) -> VenueConnection:
    # Imported on use: the settings need the hosts, not the client library.
    from executor.venues.binance.market_stream import BinanceMarketStream
    from executor.venues.binance_usdm.client import BinanceUsdm
    from executor.venues.binance_usdm.user_stream import BinanceUserStream

    settings = request.settings
    venue = BinanceUsdm(settings, request.key, request.secret)
    return VenueConnection(
        venue,
        BinanceMarketStream(
            venue.name,
            settings.ws_url,
            "/market/ws",
            request.stale_s,
            None if request.stale_s is None else MESSAGES_A_SECOND,
        ),
        BinanceUserStream(settings.user_url, venue.listen_key, request.keepalive_s),
    )


VENUE = VenuePlugin(name="binance_usdm", hosts=HOSTS, connect=_connect, mask=masked)
