"""The connections of the user streams: which are up, and a new one for one that is silent."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Mapping

from executor.bus.events import EventType
from executor.market_data.stream_alerts import say_stream_down
from executor.model import StreamState
from executor.services import Services
from executor.venues.interface import UserStream
from executor.venues.retry import CONNECT_WITHIN_S
from trading.errors import VenueError

log = logging.getLogger(__name__)

RENEW_EVERY_S = 30.0
"""Least time between two connections of a user stream that is up but silent."""


class UserConnections:
    """Follows the connections of the user streams, by venue."""

    def __init__(self, services: Services, streams: Mapping[str, UserStream]) -> None:
        self._services = services
        self._streams = streams
        self._connected = {venue: asyncio.Event() for venue in streams}
        self._renewed: dict[str, float] = {}
        self._up: set[str] = set()

    @property
    def up(self) -> bool:
        """Whether all of them are connected."""
        return self._up == set(self._streams)

    def on_state(self, event: StreamState) -> None:
        """A stream connected or broke off."""
        if event.up:
            self._up.add(event.venue)
            self._services.emit(EventType.WS_CONNECTED, venue=event.venue, stream=event.name)
            self._connected[event.venue].set()
        else:
            self._up.discard(event.venue)
            log.warning("%s: user stream down: %s", event.venue, event.detail)
            say_stream_down(self._services, event)
            self._services.emit(
                EventType.WS_DISCONNECTED,
                venue=event.venue,
                stream=event.name,
                detail=event.detail,
            )

    async def wait_connected(self, venue: str) -> None:
        """Wait for the first connection; `VenueError` when the time is up first."""
        try:
            async with asyncio.timeout(CONNECT_WITHIN_S):
                await self._connected[venue].wait()
        except TimeoutError as error:
            raise VenueError(
                f"the user stream did not open within {CONNECT_WITHIN_S:.0f} s;"
                f" check venues.{venue}.ws_url"
            ) from error

    def suspect(self, venue: str, why: str) -> None:
        """Connect a stream again, for ``why`` became known without it."""
        now = time.monotonic()
        lately = now - self._renewed.get(venue, -RENEW_EVERY_S) < RENEW_EVERY_S
        if lately or venue not in self._up:
            return
        self._renewed[venue] = now
        log.warning("%s: the user stream is silent (%s): connecting again", venue, why)
        self._services.emit(EventType.WS_RECONNECTING, venue=venue, stream="user", reason=why)
        self._services.alerts.send("user stream silent: connecting again", venue=venue, why=why)
        self._services.spawn("renew the user stream", self._streams[venue].renew())
