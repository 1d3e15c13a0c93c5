"""Orders and balances of Binance spot over the WebSocket API.

The subscription belongs to the connection: each new one subscribes again.
"""

from __future__ import annotations

import asyncio
import hashlib
import hmac
import logging
import time
from collections.abc import Callable
from typing import Any

import orjson

from executor.model import StreamState, UserEvent
from executor.venues.binance.masking import masked
from executor.venues.binance.sockets import ReconnectingSocket, Socket
from executor.venues.binance_spot.parse import VENUE, user_events

log = logging.getLogger(__name__)

PATH = "/ws-api/v3"
METHOD = "userDataStream.subscribe.signature"
_ENDINGS = frozenset({"eventStreamTerminated", "serverShutdown"})


class BinanceSpotUserStream:
    """Implements `executor.venues.interface.UserStream`; ``offset_ms`` is exchange minus local."""

    def __init__(self, ws_url: str, key: str, secret: str, offset_ms: Callable[[], int]) -> None:
        self._key = key
        self._secret = secret.encode()
        self._offset_ms = offset_ms
        self._socket = ReconnectingSocket(VENUE, "user", ws_url, self._path, None)
        self._closing: asyncio.Task[Any] | None = None
        self._sink: Callable[[UserEvent], None] | None = None

    async def _path(self) -> str:
        return PATH

    async def run(self, sink: Callable[[UserEvent], None]) -> None:
        """Read until cancelled, reconnecting without end."""
        self._sink = sink

        def state(event: StreamState) -> None:
            # A connection without its subscription reports nothing: it is up once that is answered.
            if not event.up:
                sink(event)

        await self._socket.run(self._subscribe, self._deliver, state)

    async def renew(self) -> None:
        """Hang up; the socket connects again."""
        self._hang_up()

    def _deliver(self, message: Any) -> None:
        assert self._sink is not None
        if "status" in message:
            self._answered(message)
            return
        event = message.get("event", message)
        if event.get("e") in _ENDINGS:
            self._hang_up()
        for found in user_events(event):
            self._sink(found)

    def _answered(self, message: Any) -> None:
        assert self._sink is not None
        if message["status"] == 200:
            self._sink(StreamState(VENUE, "user", True))
        else:
            log.error("%s: no user stream: %s", VENUE, masked(str(message.get("error"))))
            self._hang_up()

    async def _subscribe(self, socket: Socket) -> None:
        params: dict[str, Any] = {
            "apiKey": self._key,
            "timestamp": int(time.time() * 1000) + self._offset_ms(),
        }
        text = "&".join(f"{name}={params[name]}" for name in sorted(params))
        params["signature"] = hmac.new(self._secret, text.encode(), hashlib.sha256).hexdigest()
        request = {"id": "subscribe", "method": METHOD, "params": params}
        await socket.send_str(orjson.dumps(request).decode())

    def _hang_up(self) -> None:
        if self._socket.socket is not None:
            self._closing = asyncio.create_task(self._socket.socket.close())
