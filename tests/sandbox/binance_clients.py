"""Unmodified python-binance, pointed at the sandbox."""

from __future__ import annotations

import asyncio
import warnings
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

with warnings.catch_warnings():
    # python-binance imports a name that websockets has deprecated.
    warnings.simplefilter("ignore", DeprecationWarning)
    from binance import AsyncClient, BinanceSocketManager, DepthCacheManager
    from binance.exceptions import BinanceAPIException
    from binance.ws.constants import WSListenerState
__all__ = [
    "AsyncClient",
    "BinanceAPIException",
    "BinanceSocketManager",
    "DepthCacheManager",
    "WSListenerState",
]


@asynccontextmanager
async def binance_client(
    url: str, **keys: Any
) -> AsyncIterator[tuple[AsyncClient, BinanceSocketManager]]:
    """Yield an unmodified python-binance client, pointed at the sandbox by its URL attributes."""
    ws = url.replace("http", "ws", 1)

    class Pointed(AsyncClient):
        API_URL = f"{url}/api"
        MARGIN_API_URL = f"{url}/sapi"
        FUTURES_URL = f"{url}/fapi"
        FUTURES_DATA_URL = f"{url}/futures/data"
        WS_API_URL = f"{ws}/ws-api/v3"
        WS_FUTURES_URL = f"{ws}/ws-fapi/v1"

    class PointedManager(BinanceSocketManager):
        STREAM_URL = f"{ws}/"
        FSTREAM_URL = f"{ws}/"

    client = await Pointed.create(**(keys or {"api_key": "sandbox", "api_secret": "sandbox"}))
    try:
        yield client, PointedManager(client)
    finally:
        for socket in (client.ws_api, client.ws_future):
            if socket.ws is not None:
                # Its own shutdown waits ten seconds for a message that never comes.
                socket.ws_state = WSListenerState.EXITING
                await socket.ws.close()
                if socket._handle_read_loop is not None:
                    socket._handle_read_loop.cancel()
        await client.close_connection()


async def receive(socket: Any, wanted: Callable[[Any], bool], seconds: float = 5.0) -> Any:
    """Return the first message of a python-binance socket that is ``wanted``."""
    async with asyncio.timeout(seconds):
        while True:
            message = await socket.recv()
            if wanted(message):
                return message


@asynccontextmanager
async def opened(socket: Any) -> AsyncIterator[Any]:
    """Open a python-binance socket; at the end, stop its reader without its timeout."""
    await socket.__aenter__()
    try:
        yield socket
    finally:
        await ended(socket)


async def ended(socket: Any) -> None:
    """Stop the reader of a python-binance socket, which otherwise waits for its timeout."""
    if socket._handle_read_loop is not None:
        socket.ws_state = WSListenerState.EXITING
        socket._handle_read_loop.cancel()
    if socket.ws is not None:
        await socket.ws.close()
