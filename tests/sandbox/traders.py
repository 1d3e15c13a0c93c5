"""The three clients of each venue, pointed at the sandbox by a base URL only."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from typing import Any, TypeVar

from tests.sandbox.binance_clients import binance_client
from tests.sandbox.binance_sdks import rest_client
from tests.sandbox.helpers import rest_exchange, spot_exchange

T = TypeVar("T")


class SdkClient:
    """The blocking REST methods of Binance's own SDK, each in a thread."""

    def __init__(self, client: Any) -> None:
        self._client = client

    async def _request(self, method: str, *args: Any, **more: Any) -> Any:
        response = await asyncio.to_thread(getattr(self._client, method), *args, **more)
        return response.data()


@asynccontextmanager
async def opened_trader(
    name: str, venue: str, url: str, kinds: Mapping[str, Callable[[Any], T]]
) -> AsyncIterator[T]:
    """Yield the client ``name`` as ``kinds`` wraps it, and close it at the end."""
    if name == "ccxt":
        client = rest_exchange(url) if venue == "usdm" else spot_exchange(url)
        try:
            yield kinds[name](client)
        finally:
            await client.close()
    elif name == "python-binance":
        async with binance_client(url) as (binance, _):
            yield kinds[name](binance)
    else:
        yield kinds[name](rest_client(venue, url))
