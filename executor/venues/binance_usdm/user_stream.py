"""Orders and balances of Binance USDⓈ-M over one socket with a listen key."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from typing import Any

from executor.model import StreamState, UserEvent
from executor.venues.binance.sockets import ReconnectingSocket, Socket
from executor.venues.binance_usdm.parse import VENUE, ListenKeyExpired, user_events
from executor.venues.faults import VenueFaultError

log = logging.getLogger(__name__)


class BinanceUserStream:
    """Implements `executor.venues.interface.UserStream`; ``listen_key`` gets or renews its key."""

    def __init__(
        self, ws_url: str, listen_key: Callable[[], Awaitable[str]], keepalive_s: float
    ) -> None:
        self._listen_key = listen_key
        self._keepalive_s = keepalive_s
        # Silence is normal here: only a missing report reveals a broken stream, see `renew`.
        self._socket = ReconnectingSocket(VENUE, "user", ws_url, self._path, None)
        self._closing: asyncio.Task[Any] | None = None

    async def _path(self) -> str:
        return f"/private/ws?listenKey={await self._listen_key()}"

    async def run(self, sink: Callable[[UserEvent], None]) -> None:
        """Read until cancelled, reconnecting without end."""

        def deliver(message: Any) -> None:
            for event in user_events(message.get("data", message)):
                if isinstance(event, ListenKeyExpired):
                    self._hang_up()
                else:
                    sink(event)

        def state(event: StreamState) -> None:
            sink(event)

        keepalive = asyncio.create_task(self._keep_alive())
        try:
            await self._socket.run(self._opened, deliver, state)
        finally:
            keepalive.cancel()

    async def renew(self) -> None:
        """Hang up; the socket connects again."""
        self._hang_up()

    async def _opened(self, socket: Socket) -> None:
        del socket

    def _hang_up(self) -> None:
        if self._socket.socket is not None:
            self._closing = asyncio.create_task(self._socket.socket.close())

    async def _keep_alive(self) -> None:
        while True:
            await asyncio.sleep(self._keepalive_s)
            try:
                await self._listen_key()
            except (VenueFaultError, KeyError, TypeError) as fault:
                # An odd answer must not end the loop.
                log.warning("the listen key was not extended: %r", fault)
