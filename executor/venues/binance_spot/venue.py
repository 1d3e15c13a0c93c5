"""Binance spot as a venue of the executor."""

from __future__ import annotations

from executor.venues.binance.masking import masked
from executor.venues.binance_spot.hosts import HOSTS
from executor.venues.interface import VenueConnection
from executor.venues.plugin import ConnectionRequest, VenuePlugin

MESSAGES_A_SECOND = 3
"""The exchange allows 5; the rest is for pings and pongs."""


def _connect(request: ConnectionRequest) -> VenueConnection:
    # Imported on use: the settings need the hosts, not the client library.
    from executor.venues.binance.market_stream import BinanceMarketStream
    from executor.venues.binance_spot.client import BinanceSpot
    from executor.venues.binance_spot.user_stream import BinanceSpotUserStream

    settings = request.settings
    venue = BinanceSpot(settings, request.key, request.secret)
    return VenueConnection(
        venue,
        BinanceMarketStream(
            venue.name,
            settings.ws_url,
            "/ws",
            request.stale_s,
            None if request.stale_s is None else MESSAGES_A_SECOND,
        ),
        BinanceSpotUserStream(
            settings.user_url, request.key, request.secret, lambda: venue.offset_ms
        ),
    )


VENUE = VenuePlugin(name="binance_spot", hosts=HOSTS, connect=_connect, mask=masked)
