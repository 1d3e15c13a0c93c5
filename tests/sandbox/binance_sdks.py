"""Binance's own SDKs, imported on first use.

The import takes seconds, which test processes that run other files need not spend.
"""

from __future__ import annotations

from typing import Any

KEYS = {"api_key": "sandbox", "api_secret": "sandbox"}


def rest_client(venue: str, url: str) -> Any:
    """Return the REST client of ``venue`` (spot or usdm)."""
    from binance_common.configuration import ConfigurationRestAPI

    settings = ConfigurationRestAPI(base_path=url, **KEYS, timeout=5000)
    return _kind(venue)(config_rest_api=settings).rest_api


def websocket_api(venue: str, url: str) -> Any:
    """Return a client of the WebSocket API at ``url``, not yet connected."""
    from binance_common.configuration import ConfigurationWebSocketAPI

    settings = ConfigurationWebSocketAPI(stream_url=url, **KEYS)
    return _kind(venue)(config_ws_api=settings).websocket_api


def market_streams(venue: str, url: str) -> Any:
    """Return a client of the streams at ``url``, not yet connected."""
    from binance_common.configuration import ConfigurationWebSocketStreams

    settings = ConfigurationWebSocketStreams(stream_url=url)
    return _kind(venue)(config_ws_streams=settings).websocket_streams


def batch_order(**values: Any) -> Any:
    """Return one order of a USDⓈ-M batch."""
    from binance_sdk_derivatives_trading_usds_futures.rest_api import models

    return models.PlaceMultipleOrdersBatchOrdersParameterInner(**values)


def _kind(venue: str) -> Any:
    if venue == "spot":
        from binance_sdk_spot.spot import Spot

        return Spot
    from binance_sdk_derivatives_trading_usds_futures.derivatives_trading_usds_futures import (
        DerivativesTradingUsdsFutures,
    )

    return DerivativesTradingUsdsFutures
