"""python-binance's client, pointed at any host, under the host's budget."""

from __future__ import annotations

import warnings
from collections.abc import Awaitable, Callable
from dataclasses import replace
from typing import Any

import aiohttp

from flows.sources.binance_rest.hosts import USED_WEIGHT
from flows.sources.http import (
    CONNECT_ATTEMPTS,
    RETRIED,
    Host,
    HostClosed,
    HttpLimits,
    SourceError,
    WeightLimit,
)

# The library imports names that websockets has deprecated.
with warnings.catch_warnings():
    warnings.simplefilter("ignore", DeprecationWarning)
    from binance.async_client import AsyncClient
    from binance.exceptions import BinanceAPIException, BinanceRequestException

WEIGHTS = {
    "binance_usdm": WeightLimit(USED_WEIGHT, 2_400),
    "binance_spot": WeightLimit(USED_WEIGHT, 6_000),
}


class RestClient:
    """Calls of one venue, one at a time: the weight in an answer's header is that call's."""

    def __init__(self, venue: str, base_url: str, limits: HttpLimits) -> None:
        self.venue = venue
        self.url = base_url.rstrip("/")
        self.host = Host(self.url, replace(limits, parallel=1), WEIGHTS[venue])
        timeout = aiohttp.ClientTimeout(total=limits.silence_s, sock_connect=limits.connect_s)
        self._client = AsyncClient(session_params={"timeout": timeout, "trust_env": True})
        # The library knows hosts by country; a mirror or a test has another.
        self._client.FUTURES_URL = f"{self.url}/fapi"
        self._client.FUTURES_DATA_URL = f"{self.url}/futures/data"
        self._client.API_URL = f"{self.url}/api"

    @property
    def library(self) -> AsyncClient:
        """The library's client, whose methods `call` takes."""
        return self._client

    async def close(self) -> None:
        """Close the connections."""
        await self._client.close_connection()

    async def call(self, method: Callable[..., Awaitable[Any]], **parameters: Any) -> Any:
        """``method(**parameters)``, again where the world may mend.

        Raises `SourceError` with the exchange's code and text, `HostClosed` after HTTP 418.
        """
        limits, failure = self.host.limits, ""
        for attempt in range(limits.attempts):
            async with self.host:
                try:
                    answer = await method(**parameters)
                    self.host.heard(200, self._client.response.headers)
                    return answer
                except BinanceAPIException as error:
                    self.host.heard(error.status_code, error.response.headers)
                    failure = _said(error)
                    if error.status_code not in (429, *RETRIED):
                        raise SourceError(f"{self._what(method)}: {failure}") from error
                except BinanceRequestException as error:
                    raise SourceError(f"{self._what(method)}: {error.message}") from error
                except aiohttp.ClientConnectorError as error:
                    failure = str(error)
                    if attempt + 1 >= min(limits.attempts, CONNECT_ATTEMPTS):
                        raise self.host.unreachable(failure) from error
                except (aiohttp.ClientError, TimeoutError, ConnectionError) as error:
                    failure = str(error) or "no answer in time"
            await self.host.back_off(attempt)
        raise SourceError(f"{self._what(method)}: {failure}, after {limits.attempts} attempts")

    def _what(self, method: Callable[..., Awaitable[Any]]) -> str:
        return f"{self.url} {getattr(method, '__name__', method)}"


def _said(error: BinanceAPIException) -> str:
    """The exchange's own words; the library's, for an answer that is no JSON, hold a page."""
    if not error.code:
        return f"HTTP {error.status_code}, an answer that is no JSON"
    return f"HTTP {error.status_code}, code {error.code}: {error.message}"


__all__ = ["HostClosed", "RestClient"]
