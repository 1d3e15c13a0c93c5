"""The connection of the user stream: whether it is up, and a new one when it is silent."""

from __future__ import annotations

import asyncio
import logging
import time

from executor.bus.events import EventType
from executor.model import StreamState
from executor.services import Services
from executor.venues.interface import UserStream
from executor.venues.retry import CONNECT_WITHIN_S
from trading.errors import VenueError

log = logging.getLogger(__name__)

RENEW_EVERY_S = 30.0
"""Least time between two connections of a user stream that is up but silent."""


class UserConnection:
    """Follows the user stream's connection."""

    def __init__(self, services: Services, stream: UserStream) -> None:
        self._services = services
        self._stream = stream
        self._connected = asyncio.Event()
        self._renewed = -RENEW_EVERY_S
        self.up = False

    def on_state(self, event: StreamState) -> None:
        """The stream connected or broke off."""
        self.up = event.up
        if event.up:
            self._services.emit(EventType.WS_CONNECTED, stream=event.name)
            self._connected.set()
        else:
            log.warning("user stream down: %s", event.detail)
            self._services.emit(EventType.WS_DISCONNECTED, stream=event.name, detail=event.detail)

    async def wait_connected(self) -> None:
        """Wait for the first connection; `VenueError` when the time is up first."""
        try:
            async with asyncio.timeout(CONNECT_WITHIN_S):
                await self._connected.wait()
        except TimeoutError as error:
            raise VenueError(
                f"the user stream did not open within {CONNECT_WITHIN_S:.0f} s; check venue.ws_url"
            ) from error

    def suspect(self, why: str) -> None:
        """Connect again, for ``why`` became known without the stream."""
        now = time.monotonic()
        if now - self._renewed < RENEW_EVERY_S or not self.up:
            return
        self._renewed = now
        log.warning("the user stream is silent (%s): connecting again", why)
        self._services.emit(EventType.WS_RECONNECTING, stream="user", reason=why)
        self._services.alerts.send("user stream silent: connecting again", why=why)
        self._services.spawn("renew the user stream", self._stream.renew())
